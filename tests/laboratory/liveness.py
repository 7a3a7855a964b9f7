"""G5 and more: no run lies in the queue for longer than a second while a worker is idle that could take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .clock import Time
from .world import Machine, World

WITHIN_S = 1.0
_CLAIMABLE = """
SELECT runs.function, runs.id, runs.token FROM runs JOIN functions ON functions.name = runs.function WHERE runs.state = 'queued' AND
functions.state = 'active' AND runs.lane = '' AND runs.lost < 2 AND runs.due <= ? AND
NOT EXISTS (SELECT 1 FROM breakers WHERE breakers.function = runs.function)
"""


class Watched(Protocol):
    """What is looked at."""

    time: Time
    world: World
    limits: dict[str, int]

    def is_well(self) -> Any:
        """The service that is ready and can store what it wants; None when there is none."""

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the store holds."""

    def require(self, guarantee: str, holds: bool, what: str) -> None:
        """Raises Broken."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was there at a moment."""

    service: Any
    claimable: frozenset[tuple[str, str, int]]  # function, run, token
    idle: frozenset[str]  # ids of workers


class Liveness:
    """Looks twice, a second apart."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def look(self) -> None:
        """At this moment, and again when the time is over."""
        before = self._seen(0.0)
        if before.service is not None and before.claimable and before.idle:
            self._watched.time.after(WITHIN_S, lambda: self._look_again(before))

    def _look_again(self, before: Look) -> None:
        now = self._seen(WITHIN_S)
        left = before.claimable & now.claimable
        idle = before.idle & now.idle
        bad = now.service is before.service and left and idle
        self._watched.require(
            "G5", not bad, f"The runs {sorted(left)} wait for {WITHIN_S} s while the workers {sorted(idle)} are idle."
        )

    def _seen(self, since_s: float) -> Look:
        watched = self._watched
        idle = (machine for machine in watched.world.machines if self._is_idle(machine, since_s))
        rows = [] if watched.is_well() is None else watched.rows(_CLAIMABLE, watched.time.wall() - since_s)
        claimable = frozenset(row for row in rows if row[0] not in watched.limits)
        return Look(watched.is_well(), claimable, frozenset(m.lane.worker.id for m in idle if m.lane))

    def _is_idle(self, machine: Machine, since_s: float) -> bool:
        long_ago = self._watched.time.now - since_s
        return machine.reachable and not machine.attempts and machine.idle_since <= long_ago
