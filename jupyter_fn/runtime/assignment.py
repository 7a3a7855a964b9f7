"""What travels to a worker for one attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt of one run. `bundle` is a payload digest; the executor ships the payload once per worker."""

    run_id: str
    token: int
    function: str
    version: int
    bundle: str
    folder: str  # the environment works here
    event: Mapping[str, Any]  # as the handler sees it
    attempt: int
    timeout_s: float
    memory_mb: int
    env: Mapping[str, str] = field(default_factory=dict)
    watched: tuple[str, ...] = ()  # absolute globs of the function's own file triggers: writing there is a loop
    idempotency_key: str = ""
    hops: int = 0
