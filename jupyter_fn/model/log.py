"""What stands in the two replayable logs of a store: records of topics, and runs that have finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .filled import Filled


@dataclass(frozen=True, kw_only=True)
class LogRecord(Filled):
    """One record of a topic. `seq` grows over all topics; `id` is unique too."""

    seq: int
    id: str
    key: str
    value: Any
    timestamp: float
    hops: int = 0
    cause: str = ""  # id of the run that emitted it


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """One finished run of a function, as followers see it. `seq` grows in commit order over all runs of all functions."""

    seq: int
    run_id: str
    version: int
    result: Any
    error: Any
    ended: float
    hops: int
