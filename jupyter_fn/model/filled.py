"""Values that are made by the thousand."""

from __future__ import annotations

from typing import Any, Self


class Filled:
    """Base of frozen dataclasses that are made very often. Without slots they can be made of a dict as it is, many times as
    fast as by their constructor, which sets one field after the other."""

    @classmethod
    def filled(cls, values: dict[str, Any]) -> Self:
        """One of all its fields by name, those with defaults too; the dict is its own from then on."""
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        return made
