"""The circuit breakers of all functions: counts how their runs end, says whose triggers rest, and remembers it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..model.run import TERMINAL, Run, State
from ..model.units import iso
from ..policy.breaker import Breaker, Fuse, Position, counts, has_failed, judge, replayed, weigh
from ..policy.instructions import MakeRuns, RecordAttempt
from ..store import breakers, functions
from ..store.database import Database
from .transitions import Step

log = logging.getLogger(__name__)
_CLOSED = Breaker()
_TELLING = TERMINAL | {State.WAITING}


class Breakers:
    """Lives on the event loop; `held_back` and `probing` may be asked from any thread.

    What is counted is in memory only: after a restart it is counted again from the runs in the store. So a trip that was
    not stored any more is made anew.
    """

    def __init__(self, database: Database, fuse: Fuse, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._fuse = fuse
        self._clock = clock
        self._windows: dict[str, Breaker] = {}  # of functions whose breaker is closed
        self._tripped: Mapping[str, Breaker] = {}  # the others; never changed, always replaced
        self._in_doubt: Mapping[
            str, str
        ] = {}  # run id → function: a run that tries it has ended, and not yet in the store
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.wake: Callable[[], None] = lambda: None
        self.leads: Callable[[str], bool] = lambda function: True
        self.function_changed: Callable[[str], None] = lambda name: None

    # --- asked

    def held_back(self, now: float) -> set[str]:
        """Functions of which no run that a trigger made may be claimed."""
        rest = {name for name, one in self._tripped.items() if one.position(now) is Position.OPEN}
        return rest.union(self._in_doubt.values())

    def probing(self, now: float) -> set[str]:
        """Functions of which workers may hold one run that a trigger made, and no more."""
        return {name for name, one in self._tripped.items() if one.position(now) is Position.HALF_OPEN}

    def of(self, name: str) -> Breaker:
        """The breaker of a function."""
        return self._tripped.get(name) or self._windows.get(name, _CLOSED)

    def says(self, name: str) -> str:
        """Why the triggers of a function rest, and until when; "" when they do not."""
        breaker = self._tripped.get(name)
        if breaker is None:
            return ""
        if breaker.position(self._clock()) is Position.HALF_OPEN:
            return f"{breaker.error} One run at a time is tried now."
        return f"{breaker.error} One run is tried at {iso(breaker.until)}; jupyter fn resume {name} goes on at once."

    # --- told

    def take_up(self, conn: Connection, now: float) -> None:
        """What an earlier service left, and what it would have counted. Part of an op; `start` comes after it."""
        if self._fuse.runs <= 0:
            return
        kept = breakers.kept(conn)
        found = {one.name: self._counted(conn, one.name, kept, now) for one in functions.list_all(conn)}
        self._windows = {name: breaker for name, breaker in found.items() if not breaker.trips}
        self._tripped = {name: breaker for name, breaker in found.items() if breaker.trips}
        for name, breaker in self._tripped.items():
            if not kept.get(name, _CLOSED).trips and self.leads(name):
                breakers.keep(conn, name, breaker)

    def _counted(self, conn: Connection, name: str, kept: Mapping[str, Breaker], now: float) -> Breaker:
        breaker = kept.get(name, _CLOSED)
        endings = breakers.last_endings(conn, name, after=breaker.since, most=self._fuse.runs)
        return replayed(breaker, endings, now, self._fuse)

    def start(self) -> None:
        """Have those that are open tried in time, whatever has become of the clock."""
        now = self._clock()
        for name, breaker in self._tripped.items():
            nearer = breaker.set_back(now) if self.leads(name) else breaker
            if nearer is not breaker:
                self._turn(name, nearer)
            else:
                self._ring_at(name, breaker.until)

    def close(self) -> None:
        """Try nothing any more."""
        for timer in self._timers.values():
            timer.cancel()

    def outcomes(self, runs: Iterable[Run]) -> None:
        """These have ended; how, `carry_out` is told after that is committed. Until then no other run is tried."""
        doubt = {run.id: run.function for run in runs if run.function in self._tripped and counts(run)}
        if doubt:
            self._in_doubt = {**self._in_doubt, **doubt}

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Count how runs have ended."""
        if self._fuse.runs <= 0:
            return
        now = self._clock()
        for step in steps:
            told = step.after.state in _TELLING and step.after is not step.before and counts(step.after)
            if told and self.leads(step.after.function):
                for verdict in self._verdicts(step, now):
                    self._weigh(step.after.function, verdict, now)
        if self._in_doubt:
            known = {step.after.id for step in steps}
            self._in_doubt = {run: name for run, name in self._in_doubt.items() if run not in known}

    def _verdicts(self, step: Step, now: float) -> Iterator[bool]:
        if step.after.replay and not self.of(step.after.function).trips:
            return  # replays of what was bad before are no reason to rest; as a trial one is as good as another
        attempt = next((one.attempt for one in step.instructions if isinstance(one, RecordAttempt)), None)
        own = judge(self.of(step.after.function), step.after, attempt, now)
        if own is not None:
            yield own
        for child in _children(step) if step.after.state is State.SPLIT else ():
            verdict = has_failed(child.state, str(child.reason))
            if verdict is not None:
                yield verdict

    def _weigh(self, name: str, failed: bool, now: float) -> None:
        before = self.of(name)
        after = weigh(before, failed, now, self._fuse)
        if after.trips or before.trips:
            if after is not before:
                self._turn(name, after)
        else:
            self._windows[name] = after

    # --- by hand

    def reset(self, name: str) -> None:
        """Close the breaker of a function, whatever its runs did."""
        if not self.leads(name):
            self._store(partial(_reset, name, self._clock()))
        elif self.of(name).trips:
            self._turn(name, Breaker(since=self._clock()))

    def try_now(self, name: str) -> None:
        """Somebody has changed the function: one run is tried at once."""
        breaker, now = self.of(name), self._clock()
        if not self.leads(name):
            self._store(partial(_ready, name, now))
        elif breaker.position(now) is Position.OPEN:
            self._turn(name, breaker.ready(now))

    def forget(self, name: str) -> None:
        """The function is gone."""
        self._windows.pop(name, None)
        self._tripped = {other: one for other, one in self._tripped.items() if other != name}
        self._store(partial(breakers.forget, function=name))

    def hear(self, kept: Mapping[str, Breaker]) -> None:
        """How breakers stand in the store, where other services may have turned them: all those of functions that they
        lead; of the others those that somebody closed, or set half-open, by hand. Anything else is older than what is
        known here."""
        for name, there in kept.items():
            here = self.of(name)
            closed = not there.trips and there.since > here.since
            hastened = (there.trips, there.since) == (here.trips, here.since) and there.until < here.until
            if there.trips and not self.leads(name):
                self._tripped = {**self._tripped, name: there}
            elif here.trips and (closed or hastened):
                self._adopt(name, there)

    # --- turning

    def _turn(self, name: str, breaker: Breaker) -> None:
        """It stands somewhere else now: remember that, and tell those whom it concerns."""
        if breaker.trips:
            log.warning("The triggers of %s rest until %s. %s", name, iso(breaker.until), breaker.error)
        else:
            log.info("The triggers of %s go on.", name)
        self._store(partial(breakers.keep, function=name, breaker=breaker))
        self._adopt(name, breaker)

    def _adopt(self, name: str, breaker: Breaker) -> None:
        others = {other: one for other, one in self._tripped.items() if other != name}
        if breaker.trips:
            self._tripped = {**others, name: breaker}
            self._windows.pop(name, None)
        else:
            self._tripped, self._windows[name] = others, breaker
        self._ring_at(name, breaker.until)
        self.function_changed(name)
        self.wake()

    def _ring_at(self, name: str, until: float) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        delay_s = until - self._clock()
        if delay_s > 0:
            self._timers[name] = asyncio.get_running_loop().call_later(delay_s, self._ring, name)

    def _ring(self, name: str) -> None:
        del self._timers[name]
        self.function_changed(name)
        self.wake()

    def _store(self, op: Callable[[Connection], None]) -> None:
        try:
            self._database.submit(op).add_done_callback(_report)
        except ServiceNotRunning:
            log.debug("The store is closed; the next service counts again.")


def _reset(name: str, now: float, conn: Connection) -> None:
    if breakers.kept(conn).get(name, _CLOSED).trips:
        breakers.keep(conn, name, Breaker(since=now))


def _ready(name: str, now: float, conn: Connection) -> None:
    breaker = breakers.kept(conn).get(name, _CLOSED)
    if breaker.position(now) is Position.OPEN:
        breakers.keep(conn, name, breaker.ready(now))


def _report(future: object) -> None:
    error = getattr(future, "exception", lambda: None)()
    if error is not None:
        log.error("The circuit breakers cannot be stored; a restart counts again.", exc_info=error)


def _children(step: Step) -> Iterator[Run]:
    """The runs in which a split one lives on; some of them have ended with it."""
    for instruction in step.instructions:
        if isinstance(instruction, MakeRuns):
            yield from instruction.runs
