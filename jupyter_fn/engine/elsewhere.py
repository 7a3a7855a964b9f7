"""What other services have done to the store, told to everybody here who has to know. Where they share one, there is a look
when one of them rings, and every second: ringing is a hint that may be lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from ..executors.protocol import Executor
from ..model.errors import ServiceNotRunning
from ..model.run import Run
from ..store import changes, runs
from ..store.bell import News
from ..store.breakers import kept
from ..store.changes import Place
from ..store.database import Database
from .bench import Bench
from .breaker import Breakers
from .facts import run_json
from .feed import Feed, wait_for
from .logs import StoreLogs

T = TypeVar("T")
log = logging.getLogger(__name__)
_LOOK_S = 1.0
_REST_S = 0.03  # what rings within this time is one look


class Elsewhere:
    """Lives on the event loop."""

    def __init__(
        self, database: Database, executor: Executor, bench: Bench, feed: Feed, logs: StoreLogs, breakers: Breakers
    ) -> None:
        self._database = database
        self._executor = executor
        self._bench = bench
        self._feed = feed
        self._logs = logs
        self._breakers = breakers
        self._place = Place()
        self._stopped: set[tuple[str, int]] = set()  # attempts that were told to stop
        self._woken = asyncio.Event()
        self.queued: Callable[[], None] = lambda: None
        self.finished: Callable[[], None] = lambda: None
        self.functions_changed: Callable[[], None] = lambda: None
        self.function_changed: Callable[[str], None] = lambda name: None

    def heard(self, news: Collection[News]) -> None:
        """Another service rings."""
        if News.QUEUED in news:
            self.queued()
        if set(news) != {News.QUEUED}:
            self._woken.set()

    async def start(self) -> None:
        """What comes from now on is new. Before anybody follows the store's logs: who follows looks himself first."""
        if self._database.shared:
            self._place = await self._read(changes.here)

    async def run(self) -> None:
        """Until cancelled."""
        while self._database.shared:
            try:
                await self._look()
            except ServiceNotRunning:
                return
            except Exception:
                log.exception("What other services did cannot be looked at; it is tried again.")
            await asyncio.sleep(_REST_S)
            if not await wait_for(self._woken, _LOOK_S):
                self.queued()  # whether somebody has rung or not
            self._woken.clear()

    async def _look(self) -> None:
        known, workers = self._place, {seat.worker.id for seat in self._bench.workers}
        found, stop = await self._read(lambda conn: (changes.since(conn, known), changes.to_stop(conn, workers)))
        self._place = found.place
        self._logs.grown(topics=found.topics, functions={function for _, function, _ in found.finished})
        await self._stop(stop)
        if found.place.functions != known.functions:
            self._breakers.hear(await self._read(kept))
            self.functions_changed()
        await self._finished({run_id: name for run_id, name, worker in found.finished if worker not in workers})
        if found.more:
            self._woken.set()

    async def _stop(self, wanted: Collection[Run]) -> None:
        attempts = {(run.id, run.token): run for run in wanted}
        for attempt in attempts.keys() - self._stopped:
            await self._executor.cancel(attempts[attempt].worker, *attempt)
        self._stopped = set(attempts)

    async def _finished(self, functions: Mapping[str, str]) -> None:
        """Tell those who wait for these runs, and who follow; run id → function."""
        if not functions:
            return
        self.finished()
        for name in set(functions.values()):
            self.function_changed(name)
        wanted = functions.keys() if self._feed.followed else functions.keys() & self._feed.awaited
        found = await self._read(lambda conn: runs.get_all(conn, wanted)) if wanted else {}
        for run in found.values():
            self._feed.push("run", partial(run_json, run), function=run.function, key=run.id)
            self._feed.ended(run, lambda: None)

    async def _read(self, question: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._database.read, question)
