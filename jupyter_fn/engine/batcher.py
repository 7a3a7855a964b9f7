"""From single events that gather in the ledger to batches: as soon as one is full, and by a timer when its time is up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..model.trigger import Trigger
from ..store import batches, triggers
from ..store.database import Database
from .admission import close_batches, run_maker
from .catalog import Catalog
from .leadership import NotLed

log = logging.getLogger(__name__)
_AGAIN_S = 5.0


class Batcher:
    """One timer for each trigger of which something waits. What waits is in the store, so a restart forgets nothing."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        enqueue: Callable[[Callable[[Connection], Any]], Awaitable[Any]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._enqueue = enqueue
        self._clock = clock
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.function_changed: Callable[[str], None] = lambda name: None
        self.require: Callable[[Connection, str], None] = lambda conn, function: None

    async def start(self) -> None:
        """Take up what an earlier service left, or one that led other functions than now."""
        for trigger_id in await asyncio.to_thread(self._database.read, batches.gathering_triggers):
            await self._look(trigger_id)

    def close(self) -> None:
        """Close no batch any more; the next service does."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def wake_at(self, trigger_id: str, due: float | None) -> None:
        """The oldest of what waits goes at that time (epoch seconds); None: nothing waits."""
        timer = self._timers.pop(trigger_id, None)
        if timer is not None:
            timer.cancel()
        if due is not None:
            delay_s = max(due - self._clock(), 0.0)
            self._timers[trigger_id] = asyncio.get_running_loop().call_later(delay_s, self._ring, trigger_id)

    def _ring(self, trigger_id: str) -> None:
        del self._timers[trigger_id]
        task = asyncio.get_running_loop().create_task(self._look(trigger_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, trigger_id: str) -> None:
        try:
            trigger, due = await self._enqueue(partial(self._op, trigger_id))
        except (ServiceNotRunning, NotLed):
            return
        except Exception:
            log.exception("Batches of the trigger %s cannot be closed; it is tried again.", trigger_id)
            self.wake_at(trigger_id, self._clock() + _AGAIN_S)
            return
        self.wake_at(trigger_id, due)
        self.function_changed(trigger.function)

    def _op(self, trigger_id: str, conn: Connection) -> tuple[Trigger, float | None]:
        trigger = triggers.get(conn, trigger_id)
        self.require(conn, trigger.function)
        make_run = run_maker(conn, self._catalog, trigger.function, trigger.alias)
        return trigger, close_batches(conn, trigger, make_run, self._clock())
