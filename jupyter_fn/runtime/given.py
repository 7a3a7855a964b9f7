"""Which attempts a worker has been given: user code begins at most once for a token, whoever sends it twice."""

from __future__ import annotations

from collections import deque

from .assignment import Assignment

_MOST = 20_000  # a repetition comes soon or never; what is older is fenced by the store


class Given:
    """The last attempts that were handed in, those that were abandoned or have ended included."""

    def __init__(self, most: int = _MOST) -> None:
        self._order: deque[tuple[str, int]] = deque()
        self._known: set[tuple[str, int]] = set()
        self._most = most

    def add(self, assignment: Assignment) -> bool:
        """Whether it is the first time for this attempt."""
        attempt = assignment.key
        if attempt in self._known:
            return False
        self._known.add(attempt)
        self._order.append(attempt)
        if len(self._order) > self._most:
            self._known.discard(self._order.popleft())
        return True
