"""What workers hold, as far as this service has given it to them: the view that placing and scaling decide on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..executors.protocol import Worker
from ..policy.admission import VersionKey, WorkerLoad
from ..policy.scaling import Standing, mean_duration_s

Attempt = tuple[str, int]  # run id, token


@dataclass(slots=True)
class Seat:
    """One worker on the bench: idle since a moment, or busy since one."""

    worker: Worker
    idle_since: float | None
    busy_since: float | None = None
    busy_s: float = 0.0  # not taken down yet, what is going on left out
    held: dict[Attempt, VersionKey] = field(default_factory=dict)
    counts: Counter[VersionKey] = field(default_factory=Counter)  # of `held`
    warm: set[VersionKey] = field(default_factory=set)

    def settled(self, now: float) -> float:
        """Busy seconds up to now, which are then taken down."""
        if self.busy_since is not None:
            self.busy_s += now - self.busy_since
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

    def give(self, worker_id: str, attempt: Attempt, key: VersionKey, now: float) -> None:
        """That worker holds that attempt now."""
        seat = self._seats.get(worker_id)
        if seat is None:
            return
        seat.held[attempt] = key
        seat.counts[key] += 1
        seat.warm.add(key)
        self._where[attempt] = seat
        if seat.busy_since is None:
            seat.idle_since, seat.busy_since = None, now

    def take(self, attempt: Attempt, now: float, *, duration_s: float | None = None) -> None:
        """The attempt has ended, after `duration_s` of its handler's time when that counts for the mean."""
        seat = self._where.pop(attempt, None)
        if seat is None:
            return
        key = seat.held.pop(attempt)
        seat.counts[key] -= 1
        if not seat.held and seat.busy_since is not None:
            seat.busy_s += now - seat.busy_since
            seat.idle_since, seat.busy_since = now, None
        if duration_s is not None:
            self.durations_s[key] = mean_duration_s(self.durations_s.get(key), duration_s)

    def settle(self, now: float) -> list[tuple[str, float]]:
        """Busy seconds of each worker since the last call, to be taken down."""
        return [(seat.worker.id, busy_s) for seat in self._seats.values() if (busy_s := seat.settled(now))]

    # --- views

    @property
    def workers(self) -> list[Seat]:
        """In the order of joining."""
        return list(self._seats.values())

    def loads(self) -> list[WorkerLoad]:
        """For `policy.admission`."""
        return [
            WorkerLoad(id=s.worker.id, slots=s.worker.slots, held=dict(s.counts), warm=frozenset(s.warm))
            for s in self._seats.values()
        ]

    def standings(self) -> list[Standing]:
        """For `policy.scaling`."""
        return [Standing(id=seat.worker.id, idle_since=seat.idle_since) for seat in self._seats.values()]

    def function_of(self, run_id: str) -> str:
        """The function of a run that some worker holds, else ""."""
        held = (item for seat in self._seats.values() for item in seat.held.items())
        return next((key[0] for (held_id, _), key in held if held_id == run_id), "")

    def held_by_function(self) -> Counter[str]:
        """Function → runs that workers hold."""
        return Counter(key[0] for seat in self._seats.values() for key in seat.held.values())

    def mean_s(self, function: str) -> float | None:
        """The measured duration of a function: its newest version with one."""
        known = [(version, mean) for (name, version), mean in self.durations_s.items() if name == function]
        return max(known)[1] if known else None
