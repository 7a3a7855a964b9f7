"""Brings nearer what retries and deliveries wait for when the clock was set back: nothing sleeps for longer than its own delay,
counted anew from then on.

That it was set while no service was there is told by attempts that have ended in the future.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..policy.destinations import own_wait_s
from ..policy.stimuli import ClockSetBack
from ..store import attempts, deliveries, queue
from ..store.database import Database
from .transitions import Transitions, told

log = logging.getLogger(__name__)
_MOST = 500  # runs in one transaction
_AGAIN_S = 1.0
_APART_S = 1.0  # by which clocks of several machines may differ


class Alarms:
    """Lives on the event loop."""

    def __init__(self, database: Database, transitions: Transitions, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._transitions = transitions
        self._clock = clock
        self._woken = asyncio.Event()

    async def start(self) -> None:
        """See whether the clock was set back before."""
        latest = await asyncio.to_thread(self._database.read, attempts.latest_end)
        if latest > self._clock() + _APART_S:
            log.info("The clock was set back while no service was there; what waits is looked at.")
            self.clock_set_back()

    def clock_set_back(self) -> None:
        """Somebody has noticed it."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._bring_nearer()
            except ServiceNotRunning:
                return
            except Exception:
                log.exception("What waits since before the clock was set back cannot be hastened; it is tried again.")
                await asyncio.sleep(_AGAIN_S)
                self._woken.set()

    async def _bring_nearer(self) -> None:
        now = self._clock()
        runs = await asyncio.to_thread(self._database.read, partial(queue.waiting_beyond, now=now))
        for first in range(0, len(runs), _MOST):
            page = runs[first : first + _MOST]
            await self._transitions.tell(told(*((run_id, ClockSetBack()) for run_id in page)))
        await asyncio.wrap_future(self._database.submit(partial(_hasten_deliveries, now)))


def _hasten_deliveries(now: float, conn: Connection) -> None:
    for delivery_id, tries, due in deliveries.waiting_beyond(conn, now):
        at_latest = now + own_wait_s(delivery_id, tries)
        if at_latest < due:
            deliveries.hasten(conn, delivery_id, at_latest)
