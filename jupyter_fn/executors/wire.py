"""Outcomes as JSON objects, for the way back from a worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..model.run import Outcome, Record, Staged, Usage

_OUTCOME = tuple(f.name for f in dataclasses.fields(Outcome))
_USAGE = tuple(f.name for f in dataclasses.fields(Usage))


def outcome_to_dict(outcome: Outcome) -> dict[str, Any]:
    """JSON form; `outcome_from_dict` is its inverse."""
    data = {name: getattr(outcome, name) for name in _OUTCOME}
    data["usage"] = {name: getattr(outcome.usage, name) for name in _USAGE}
    data["staged"] = [dataclasses.asdict(file) for file in outcome.staged]
    data["emitted"] = [dataclasses.asdict(record) for record in outcome.emitted]
    return data


def outcome_from_dict(data: Mapping[str, Any]) -> Outcome:
    """Inverse of `outcome_to_dict`; `data` is the outcome's from then on."""
    parts = {
        "usage": Usage.filled(data["usage"]),
        "staged": tuple(Staged(**file) for file in data["staged"]),
        "emitted": tuple(Record(**record) for record in data["emitted"]),
        "failed": tuple(data["failed"]),
        "wrote": tuple(data["wrote"]),
    }
    return Outcome.filled({**data, **parts})
