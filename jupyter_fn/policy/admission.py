"""Which queued runs may be claimed now, and which worker takes each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Protocol, TypeVar

from ..model.event import NewEvent
from ..model.run import Reason, Run

VersionKey = tuple[str, int]  # function, version number

PIPELINED_S = 0.05  # work queued per slot: hides the way to the worker and back, delays nobody noticeably
MAX_PER_SLOT = 128


def skip_overlaps(events: Iterable[NewEvent], *, under_way: bool) -> list[NewEvent]:
    """Fire times of a schedule with `overlap=skip`: none while a run of it is under way, and of several at once the first.
    The others are entered in the ledger, with the reason."""
    kept: list[NewEvent] = []
    for event in events:
        kept.append(replace(event, skip=Reason.OVERLAP.value) if under_way and not event.skip else event)
        under_way = True
    return kept


class Queued(Protocol):
    """What admission looks at of a run."""

    @property
    def function(self) -> str:
        """Name of its function."""
        ...

    @property
    def version(self) -> int:
        """Version that handles it."""
        ...

    @property
    def concurrency_key(self) -> str:
        """What its function's `--concurrency-key` gives for its event."""
        ...


class Lossy(Queued, Protocol):
    """What placing looks at of a run."""

    @property
    def lost(self) -> int:
        """Attempts lost with their workers."""
        ...

    @property
    def interrupted(self) -> int:
        """Those of them that the end of the service cut short."""
        ...


Q = TypeVar("Q", bound=Queued)
L = TypeVar("L", bound=Lossy)
MAX_LOST = 3  # the loss that is one too many
Key = tuple[str, str]  # function, concurrency key


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most runs of a function at once; None = as many as there is room for."""

    total: int | None = None
    per_key: int | None = None


def saturated(*, running: Mapping[str, int], limits: Mapping[str, Limits]) -> set[str]:
    """Functions of which nothing may be claimed now, so that they need not be read from the queue at all."""
    return {name for name, limit in limits.items() if _full(running.get(name, 0), limit.total)}


def _full(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def take_turns(candidates: Iterable[Run]) -> list[Run]:
    """In the order in which they are to be claimed: by priority, then the first of each line, the second of each, …; those
    of one turn in the order given, as those of one line. A line is a lane, or all of a function that have none."""
    lines: Counter[tuple[str, str]] = Counter()
    ordered = []
    for run in candidates:
        line = (run.function, run.lane)
        ordered.append((run.priority, lines[line], run))
        lines[line] += 1
    return [run for _, _, run in sorted(ordered, key=itemgetter(0, 1))]


def admit(
    candidates: Iterable[Q],
    *,
    running: Mapping[str, int],
    limits: Mapping[str, Limits],
    running_of_key: Mapping[Key, int] | None = None,
    room: int,
) -> list[Q]:
    """The candidates to claim, in the order given.

    Never more than `room`, and never so many that a function, or one of its keys, has more than its limit of runs held at
    once (`running` and `running_of_key` count `model.run.HELD`). One that is at its limit does not hold up the others
    behind it.
    """
    counts, of_key = Counter(dict(running)), Counter(dict(running_of_key or {}))
    chosen: list[Q] = []
    for candidate in candidates:
        if len(chosen) >= room:
            break
        name, limit = candidate.function, limits.get(candidate.function, _NO_LIMITS)
        key = (name, candidate.concurrency_key)
        if _full(counts[name], limit.total) or (candidate.concurrency_key and _full(of_key[key], limit.per_key)):
            continue
        counts[name] += 1
        of_key[key] += 1
        chosen.append(candidate)
    return chosen


_NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLoad:
    """What is known of a worker: how many runs of which version it holds, running or queued there, and what it has warm."""

    id: str
    slots: int
    held: Mapping[VersionKey, int] = field(default_factory=dict)
    warm: Collection[VersionKey] = ()
    closed: bool = False  # it holds a run that is to be alone


def place(
    runs: Sequence[L], workers: Iterable[WorkerLoad], *, durations_s: Mapping[VersionKey, float]
) -> list[tuple[L, str]]:
    """`(run, worker id)` for every run that finds room, in the order given; the others stay queued. One that `is_suspect`
    gets a worker that holds nothing else, and keeps it for itself; until there is one, the emptiest worker takes nothing.

    A version with a known mean duration so short that several fit into `PIPELINED_S` is queued on a slot up to that much
    work, at most `MAX_PER_SLOT` runs. Any other run gets a slot of its own. Workers that are warm for the version come
    first, then the least loaded.
    """
    loads = [_Load(worker, durations_s) for worker in workers]
    placed: list[tuple[L, str]] = []
    full: set[VersionKey] = set()
    for run in runs:
        key = (run.function, run.version)
        if is_suspect(run):
            placed += [(run, load.id) for load in _alone(loads)]
            continue
        if key in full:
            continue
        cost_s = _pipelined_s(durations_s.get(key))
        best = min((load for load in loads if load.has_room(cost_s)), key=lambda load: load.rank(key), default=None)
        if best is None:
            full.add(key)
            continue
        best.take(cost_s)
        placed.append((run, best.id))
    return placed


def _alone(loads: Iterable[_Load]) -> list[_Load]:
    """A worker that holds nothing and takes nothing more; none when all are at work, and then the emptiest is kept free."""
    best = min((load for load in loads if not load.closed), key=lambda load: load.short + load.long, default=None)
    if best is None:
        return []
    best.closed = True
    return [best] if best.short + best.long == 0 else []


def is_suspect(run: Lossy) -> bool:
    """Whether the run may be what kills its workers: the next loss would be the one too many."""
    return run.lost - run.interrupted >= MAX_LOST - 1


def room(workers: Iterable[WorkerLoad], *, durations_s: Mapping[VersionKey, float]) -> int:
    """Most runs that `place` could place now, were they all as short as can be: how many candidates are worth reading."""
    return sum(_Load(worker, durations_s).most() for worker in workers)


def worth_claiming(workers: Iterable[WorkerLoad], *, durations_s: Mapping[VersionKey, float]) -> bool:
    """Whether more should be claimed now: a worker has a slot without a run, or less than half the work queued that it
    may have. Until then claims are left to come together."""
    return any(_Load(worker, durations_s).wanting() for worker in workers)


def _pipelined_s(mean_s: float | None) -> float | None:
    """What one run adds to a slot's queue; None when it needs a slot of its own."""
    if mean_s is None or mean_s * 2 > PIPELINED_S:
        return None
    return max(mean_s, PIPELINED_S / MAX_PER_SLOT)


