"""How many workers there are: looks when somebody wants some, and every second while there are any or some are wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from sqlalchemy import Connection

from ..executors.protocol import Executor
from ..model.errors import FnError
from ..policy.scaling import Demand, scale
from ..policy.warmth import shares, workers_for
from ..runtime.assignment import Terms
from ..store import costs, queue
from ..store.database import Database
from .bench import Bench
from .catalog import Catalog

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_REST_S = 0.1  # between two looks at least
_START_LIMIT_S = 30.0  # a worker that was asked for and has not joined by then is not counted on


class Scaler:
    """Carries out `policy.scaling`, and takes down how long workers are busy."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        bench: Bench,
        catalog: Catalog,
        *,
        slots_per_worker: int,
        target_latency_s: float,
        idle_timeout_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._executor = executor
        self._bench = bench
        self._catalog = catalog
        self._slots_per_worker = slots_per_worker
        self._target_latency_s = target_latency_s
        self._idle_timeout_s = idle_timeout_s
        self._clock = clock
        self._wanted = asyncio.Event()
        self._asked, self._asked_at = 0, 0.0
        self._told: dict[str, dict[str, int]] = {}  # worker → digest of terms → how many to keep ready
        self._lacking = False  # workers that are wanted and not there
        self.most: int | None = None  # fewer than the cluster could have; those beyond leave when they have ended
        self.held_back: Callable[[float], set[str]] = lambda now: set()
        self.leads: Callable[[str], bool] = lambda function: True

    def want_workers(self) -> None:
        """There is work without a place."""
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if self._bench.workers or self._lacking else None):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.look()
            except FnError as error:
                log.error("The cluster cannot be scaled: %s %s", error.cause, error.remedy)
            except Exception:
                log.exception("The cluster cannot be scaled.")
            await asyncio.sleep(_REST_S)

    async def look(self) -> None:
        """Decide once, and have it done."""
        self._lacking = True  # until it is done
        now = self._clock()
        await self.take_down()
        demands = await self._demands(now)
        kept = await self._kept()
        fewest, most = self._executor.limits
        most = max(most, len(self._bench.workers)) if self.most is None else min(most, self.most)
        fewest = min(max(fewest, workers_for((number for _, number in kept), self._slots_per_worker)), most)
        decision = scale(
            demands,
            self._bench.standings(),
            now=now,
            slots_per_worker=self._slots_per_worker,
            target_latency_s=self._target_latency_s,
            idle_timeout_s=self._idle_timeout_s,
            fewest=min(fewest, most),
            most=most,
            starting=self._starting(now),
        )
        self._bench.drain({*decision.drain, *decision.retire})
        there = len(self._bench.workers)
        if decision.retire or decision.wanted > there:
            self._asked, self._asked_at = decision.wanted, now
            await self._executor.scale(decision.wanted, decision.retire)
        self._lacking = decision.wanted > len(self._bench.workers)
        await self._keep_warm(kept)

    async def _kept(self) -> list[tuple[Terms, int]]:
        """What is to be ready on the workers of this service."""
        kept = await asyncio.to_thread(self._database.read, self._catalog.read_kept)
        return [wish for name, wish in sorted(kept.items()) if self.leads(name)]

    async def _keep_warm(self, kept: Sequence[tuple[Terms, int]]) -> None:
        """Tell each worker what is new for it: those that come and go change what the others are to keep."""
        terms = {wish.digest: wish for wish, _ in kept}
        there = [seat.worker.id for seat in self._bench.workers]
        wanted = shares({wish.digest: number for wish, number in kept}, there)
        self._told = {worker: told for worker, told in self._told.items() if worker in wanted}
        for worker, wishes in wanted.items():
            if wishes != self._told.get(worker, {}):
                self._told[worker] = wishes
                await self._executor.keep(worker, [(terms[digest], number) for digest, number in wishes.items()])
                self._bench.warmed(worker, [(terms[digest].function, terms[digest].version) for digest in wishes])

    async def take_down(self) -> None:
        """Write down how long workers were busy."""
        now = self._clock()
        busy = self._bench.settle(now)

        def op(conn: Connection) -> None:
            for worker, seconds in busy:
                costs.add_busy(conn, worker, seconds, now)

        if busy:
            await asyncio.wrap_future(self._database.submit(op))

    async def _demands(self, now: float) -> list[Demand]:
        backlog, limits = await asyncio.to_thread(
            self._database.read, lambda conn: (queue.backlog(conn, now), self._catalog.read_limits(conn))
        )
        for name in self.held_back(now):
            backlog.pop(name, None)  # it waits for its breaker, not for workers
        backlog = {name: runs for name, runs in backlog.items() if self.leads(name)}
        held = self._bench.held_by_function()
        return [
            Demand(
                runs=backlog.get(name, 0) + held[name],
                mean_s=self._bench.mean_s(name),
                limit=limits[name].total if name in limits else None,
            )
            for name in backlog.keys() | held.keys()
        ]

    def _starting(self, now: float) -> int:
        if now - self._asked_at > _START_LIMIT_S:
            return 0
        return max(0, self._asked - len(self._bench.workers))
