"""What travels to a worker: the terms of a version, once, and then what each attempt has of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from ..model.filled import Filled
from ..model.ids import digest_json


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all attempts by one version have in common. `bundle` is a payload digest; the executor ships the payload once
    per worker."""

    function: str
    version: int
    bundle: str
    folder: str  # the environment works here
    timeout_s: float
    memory_mb: int
    env: Mapping[str, str] = field(default_factory=dict)
    watched: tuple[str, ...] = ()  # absolute globs of the function's own file triggers: writing there is a loop
    packages: Mapping[str, str] = field(default_factory=dict)  # of the version; compared with what the worker has
    python: str = ""  # of the version, "3.11.7"; major.minor must be the worker's
    lock: tuple[str, ...] = ()  # packages of an environment of its own, as name==version; () = those of the worker

    @cached_property
    def digest(self) -> str:
        """Attempts by terms of one digest can be run by the same warm environment."""
        return digest_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` is its inverse."""
        return {name: getattr(self, name) for name in _TERMS}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Terms:
        """Inverse of `to_dict`."""
        return cls(**{**data, **{name: tuple(data[name]) for name in ("watched", "lock")}})


@dataclass(frozen=True, kw_only=True)
class Assignment(Filled):
    """One attempt of one run."""

    terms: Terms
    run_id: str
    token: int
    attempt: int
    event: Mapping[str, Any]  # as the handler sees it
    idempotency_key: str = ""
    batch_size: int = 1  # items of the event that the service knows of

    @property
    def key(self) -> tuple[str, int]:
        """What it is asked for by."""
        return self.run_id, self.token

    def own(self) -> tuple[Any, ...]:
        """All but the terms, as JSON; `of` is its inverse."""
        return _own(self)

    @classmethod
    def of(cls, terms: Terms, own: Sequence[Any]) -> Assignment:
        """An attempt by these terms. Inverse of `own`."""
        return cls.filled(dict(zip(_OWN, own, strict=True), terms=terms))


_TERMS = tuple(f.name for f in dataclasses.fields(Terms))
_OWN = tuple(f.name for f in dataclasses.fields(Assignment) if f.name != "terms")
_own = attrgetter(*_OWN)
