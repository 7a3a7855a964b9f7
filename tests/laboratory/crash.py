"""Where a service dies: before a statement, before or after a COMMIT, between two steps of putting files in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Crash(SystemExit):
    """The service's process is gone, in the middle of whatever it did. A SystemExit: no `except Exception` keeps it."""


class Crashes:
    """Counts the points that a service passes, and ends it at the one that was chosen. One per history."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._left: int | None = None
        self.passed = 0
        self.over = False  # it is dead, and only its parts do not know yet
        self.by_kind: Counter[str] = Counter()

    def arm(self, points: int) -> None:
        """The service dies at the point after so many others."""
        self._left, self.over = points, False

    def disarm(self) -> None:
        """It lives on."""
        self._left, self.over = None, False

    def point(self, kind: str, detail: str = "") -> None:
        """The service passes a point. Raises Crash when it is the one."""
        self.passed += 1
        if self.over:
            raise Crash
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            self.now(kind, detail)

    def now(self, kind: str, detail: str = "") -> None:
        """The service dies here. Raises Crash."""
        self._left, self.over = None, True
        self.by_kind[kind] += 1
        self._note(f"CRASH {kind} {detail}".rstrip())
        raise Crash
