"""Gives up runs that nobody would begin in time, or at all: those of events that are too old, and those of functions with
`--concurrency 0`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..model.run import Reason
from ..policy.stimuli import GivenUp
from ..policy.verdict import may_run_nothing, too_old
from ..store import functions, waiting
from ..store.database import Database
from .catalog import Catalog, live_version
from .feed import wait_for
from .transitions import Told, Transitions, told

log = logging.getLogger(__name__)
_MOST = 500  # runs in one transaction
_AGAIN_S = 1.0
_REST_S = 0.05
_REST_SHARE = 9  # of a look's own time: 10 % of one core at most
_FOR_EVER_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be given up now, whether there is more, and when to look again; `closed` are the functions that may run
    nothing at present."""

    stimuli: list[Told]
    more: bool
    due: float | None
    closed: frozenset[str]


class Sweeper:
    """Looks when somebody wakes it, and when the oldest of what waits is too old. Without such functions it sleeps."""

    def __init__(
        self, database: Database, catalog: Catalog, transitions: Transitions, *, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._transitions = transitions
        self._clock = clock
        self._woken = asyncio.Event()
        self._closed: frozenset[str] = frozenset()
        self.leads: Callable[[str], bool] = lambda function: True

    def wake(self) -> None:
        """Functions have changed."""
        self._woken.set()

    def enqueued(self) -> None:
        """Runs have come into the queue."""
        if self._closed:
            self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            started, wait_s = time.monotonic(), _AGAIN_S
            try:
                wait_s = await self._sweep()
            except ServiceNotRunning:
                return
            except Exception:
                log.exception("Runs that wait cannot be looked at; it is tried again.")
            await asyncio.sleep(max(_REST_S, _REST_SHARE * (time.monotonic() - started)))
            await wait_for(self._woken, wait_s)

    async def _sweep(self) -> float:
        """Look once and give up what is found; how long to wait for a wake-up."""
        look = await asyncio.to_thread(self._database.read, partial(self._look, self._clock()))
        self._closed = look.closed
        if look.stimuli:
            await self._transitions.tell(told(*look.stimuli))
        if look.more:
            return 0.0
        return _FOR_EVER_S if look.due is None else max(look.due - self._clock(), _AGAIN_S)

    def _look(self, now: float, conn: Connection) -> Look:
        stimuli, due = self._aged(conn, now)
        closed = self._closed_functions(conn)
        for name in closed:
            for run in waiting.of_function(conn, name, most=_MOST - len(stimuli)):
                stimuli.append((run.id, GivenUp(Reason.ZERO_CONCURRENCY, may_run_nothing(run))))
        return Look(stimuli, len(stimuli) >= _MOST, due, closed)

    def _aged(self, conn: Connection, now: float) -> tuple[list[Told], float | None]:
        """What is too old, and when the next of the others is. What comes later is not before the least age."""
        stimuli: list[Told] = []
        dues = []
        for function, ages in waiting.ages(conn).items():
            if not self.leads(function):
                continue
            for number, age_s in ages.items():
                rules = self._catalog.entry(conn, function, number).rules
                old = waiting.older(conn, function, number, now - age_s, most=_MOST - len(stimuli))
                for run in old:
                    changes = too_old(run, now, rules)
                    stimuli.append((run.id, GivenUp(changes["reason"], changes["error"])))
            oldest = waiting.oldest(conn, function, ages)
            dues += [now + min(ages.values()), *([oldest] if oldest is not None else [])]
        return stimuli, min(dues, default=None)

    def _closed_functions(self, conn: Connection) -> frozenset[str]:
        active = (one for one in functions.list_all(conn) if one.state == functions.ACTIVE and self.leads(one.name))
        live = ((one.name, live_version(one)) for one in active)
        entries = ((name, self._catalog.entry(conn, name, number)) for name, number in live if number)
        return frozenset(name for name, entry in entries if entry.version.options.concurrency == 0)
