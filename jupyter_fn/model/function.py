"""A function: a named handler, its options and its aliases."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import BadValue

LIVE = "live"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,139}\Z")


def check_name(name: str, what: str = "function") -> str:
    """`name` itself when it may name a function, an alias or a topic; else BadValue."""
    if not _NAME.match(name):
        raise BadValue(
            f"{name!r} cannot name a {what}.",
            "Use a letter or _ first, then letters, digits, _ and -, 140 at most.",
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything `%%fn` accepts besides the name, already parsed. Part of a version's digest.

    `on` are the trigger texts as typed; `backoff` is a spec text read by `policy.retry`.
    """

    on: tuple[str, ...] = ()
    memory_mb: int = 512
    timeout_s: float = 60.0
    retries: int = 2
    backoff: str = "exponential"
    concurrency: int | None = None  # most runs at once; None = as many as there is room for
    batch: int | None = None  # default of batch= for stream triggers
    window_s: float | None = None  # default of window= for stream triggers
    env: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    alias: str | None = None  # an alias moved to the new version besides `live`
    allow_loop: bool = False
    max_age_s: float | None = None  # an event that is older is given up
    concurrency_key: str = ""  # expression; `concurrency` then counts per value of it
    order_by: str = ""  # expression; events of one value of it run one after the other
    on_poison: str = "park"  # what a dead run does to its ordered lane: park | skip | halt
    then: tuple[str, ...] = ()  # destinations of results
    on_failure: tuple[str, ...] = ()  # destinations of what was given up
    filter: str = ""  # which events it handles: an event pattern, JSON
    requirements: tuple[str, ...] = ()  # packages of an environment of its own, as typed
    warm: int = 0  # environments of the live version that are kept ready
    lock: tuple[str, ...] = ()  # what they were resolved to, as name==version

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` is its inverse. Options that came later are left out while they are not set, so that a
        version's digest stays what it was."""
        data = dataclasses.asdict(self)
        later = {name: data.pop(name) for name in _LATER}
        data |= {"on": list(self.on), "env": dict(self.env), "tags": dict(self.tags)}
        return data | {name: value for name, value in later.items() if value != _DEFAULTS[name]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Options:
        """Inverse of `to_dict`."""
        pairs = {key: tuple(sorted(dict(data.get(key) or {}).items())) for key in ("env", "tags")}
        lists = {key: tuple(data.get(key) or ()) for key in _LISTS}
        return cls(**{**data, **pairs, **lists})


_LATER = (
    *("max_age_s", "concurrency_key", "order_by", "on_poison", "then", "on_failure", "filter"),
    *("requirements", "lock", "warm"),
)
_LISTS = ("on", "then", "on_failure", "requirements", "lock")
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(Options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What is known of a function besides its versions."""

    name: str
    state: str  # active | paused
    created: float  # epoch seconds
    aliases: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # alias → {version: weight}
    tags: Mapping[str, str] = field(default_factory=dict)
    latest: int = 0
