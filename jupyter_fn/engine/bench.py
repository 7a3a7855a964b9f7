"""What workers hold, as far as this service has given it to them: the view that placing and scaling decide on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ..executors.protocol import Worker
from ..model.run import Run
from ..policy.admission import VersionKey, WorkerLoad, is_suspect
from ..policy.scaling import Standing, mean_duration_s

Attempt = tuple[str, int]  # run id, token


@dataclass(slots=True)
class Seat:
    """One worker on the bench: idle since a moment, or busy since one."""

    worker: Worker
    idle_since: float | None
    busy_since: float | None = None
    busy_s: float = 0.0  # not taken down yet, what is going on left out
    held: dict[Attempt, Run] = field(default_factory=dict)  # as they were claimed
    counts: Counter[VersionKey] = field(default_factory=Counter)  # of `held`, by version
    warm: set[VersionKey] = field(default_factory=set)
    suspects: int = 0  # of `held`, those that are to be alone
    draining: bool = False  # it gets no more runs

    def settled(self, now: float) -> float:
        """Busy seconds up to now, which are then taken down."""
        if self.busy_since is not None:
            self.busy_s += max(0.0, now - self.busy_since)  # the clock may have been set back
            self.busy_since = now
        busy_s, self.busy_s = self.busy_s, 0.0
        return busy_s


class Bench:
    """Workers by id, and how long runs of each version take. Lives on the event loop."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}
        self._where: dict[Attempt, Seat] = {}
        self.durations_s: dict[VersionKey, float] = {}

    def join(self, worker: Worker, now: float) -> None:
        """It takes assignments from now on."""
        self._seats[worker.id] = Seat(worker, idle_since=now)

    def leave(self, worker_id: str) -> Seat | None:
        """It is gone, with all it held."""
        seat = self._seats.pop(worker_id, None)
        for attempt in seat.held if seat else ():
            self._where.pop(attempt, None)
        return seat

    def give(self, run: Run, now: float) -> None:
        """The worker of a run that has just been claimed holds it now."""
        seat = self._seats.get(run.worker)
        if seat is None:
            return
        attempt, key = (run.id, run.token), (run.function, run.version)
        seat.held[attempt] = run
        seat.counts[key] += 1
        seat.warm.add(key)
        seat.suspects += is_suspect(run)
        self._where[attempt] = seat
        if seat.busy_since is None:
            seat.idle_since, seat.busy_since = None, now

    def take(self, attempt: Attempt, now: float, *, duration_s: float | None = None) -> Run | None:
        """The attempt has ended, after `duration_s` of its handler's time when that counts for the mean. Gives the run as
        it was claimed."""
        seat = self._where.pop(attempt, None)
        if seat is None:
            return None
        run = seat.held.pop(attempt)
        key = (run.function, run.version)
        seat.counts[key] -= 1
        seat.suspects -= is_suspect(run)
        if not seat.held and seat.busy_since is not None:
            seat.busy_s += max(0.0, now - seat.busy_since)
            seat.idle_since, seat.busy_since = now, None
        if duration_s is not None:
            self.durations_s[key] = mean_duration_s(self.durations_s.get(key), duration_s)
        return run

    def drain(self, worker_ids: Collection[str]) -> None:
        """These, and no others, get no more runs."""
        for seat in self._seats.values():
            seat.draining = seat.worker.id in worker_ids

    def warmed(self, worker_id: str, keys: Iterable[VersionKey]) -> None:
        """It keeps environments of these ready."""
        if (seat := self._seats.get(worker_id)) is not None:
            seat.warm.update(keys)

    def settle(self, now: float) -> list[tuple[str, float]]:
        """Busy seconds of each worker since the last call, to be taken down."""
        return [(seat.worker.id, busy_s) for seat in self._seats.values() if (busy_s := seat.settled(now))]

    def clock_was_set(self, now: float) -> None:
        """No worker is idle, or busy, since a moment to come."""
        for seat in self._seats.values():
            seat.idle_since = None if seat.idle_since is None else min(seat.idle_since, now)
            seat.busy_since = None if seat.busy_since is None else min(seat.busy_since, now)

    # --- views

    @property
    def workers(self) -> list[Seat]:
        """In the order of joining."""
        return list(self._seats.values())

    def loads(self) -> list[WorkerLoad]:
        """For `policy.admission`."""
        return [
            WorkerLoad(
                id=s.worker.id,
                slots=s.worker.slots,
                held=dict(s.counts),
                warm=frozenset(s.warm),
                closed=s.suspects > 0 or s.draining,
            )
            for s in self._seats.values()
        ]

    def standings(self) -> list[Standing]:
        """For `policy.scaling`."""
        return [
            Standing(id=seat.worker.id, idle_since=seat.idle_since, draining=seat.draining)
            for seat in self._seats.values()
        ]

    def function_of(self, run_id: str) -> str:
        """The function of a run that some worker holds, else ""."""
        held = (run for seat in self._seats.values() for run in seat.held.values())
        return next((run.function for run in held if run.id == run_id), "")

    def held_by_function(self) -> Counter[str]:
        """Function → runs that workers hold."""
        return Counter(run.function for seat in self._seats.values() for run in seat.held.values())

    def mean_s(self, function: str) -> float | None:
        """The measured duration of a function: its newest version with one."""
        known = [(version, mean) for (name, version), mean in self.durations_s.items() if name == function]
        return max(known)[1] if known else None
