"""What stands in the place of a stored value that is missing or damaged: empty, and knows why. So one value that nobody can
read any more stops nothing but what needs it."""

from __future__ import annotations

from typing import Any

from .errors import FnError


class LostData(dict[str, Any]):
    """In the place of an event's keys."""

    def __init__(self, error: FnError) -> None:
        super().__init__()
        self.error = error


class LostRecords(tuple[Any, ...]):
    """In the place of records that are to be emitted."""

    error: FnError

    def __new__(cls, error: FnError) -> LostRecords:
        """Empty."""
        made = super().__new__(cls)
        made.error = error
        return made
