"""What attempts that go on have printed so far; the end of a long one, for people who look on."""

from __future__ import annotations

_MOST_CHARS = 262_144  # of one run
_MOST_RUNS = 500


class LiveLogs:
    """Text by run id. Short attempts never appear here: their log comes with their outcome."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def add(self, run_id: str, text: str) -> None:
        """More of it."""
        if run_id not in self._texts and len(self._texts) >= _MOST_RUNS:
            del self._texts[next(iter(self._texts))]
        self._texts[run_id] = (self._texts.get(run_id, "") + text)[-_MOST_CHARS:]

    def of(self, run_id: str) -> str:
        """What has come of the attempt that goes on, "" when there is none."""
        return self._texts.get(run_id, "")

    def take(self, run_id: str) -> str:
        """What has come of the attempt that has just ended; it is forgotten."""
        return self._texts.pop(run_id, "")
