"""Assignments for tests, of fields that stand in two values."""

import dataclasses
from typing import Any

from jupyter_fn.runtime.assignment import Assignment, Terms

_TERMS = {field.name for field in dataclasses.fields(Terms)}
_USUAL: dict[str, Any] = {"function": "f", "version": 1, "bundle": "b", "folder": "/", "timeout_s": 30.0}


def attempt(run_id: str, *, token: int = 1, **fields: Any) -> Assignment:
    """An attempt; `fields` are those of `Assignment` and of its `Terms`."""
    terms = {"memory_mb": 256, **_USUAL, **{name: fields.pop(name) for name in _TERMS & fields.keys()}}
    return Assignment(terms=Terms(**terms), run_id=run_id, token=token, **{"attempt": 1, "event": {}, **fields})
