"""What an executor is: it runs assignments on workers and tells a listener what happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..model.run import Outcome
from ..runtime.assignment import Assignment, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker incarnation. `id` is never used twice, also not by a worker that comes back under the same name."""

    id: str
    name: str
    slots: int  # runs at once
    joined: float  # epoch seconds


class Listener(Protocol):
    """Implemented by the engine. Called on the event loop; must not block."""

    def worker_joined(self, worker: Worker) -> None:
        """`worker` takes assignments from now on."""

    def worker_lost(self, worker_id: str) -> None:
        """Everything it held will bring no outcome any more; its environments are dead or will be before the lease ends."""

    def attempts_started(self, started: Sequence[tuple[str, int, float]]) -> None:
        """`(run_id, token, epoch seconds)`, only for attempts that are still running after 50 ms."""

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Attempts that ended. Several come together when several ended together."""

    def log_lines(self, run_id: str, text: str) -> None:
        """Live output of a running attempt; the outcome's `log` holds the whole again."""

    def progress(self, run_id: str, done: float, total: float) -> None:
        """`context.progress(done, total)`."""

    async def effect(self, run_id: str, token: int, name: str) -> bool:
        """An attempt stands before `context.effect(name)`: whether it may go on. True when it is stored that the run has
        passed there, and when the attempt was still the run's own."""
        ...

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        """An attempt has left its block of `context.effect(name)` as it should."""


class Executor(Protocol):
    """All methods run on the engine's event loop."""

    async def start(self, listener: Listener) -> None:
        """Make ready; no worker need exist yet."""

    async def close(self) -> None:
        """End every worker that this executor started."""

    def workers(self) -> Sequence[Worker]:
        """Workers that take assignments now."""

    async def send(self, worker_id: str, assignments: Sequence[Assignment]) -> None:
        """Hand assignments to a worker; more than its slots are queued there in order. Raises `WorkerLost` when it is gone."""

    async def cancel(self, worker_id: str, run_id: str, token: int) -> None:
        """Kill that attempt; its outcome is a `RunCancelled`. Unknown ones are ignored."""

    async def keep(self, worker_id: str, wishes: Sequence[tuple[Terms, int]]) -> None:
        """Have a worker keep so many environments ready by these terms, and none by others. One that is gone is fine."""

    async def scale(self, wanted: int, retire: Sequence[str] = ()) -> None:
        """Have `wanted` workers: start some, or retire exactly those named by id, which hold nothing. A no-op on clusters of fixed size."""

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most workers that `scale` can reach."""
        ...
