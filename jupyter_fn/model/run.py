"""A run: the handling of one event by one version; its attempts; what each attempt used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .filled import Filled


class State(StrEnum):
    """Where a run is. `claimed` and `publishing` are moments of `running` and shown as such."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # given to a worker, not yet started
    RUNNING = "running"
    PUBLISHING = "publishing"  # won; its staged files are being put in place
    WAITING = "waiting"  # failed, will be tried again at `due`
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"
    SPLIT = "split"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"

    __hash__ = str.__hash__  # that of enumerations is written in Python, and sets of states are asked very often

    @property
    def terminal(self) -> bool:
        """No stimulus changes it any more."""
        return self in TERMINAL

    @property
    def shown(self) -> str:
        """The contract's name of it."""
        return "running" if self in (State.CLAIMED, State.PUBLISHING) else self.value


TERMINAL = frozenset(
    {State.SUCCEEDED, State.FAILED, State.DEAD, State.CANCELLED, State.SPLIT, State.UNKNOWN, State.SKIPPED}
)
HELD = frozenset({State.CLAIMED, State.RUNNING, State.PUBLISHING})  # counted by concurrency limits
SHOWN_STATES = tuple(s.value for s in State if s.shown == s.value)


class Reason(StrEnum):
    """Why a run is where it is; AWS's names where AWS has one."""

    NONE = ""
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_CONCURRENCY = "ZeroReservedConcurrency"
    FATAL = "Fatal"
    TIMEOUT = "Timeout"
    OUT_OF_MEMORY = "OutOfMemory"
    ENVIRONMENT_DIED = "EnvironmentDied"
    WORKER_LOST = "WorkerLost"
    CANCELLED = "Cancelled"
    LOOP = "LoopDetected"
    OWN_OUTPUT = "OwnOutput"  # the function itself wrote the file
    OVERLAP = "Overlap"  # the run of the fire time before was still under way
    SUPERSEDED = "Superseded"  # a newer version of its file came before it began
    FILTERED = "Filtered"  # the function's filter does not take its event
    EFFECT = "EffectUnknown"  # it ended behind an effect barrier: nobody can know what has happened outside


Ranges = tuple[tuple[int, int], ...]  # half-open, ascending


@dataclass(frozen=True, kw_only=True)
class Usage(Filled):
    """What one attempt used."""

    duration_ms: float = 0.0  # handler only
    init_ms: float = 0.0  # building the handler, when cold
    cold: bool = False
    max_memory_mb: int = 0  # peak, beyond what the zygote shares
    cpu_ms: float = 0.0  # self and children
    bytes_read: int = 0
    bytes_written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One file written under a run's token, waiting to be put in place."""

    staged: str  # URL
    target: str  # URL
    size: int


@dataclass(frozen=True, kw_only=True)
class Record(Filled):
    """One record for a topic."""

    topic: str
    value: Any
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome(Filled):
    """What an environment says of one attempt. Exactly one of `result` (when `error` is None) and `error` counts."""

    run_id: str
    token: int
    started: float  # epoch seconds
    ended: float
    usage: Usage
    result: Any = None  # JSON
    error: Mapping[str, Any] | None = None  # RunError.to_dict()
    staged: tuple[Staged, ...] = ()
    emitted: tuple[Record, ...] = ()
    log: str = ""  # bounded, both ends kept
    failed: tuple[int, ...] = ()  # of a batch: the items that failed, by their place among those of this attempt
    wrote: tuple[str, ...] = ()  # absolute paths and URLs that were opened for writing, staged ones left out


@dataclass(frozen=True, kw_only=True)
class Attempt(Filled):
    """One append-only row per attempt."""

    run_id: str
    number: int
    token: int
    worker: str
    started: float
    ended: float
    state: str  # succeeded | failed | throttled | lost | cancelled
    usage: Usage
    billed_ms: int
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Filled):
    """A run as stored. Frozen: `policy.lifecycle.advance` gives the next one; stores compare `(state, token)`."""

    id: str
    function: str
    version: int
    alias: str
    trigger: str
    event_id: str
    created: float
    memory_mb: int
    seq: int = 0
    state: State = State.QUEUED
    reason: str = ""
    token: int = 0
    attempts: int = 0  # started so far
    lost: int = 0  # attempts lost to infrastructure, not counted against retries
    interrupted: int = 0  # those of `lost` that the end of the service itself cut short
    batch_size: int = 1
    due: float = 0.0  # not claimed before
    priority: int = 0  # smaller first: live 0, retry 1, backfill 2
    parent: str = ""  # the run this one redrives, replays or splits
    hops: int = 0
    worker: str = ""
    started: float | None = None  # of the first attempt
    ended: float | None = None
    duration_ms: float = 0.0  # sums over attempts
    billed_ms: int = 0
    init_ms: float = 0.0
    cpu_ms: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0
    max_memory_mb: int = 0  # the largest of the attempts
    cold: bool = False  # the last attempt's
    price_book: str = "aws-lambda-x86"
    cost_usd: str = "0"  # exact decimal, over all attempts
    error: Mapping[str, Any] | None = None
    result: Any = None
    staged: tuple[Staged, ...] = ()  # while publishing
    emitted: tuple[Record, ...] = ()  # while publishing
    cancel_requested: bool = False
    throttled: int = 0  # attempts that asked to come back later, not counted against retries
    tried: int = 0  # failures of the same items in runs that this one was split from
    parts: Ranges = ()  # which items of its event's batch it handles; empty = all
    failed: Ranges = ()  # while publishing: the items that failed
    concurrency_key: str = ""  # what `--concurrency-key` gives for its event
    lane: str = ""  # runs of one lane take turns with those of others; with `rank` they go one after the other
    rank: str = ""  # place in an ordered lane, by text order
    replay: str = ""  # id of the replay that made it
    data: Mapping[str, Any] | None = None  # an edited event's own keys, in place of those of its event
    barrier: str = ""  # the last effect barrier that it has passed

    def replace(self, **changes: Any) -> Run:
        """A copy with some fields changed. Raises TypeError for a name that is no field."""
        values = self.__dict__ | changes
        if len(values) > len(self.__dict__):
            raise TypeError(f"A run has no field {min(changes.keys() - self.__dict__.keys())!r}.")
        return Run.filled(values)

    def skipped(self, reason: str, at: float) -> Run:
        """One that only holds its event's place in the ledger."""
        return self.replace(state=State.SKIPPED, reason=reason, ended=at)
