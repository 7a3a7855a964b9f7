"""What travels to a worker for one attempt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
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
    batch_size: int = 1  # items of the event that the service knows of
    packages: Mapping[str, str] = field(default_factory=dict)  # of the version; compared with what the worker has
    python: str = ""  # of the version, "3.11.7"; major.minor must be the worker's

    @property
    def environment(self) -> tuple[Any, ...]:
        """Assignments with equal `environment` can be run by the same warm environment."""
        settings = (self.memory_mb, tuple(sorted(self.env.items())), self.watched)
        return (self.function, self.version, self.bundle, self.folder, *settings)

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` is its inverse."""
        return dict(zip(_FIELDS, _values(self), strict=True))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Assignment:
        """Inverse of `to_dict`."""
        return cls(**{**data, "watched": tuple(data["watched"])})


_FIELDS = tuple(f.name for f in dataclasses.fields(Assignment))
_values = attrgetter(*_FIELDS)
