"""The circuit breaker of a function: when too many of its runs fail, its triggers rest for a while.

::

    closed ─ half of a full window failed → open(until) ─ until → half-open: one run at a time
      ↑                                        ↑                     │
      │                                        └──── it failed ──────┤
      └─────────────── it succeeded, the window is forgotten ────────┘

Runs by hand are neither counted nor held back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, TypeVar

from ..model.event import BY_HAND
from ..model.run import Attempt, Reason, Run, State

LONGEST_PAUSE_S = 300.0
_NOT_ITS_FAULT = frozenset({Reason.EVENT_AGE_EXCEEDED, Reason.ZERO_CONCURRENCY, Reason.LOOP})  # it was never begun


class Position(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuse:
    """What the settings say: with `share` of the last `runs` failed it opens, for `pause_s`, doubled for each trip in a
    row. 0 runs: it never does."""

    runs: int = 20
    share: float = 0.5
    pause_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The breaker of one function. Closed while `trips` is 0."""

    window: tuple[bool, ...] = ()  # of the last runs, the oldest first, whether they failed
    trips: int = 0  # in a row
    since: float = 0.0  # epoch seconds: opened, or closed again; what ended before does not count
    until: float = 0.0  # half-open from then on
    error: str = ""  # why it is open

    def position(self, now: float) -> Position:
        """Where it stands at that moment."""
        if not self.trips:
            return Position.CLOSED
        return Position.OPEN if now < self.until else Position.HALF_OPEN

    def ready(self, now: float) -> Breaker:
        """The same, half-open from now on."""
        return replace(self, until=now)

    def set_back(self, now: float) -> Breaker:
        """The same; its pause begins now when it would begin later, for then the clock was set back since."""
        later_s = self.since - now
        return self if later_s <= 0 else replace(self, since=now, until=self.until - later_s)


def weigh(breaker: Breaker, failed: bool, now: float, fuse: Fuse) -> Breaker:
    """The breaker after one more run has failed, or succeeded. While it is open nothing counts."""
    position = breaker.position(now)
    if position is Position.CLOSED:
        return _count(breaker, failed, now, fuse)
    if position is Position.OPEN:
        return breaker
    if not failed:
        return Breaker(since=now)
    return _open(breaker, now, fuse, "The run that was let through to try it failed.")


def _count(breaker: Breaker, failed: bool, now: float, fuse: Fuse) -> Breaker:
    if fuse.runs <= 0 or (not failed and len(breaker.window) == fuse.runs and True not in breaker.window):
        return breaker  # all was well, and is
    window = (*breaker.window, failed)[-fuse.runs :]
    bad = sum(window)
    if len(window) < fuse.runs or not failed or bad < fuse.share * fuse.runs:
        return replace(breaker, window=window)
    return _open(breaker, now, fuse, f"{bad} of the last {fuse.runs} runs failed.")


def _open(breaker: Breaker, now: float, fuse: Fuse, error: str) -> Breaker:
    trips = breaker.trips + 1
    pause_s = min(fuse.pause_s * 2.0 ** min(breaker.trips, 60), max(LONGEST_PAUSE_S, fuse.pause_s))
    return Breaker(trips=trips, since=now, until=now + pause_s, error=error)


class Made(Protocol):
    """What is looked at of a run that may be claimed."""

    @property
    def function(self) -> str:
        """Name of its function."""
        ...

    @property
    def trigger(self) -> str:
        """What made it."""
        ...


C = TypeVar("C", bound=Made)


def counts(run: Made) -> bool:
    """Whether the runs of this kind are counted, and held back: those that nobody asked for by hand."""
    return run.trigger != BY_HAND


def has_failed(state: State, reason: str) -> bool | None:
    """Whether a run in that state has failed; None when it says nothing of its function."""
    if state is State.SUCCEEDED:
        return False
    if state in (State.DEAD, State.UNKNOWN) and reason not in _NOT_ITS_FAULT:
        return True
    return None


def judge(breaker: Breaker, run: Run, attempt: Attempt | None, now: float) -> bool | None:
    """As `has_failed`, of a run that has just changed. A half-open breaker does not wait for its retries: one `attempt`
    that failed tells as much."""
    if run.state is State.WAITING and attempt is not None and attempt.state == "failed":
        return True if breaker.position(now) is Position.HALF_OPEN else None
    return has_failed(run.state, str(run.reason))


def replayed(breaker: Breaker, endings: Iterable[tuple[State, str]], now: float, fuse: Fuse) -> Breaker:
    """A breaker that lost its window, after the last runs of its function have told again how they ended, the oldest
    first."""
    for ending in endings:
        failed = has_failed(*ending)
        if failed is not None and breaker.position(now) is Position.CLOSED:
            breaker = weigh(breaker, failed, now, fuse)
    return breaker


def let_through(candidates: Iterable[C], probing: Collection[str]) -> list[C]:
    """The candidates without all but the first that counts of each function that is being tried."""
    tried: set[str] = set()
    passed: list[C] = []
    for run in candidates:
        if run.function in probing and counts(run):
            if run.function in tried:
                continue
            tried.add(run.function)
        passed.append(run)
    return passed
