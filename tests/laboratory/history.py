"""What happened, in order: for people who read of a seed that failed."""

from __future__ import annotations

import logging
from collections import deque

from .clock import Time

_MOST_LINES = 5000


class Broken(AssertionError):
    """A guarantee does not hold."""

    def __init__(self, guarantee: str, what: str) -> None:
        super().__init__(f"{guarantee}: {what}")
        self.guarantee = guarantee


class History(logging.Handler):
    """Lines with their virtual seconds; what the service logs stands among them."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time
        self.calm = False
        self.errors: list[str] = []  # that the service has logged while nothing was wrong any more
        self._lines: deque[tuple[float, str]] = deque(maxlen=_MOST_LINES)

    def note(self, text: str) -> None:
        """It happens now."""
        self._lines.append((self._time.now, text))

    def emit(self, record: logging.LogRecord) -> None:
        """What the service says."""
        error = f" {record.exc_info[1]!r}" if record.exc_info and record.exc_info[1] else ""
        said = f"{record.getMessage()}{error}"
        self.note(f"log: {said}")
        if self.calm and record.levelno >= logging.ERROR:
            self.errors.append(said)

    def __str__(self) -> str:
        return "\n".join(f"{when:10.4f} {text}" for when, text in self._lines)
