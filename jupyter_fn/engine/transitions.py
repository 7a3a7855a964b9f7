"""The one way in which a run changes: stimuli go through `policy.lifecycle.advance` inside a transaction of the writer.

What has to be done about it outside the store is done after the commit, by `Hands`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..model.run import Attempt, Record, Run
from ..policy.lifecycle import EmitRecords, Ended, Instruction, RecordAttempt, Stimulus, advance
from ..store import runs
from ..store.database import Database
from ..store.runs import Change
from .catalog import Catalog

log = logging.getLogger(__name__)
_AGAIN_S = 1.0

Told = tuple[str, Stimulus]  # run id, what happened to it
Telling = Callable[[Connection], Iterable[Told]]


@dataclass(frozen=True, slots=True)
class Step:
    """One transition that is committed. `after is before` when the stimulus meant nothing any more."""

    stimulus: Stimulus
    before: Run
    after: Run
    instructions: tuple[Instruction, ...]


def told(*stimuli: Told) -> Telling:
    """Stimuli that are known already."""
    return lambda _: stimuli


def transit(
    conn: Connection, catalog: Catalog, stimuli: Sequence[Told], now: float, *, known: Mapping[str, Run] | None = None
) -> list[Step]:
    """Advance the runs and write what came of it; runs that do not exist are passed over. Part of an op of the writer,
    in which the runs that are `known` were read already."""
    current = dict(known) if known is not None else runs.get_all(conn, {run_id for run_id, _ in stimuli})
    steps: list[Step] = []
    changes: list[Change] = []
    for run_id, stimulus in stimuli:
        run = current.get(run_id)
        if run is None:
            continue
        after, instructions = advance(run, stimulus, now, catalog.of_run(conn, run).rules)
        steps.append(Step(stimulus, run, after, instructions))
        if after is not run:
            current[run_id] = after
            changes.append(_change(run, after, instructions, stimulus))
    runs.apply(conn, changes, now)
    return steps


def _change(before: Run, after: Run, instructions: Iterable[Instruction], stimulus: Stimulus) -> Change:
    attempt: Attempt | None = None
    records: tuple[Record, ...] = ()
    for instruction in instructions:
        if isinstance(instruction, RecordAttempt):
            attempt = instruction.attempt
        elif isinstance(instruction, EmitRecords):
            records = instruction.records
    log = stimulus.outcome.log if isinstance(stimulus, Ended) else ""
    return Change(before=before, after=after, attempt=attempt, records=records, log=log)


class Transitions:
    """Tells stimuli to the store. After each commit `carry_out` gets the steps, on the event loop, before the teller does."""

    def __init__(self, database: Database, catalog: Catalog, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._insisting: set[asyncio.Task[None]] = set()
        self.carry_out: Callable[[Sequence[Step]], None] = lambda _: None

    def tell(self, telling: Telling) -> asyncio.Future[list[Step]]:
        """Carry stimuli into the store. They are in the writer's queue when this returns, so what is submitted next
        sees what they have changed."""
        future = asyncio.wrap_future(self._database.submit(self._op(telling)))
        future.add_done_callback(self._committed)
        return future

    def insist(self, telling: Telling) -> None:
        """Tell what must not be lost: again and again, when the store refuses it."""
        future = self.tell(telling)
        task = asyncio.get_running_loop().create_task(self._insist(future, telling))
        self._insisting.add(task)
        task.add_done_callback(self._insisting.discard)

    async def settle(self) -> None:
        """Wait for what is being insisted on."""
        if self._insisting:
            await asyncio.wait(self._insisting)

    def _op(self, telling: Telling) -> Callable[[Connection], list[Step]]:
        return lambda conn: transit(conn, self._catalog, list(telling(conn)), self._clock())

    def _committed(self, future: asyncio.Future[list[Step]]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.carry_out(future.result())

    async def _insist(self, future: asyncio.Future[list[Step]], telling: Telling) -> None:
        while True:
            try:
                await future
            except ServiceNotRunning:
                return  # the store is closed; the next service finds the runs as they stand
            except Exception:
                log.exception("The store refused what happened to runs; it is told again.")
                await asyncio.sleep(_AGAIN_S)
                future = self.tell(telling)
            else:
                return
