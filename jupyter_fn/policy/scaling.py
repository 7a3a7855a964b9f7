"""How many workers are wanted, and which idle ones may go."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NEXT_TO_NOTHING = 1e-6  # slots: even a run that takes no time wants a worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Runs of one version that want a slot: those queued and due, and those held by workers."""

    runs: int
    mean_s: float | None = None  # measured duration, None while unknown
    limit: int | None = None  # most at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One worker. `idle_since` is when it last held a run, or joined; None while it holds one. A draining one takes no
    new runs."""

    id: str
    idle_since: float | None
    draining: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How many workers to have, the ids of those to retire for it, and of those that are to take no new runs, for they
    will be retired when they have ended what they hold."""

    wanted: int
    retire: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()


def scale(
    demands: Iterable[Demand],
    workers: Sequence[Standing],
    *,
    now: float,
    slots_per_worker: int,
    target_latency_s: float,
    idle_timeout_s: float,
    fewest: int = 0,
    most: int,
    starting: int = 0,
) -> Decision:
    """Up at once, down one by one.

    Wanted slots = Σ runs × mean duration ÷ target latency, never more than there are runs; one slot per run while the
    duration is unknown. Down means: each call retires at most one worker that has been idle for `idle_timeout_s`, the one
    idle longest; a worker that holds a run is never retired. `starting` are workers asked for that have not joined yet.
    When there are more than `most`, because that was lowered, those beyond it go as soon as they hold nothing.
    """
    if len(workers) > most:
        return _shrink(workers, most, starting=starting)
    needed = [slots_needed(demand, target_latency_s=target_latency_s) for demand in demands]
    target = min(max(math.ceil(sum(needed) / slots_per_worker), fewest), most)
    there = len(workers) + starting
    if target >= there:
        return Decision(wanted=target)
    idle = [w for w in workers if w.idle_since is not None and now - w.idle_since >= idle_timeout_s]
    if not idle:
        return Decision(wanted=there)
    longest = min(idle, key=lambda worker: (worker.idle_since, worker.id))
    return Decision(wanted=there - 1, retire=(longest.id,))


def _shrink(workers: Sequence[Standing], most: int, *, starting: int) -> Decision:
    """Those that drain already go first, then idle ones, then those that have come last."""
    last_first = workers[::-1]
    order = sorted(last_first, key=lambda worker: (not worker.draining, worker.idle_since is None))
    leaving = order[: len(workers) - most]
    retire = next((worker for worker in leaving if worker.idle_since is not None), None)
    return Decision(
        wanted=len(workers) + starting - (retire is not None),
        retire=(retire.id,) if retire is not None else (),
        drain=tuple(worker.id for worker in leaving if worker is not retire),
    )


def slots_needed(demand: Demand, *, target_latency_s: float) -> float:
    """Slots that finish this demand within the target latency."""
    at_once = demand.runs if demand.limit is None else min(demand.runs, demand.limit)
    if demand.mean_s is None:
        return at_once
    return min(at_once, max(demand.runs * demand.mean_s / target_latency_s, _NEXT_TO_NOTHING))


def mean_duration_s(known: float | None, sample_s: float, *, weight: float = 0.2) -> float:
    """An exponentially weighted mean: the first sample as it is, then `weight` of each new one."""
    return sample_s if known is None else known + weight * (sample_s - known)
