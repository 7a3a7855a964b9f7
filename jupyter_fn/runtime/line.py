"""The line: everything that waits for, or runs in, environments of one version."""

from __future__ import annotations

from collections import deque

from .assignment import Terms
from .warm import Ticket, Warm

_SHORT_MS = 5.0  # runs shorter than this are written ahead of time
_AHEAD_MS = 10.0  # how much work may be written ahead to one environment
_MOST_AHEAD = 32
_FORK_MS = 20.0  # what another environment costs; waiting less than this is better
_WEIGHT = 0.2


class Line:
    """Tickets in order of arrival, environments busy and idle, and how long a run takes."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.queue: deque[Ticket] = deque()
        self.busy: list[Warm] = []
        self.idle: list[Warm] = []  # the most recently used last
        self.mean_ms: float | None = None
        self.kept = 0  # environments that are to be there, whether runs want them or not
        self._told = ""  # of how its environments were made possible; for the log of the first run

    def tell(self, text: str) -> None:
        """What was done before there could be an environment."""
        self._told += text

    def told(self) -> str:
        """All of that, once."""
        told, self._told = self._told, ""
        return told

    @property
    def empty(self) -> bool:
        """Nothing waits, and nothing lives or should."""
        return not (self.queue or self.busy or self.idle or self.kept)

    @property
    def lacks(self) -> bool:
        """Fewer live than are to be kept."""
        return len(self.busy) + len(self.idle) < self.kept

    @property
    def spare(self) -> list[Warm]:
        """Idle ones that need not be kept, the longest idle one first."""
        return self.idle[: max(0, len(self.busy) + len(self.idle) - self.kept)]

    def took(self, duration_ms: float) -> None:
        """A run of this version took so long."""
        self.mean_ms = duration_ms if self.mean_ms is None else self.mean_ms + _WEIGHT * (duration_ms - self.mean_ms)

    @property
    def depth(self) -> int:
        """How many runs one environment may hold, the one in progress included."""
        if self.mean_ms is None or self.mean_ms >= _SHORT_MS:
            return 1
        return max(1, min(_MOST_AHEAD, int(_AHEAD_MS / max(self.mean_ms, 0.01))))

    @property
    def wants_place(self) -> bool:
        """Something waits that is better off with an environment of its own than behind the runs in progress."""
        if not self.queue:
            return False
        if self.idle or not self.busy or self.mean_ms is None or self.depth == 1:
            return True
        return len(self.queue) * self.mean_ms / len(self.busy) > _FORK_MS

    def writable(self) -> Warm | None:
        """The busy environment with the most room for a run written ahead, if any has room."""
        depth = self.depth
        if depth == 1:
            return None
        able = [warm for warm in self.busy if warm.loaded and warm.doom is None and not warm.spent]
        best = min(able, key=lambda warm: len(warm.tickets), default=None)
        return best if best is not None and len(best.tickets) < depth else None
