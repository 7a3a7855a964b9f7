"""The one way in which a run changes: stimuli go through `policy.lifecycle.advance` inside a transaction of the writer.

What has to be done about it outside the store is done after the commit, by `Hands`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..model.run import Run, State
from ..policy.instructions import Deliver, EmitRecords, Halt, Instruction, MakeRuns, Park, RecordAttempt
from ..policy.lifecycle import advance
from ..policy.stimuli import Ended, Published, Stimulus
from ..store import functions, lanes, runs
from ..store.database import Database
from ..store.runs import Change
from .catalog import Catalog
from .destinations import deliver
from .origins import note_outputs

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
    conn: Connection,
    catalog: Catalog,
    stimuli: Sequence[Told],
    now: float,
    *,
    known: Mapping[str, Run],
    just_read: bool = False,
) -> list[Step]:
    """Advance the runs and write what came of it; runs that do not exist are passed over. Part of an op of the writer.
    Runs that are `known`, as they stood some time ago, are read only if they have moved since. `just_read`: all of them
    are known, from this very transaction.
    """
    ids = {run_id for run_id, _ in stimuli}
    where = {i: runs.place_of(known[i]) for i in ids} if just_read else runs.places(conn, ids)
    current = runs.current(conn, ids, known, where)
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
    runs.apply(conn, changes, now, where=where)
    for step in steps:
        if written := _written(step):
            note_outputs(conn, catalog, step.after, written, now)
        for instruction in step.instructions:
            carry_out = _IN_THE_SAME_TRANSACTION.get(type(instruction))
            if carry_out is not None:
                carry_out(conn, catalog, instruction, now)
    return steps


def _written(step: Step) -> list[str]:
    """The files that a step says its run has written, or is about to put in place."""
    if isinstance(step.stimulus, Ended):
        outcome = step.stimulus.outcome
        staged = outcome.staged if step.after.state is State.PUBLISHING else ()
        return [*outcome.wrote, *(file.target for file in staged)]
    return [file.target for file in step.before.staged] if isinstance(step.stimulus, Published) else []


def _change(before: Run, after: Run, instructions: Iterable[Instruction], stimulus: Stimulus) -> Change:
    parts: dict[str, Any] = {}
    for instruction in instructions:
        if part := _PARTS.get(type(instruction)):
            name, value = part
            parts[name] = value(instruction)
    log = stimulus.outcome.log if isinstance(stimulus, Ended) else ""
    return Change(before=before, after=after, log=log, **parts)


_PARTS: Mapping[type, tuple[str, Callable[[Any], Any]]] = {  # what is written with the run
    RecordAttempt: ("attempt", attrgetter("attempt")),
    EmitRecords: ("records", attrgetter("records")),
    MakeRuns: ("children", attrgetter("runs")),
}


def _park(conn: Connection, catalog: Catalog, instruction: Park, now: float) -> None:
    lanes.park(conn, instruction.run, now)


def _halt(conn: Connection, catalog: Catalog, instruction: Halt, now: float) -> None:
    functions.set_state(conn, instruction.run.function, "paused")
    catalog.forget_functions()


_IN_THE_SAME_TRANSACTION: Mapping[type, Callable[[Connection, Catalog, Any, float], None]] = {
    Park: _park,
    Halt: _halt,
    Deliver: deliver,
}


class Transitions:
    """Tells stimuli to the store. After each commit `carry_out` gets the steps, on the event loop, before the teller does."""

    def __init__(self, database: Database, catalog: Catalog, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._pending: list[Telling] = []  # what has to be told when the present op is committed
        self._known: dict[str, Run] = {}  # runs as somebody saw them who tells of them
        self._telling: asyncio.Task[None] | None = None
        self._closing = False
        self.carry_out: Callable[[Sequence[Step]], None] = lambda _: None

    def tell(self, telling: Telling) -> asyncio.Future[list[Step]]:
        """Carry stimuli into the store. They are in the writer's queue when this returns, so what is submitted next
        sees what they have changed."""
        return self._tell_all([telling])

    def insist(self, telling: Telling, known: Iterable[Run] = ()) -> None:
        """Tell what must not be lost: again and again, when the store refuses it. What comes while an op is under way
        shares the next one, so the more there is to tell, the less each of it costs. `known` spares reading runs."""
        self._pending.append(telling)
        self._known.update((run.id, run) for run in known)
        if self._telling is None:
            first, self._pending = self._pending, []
            future = self._tell_all(first)
            self._telling = asyncio.get_running_loop().create_task(self._tell_on(first, future))

    async def settle(self) -> None:
        """Wait until everything is told."""
        if self._telling is not None:
            await self._telling

    async def close(self) -> None:
        """The same, but what the store refuses now is not told again: the next service finds the runs as they stand."""
        self._closing = True
        await self.settle()

    def _tell_all(self, tellings: list[Telling]) -> asyncio.Future[list[Step]]:
        future = asyncio.wrap_future(self._database.submit(self._op(tellings)))
        future.add_done_callback(self._committed)
        return future

    def _op(self, tellings: Sequence[Telling]) -> Callable[[Connection], list[Step]]:
        known, self._known = self._known, {}

        def op(conn: Connection) -> list[Step]:
            stimuli = [one for telling in tellings for one in telling(conn)]
            return transit(conn, self._catalog, stimuli, self._clock(), known=known)

        return op

    def _committed(self, future: asyncio.Future[list[Step]]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.carry_out(future.result())

    async def _tell_on(self, tellings: list[Telling], future: asyncio.Future[list[Step]]) -> None:
        """Until nothing is pending any more."""
        while tellings:
            try:
                await future
                left: list[Telling] = []
            except ServiceNotRunning:
                break  # the store is closed; the next service finds the runs as they stand
            except Exception:
                left = await self._refused(tellings)
            tellings, self._pending = [*left, *self._pending], []
            if tellings:
                future = self._tell_all(tellings)
        self._telling = None

    async def _refused(self, tellings: list[Telling]) -> list[Telling]:
        """What is to be told again, after a while. Of several each is told by itself first, for one that the store cannot
        take must not keep back the others."""
        log.exception("The store refused what happened to runs; it is told again.")
        if self._closing:
            return []
        await asyncio.sleep(_AGAIN_S)
        return tellings if len(tellings) == 1 else await self._told_apart(tellings)

    async def _told_apart(self, tellings: Sequence[Telling]) -> list[Telling]:
        """What of it was refused again."""
        try:
            done = await asyncio.gather(*map(self.tell, tellings), return_exceptions=True)
        except ServiceNotRunning:
            return []
        return [telling for telling, answer in zip(tellings, done, strict=True) if isinstance(answer, Exception)]
