"""Virtual time. It passes when nothing is left to do at the present moment."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

EPOCH = 1_800_000_000.0
Act = Callable[[], None]


class Time:
    """Seconds since a history began, and what its world does later. Goes on while services come and go."""

    def __init__(self) -> None:
        self.now = 0.0
        self.skew = 0.0  # by which the clocks on the wall of all machines are wrong
        self._agenda: list[tuple[float, int, Act]] = []
        self._numbers = count()

    def wall(self) -> float:
        """What the clock on the wall says, in epoch seconds; it may be set forward and back."""
        return EPOCH + self.now + self.skew

    def after(self, delay_s: float, act: Act) -> None:
        """`act` happens so much later, whatever becomes of the service."""
        heapq.heappush(self._agenda, (self.now + delay_s, next(self._numbers), act))

    @property
    def next_at(self) -> float:
        """When the world does something next."""
        return self._agenda[0][0] if self._agenda else float("inf")

    def pass_on(self) -> None:
        """To the next thing that the world does, and do it."""
        when, _, act = heapq.heappop(self._agenda)
        self.now = max(self.now, when)
        act()
