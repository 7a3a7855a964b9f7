"""Which queued runs may be claimed now, and which worker takes each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from ..model.event import NewEvent
from ..model.run import Reason

VersionKey = tuple[str, int]  # function, version number

PIPELINED_S = 0.05  # work queued per slot: hides the way to the worker and back, delays nobody noticeably
MAX_PER_SLOT = 64


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


Q = TypeVar("Q", bound=Queued)


def saturated(*, running: Mapping[str, int], limits: Mapping[str, int | None], paused: Collection[str]) -> set[str]:
    """Functions of which nothing may be claimed now, so that they need not be read from the queue at all."""
    full = {name for name, limit in limits.items() if limit is not None and running.get(name, 0) >= limit}
    return full | set(paused)


def admit(
    candidates: Iterable[Q],
    *,
    running: Mapping[str, int],
    limits: Mapping[str, int | None],
    paused: Collection[str] = (),
    room: int,
) -> list[Q]:
    """The candidates to claim, in the order given (priority, then sequence).

    Never more than `room`, none of a paused function, and never so many that a function has more than its limit of
    runs held at once (`running` counts `model.run.HELD`; a limit of None means no limit). One function at its limit
    does not hold up the others behind it.
    """
    counts = Counter(dict(running))
    chosen: list[Q] = []
    for candidate in candidates:
        if len(chosen) >= room:
            break
        name = candidate.function
        limit = limits.get(name)
        if name not in paused and (limit is None or counts[name] < limit):
            counts[name] += 1
            chosen.append(candidate)
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLoad:
    """What is known of a worker: how many runs of which version it holds, running or queued there, and what it has warm."""

    id: str
    slots: int
    held: Mapping[VersionKey, int] = field(default_factory=dict)
    warm: Collection[VersionKey] = ()


def place(
    runs: Sequence[Q], workers: Iterable[WorkerLoad], *, durations_s: Mapping[VersionKey, float]
) -> list[tuple[Q, str]]:
    """`(run, worker id)` for every run that finds room, in the order given; the others stay queued.

    A version with a known mean duration so short that several fit into `PIPELINED_S` is queued on a slot up to that much
    work, at most `MAX_PER_SLOT` runs. Any other run gets a slot of its own. Workers that are warm for the version come
    first, then the least loaded.
    """
    loads = [_Load(worker, durations_s) for worker in workers]
    placed: list[tuple[Q, str]] = []
    full: set[VersionKey] = set()
    for run in runs:
        key = (run.function, run.version)
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

    __slots__ = ("id", "long", "queued_s", "short", "slots", "warm")

    def __init__(self, worker: WorkerLoad, durations_s: Mapping[VersionKey, float]) -> None:
        self.id = worker.id
        self.slots = worker.slots
        self.warm = worker.warm
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
        shared = self.slots - self.long
        if cost_s is None or shared <= 0:
            return shared > 0
        return self.queued_s + cost_s <= PIPELINED_S * shared * (1 + 1e-9)

    def rank(self, key: VersionKey) -> tuple[bool, float, int, str]:
        load_s = self.queued_s + PIPELINED_S * self.long
        return (key not in self.warm, load_s / self.slots, self.short + self.long, self.id)

    def wanting(self) -> bool:
        shared = self.slots - self.long
        return shared > 0 and (self.short < shared or self.queued_s < PIPELINED_S * shared / 2)

    def most(self) -> int:
        shared = max(self.slots - self.long, 0)
        return max(MAX_PER_SLOT * shared - self.short, 0)