class _Load:
    """A worker while runs are being placed."""

    __slots__ = ("closed", "id", "long", "queued_s", "short", "slots", "warm")

    def __init__(self, worker: WorkerLoad, durations_s: Mapping[VersionKey, float]) -> None:
        self.id = worker.id
        self.slots = worker.slots
        self.warm = worker.warm
        self.closed = worker.closed
        self.long = 0  # runs with a slot of their own
        self.short = 0  # runs that share the other slots
        self.queued_s = 0.0  # the work of those
        for key, count in worker.held.items():
            cost_s = _pipelined_s(durations_s.get(key))
            self.take(cost_s, count)

    def take(self, cost_s: float | None, count: int = 1) -> None:
        if cost_s is None:
            self.long += count
        else:
            self.short += count
            self.queued_s += cost_s * count

    def has_room(self, cost_s: float | None) -> bool:
        shared = 0 if self.closed else self.slots - self.long
        if cost_s is None or shared <= 0:
            return shared > 0
        return self.queued_s + cost_s <= PIPELINED_S * shared * (1 + 1e-9)

    def rank(self, key: VersionKey) -> tuple[bool, float, int, str]:
        load_s = self.queued_s + PIPELINED_S * self.long
        return (key not in self.warm, load_s / self.slots, self.short + self.long, self.id)

    def wanting(self) -> bool:
        shared = self.slots - self.long
        return not self.closed and shared > 0 and (self.short < shared or self.queued_s < PIPELINED_S * shared / 2)

    def most(self) -> int:
        shared = 0 if self.closed else max(self.slots - self.long, 0)
        return max(MAX_PER_SLOT * shared - self.short, 0)
