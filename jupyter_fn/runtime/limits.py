"""What a worker lets one environment use, beside the time and the memory that its version names, and how it makes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .cgroups import AUTO
from .spawned import FORK

KERNEL_SLACK_MB = (
    256  # beyond the memory limit before the kernel steps in: the watch knows what to say, and comes first
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """0 is no limit."""

    processes: int = 512  # at once, the environment's own included
    scratch_mb: int = 10_240  # on disk in its working room: `context.scratch` and whatever else is written there
    log_mb: int = 256  # printed by one run


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How a worker makes environments and keeps them within bounds."""

    limits: Limits = Limits()
    start: str = FORK  # or `spawn`: a fresh process each time
    cgroup: str = AUTO  # or `off`, or the folder of cgroup v2 in which each gets its own

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ways:
        """Inverse of `to_dict`."""
        return cls(**{**data, "limits": Limits(**data["limits"])})


USUAL = Ways()
