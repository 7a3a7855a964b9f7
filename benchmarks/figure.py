"""One measured figure: ours, the floor that was measured beside it, and what we aim at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`aim` compares `of` ("ours" or "ratio") with a bound: `<= 0.5`."""

    name: str
    what: str
    unit: str
    ours: float
    floor: float
    beside: str  # what the floor is
    of: str = "ratio"
    aim: str = ""  # empty: none was set
    detail: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Ours over the floor."""
        return self.ours / self.floor if self.floor else math.nan

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None when there is none."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()
        value = self.ours if self.of == "ours" else self.ratio
        return value <= float(bound) if sign == "<=" else value >= float(bound)

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` is its inverse."""
        return {**asdict(self), "ratio": _short(self.ratio), "met": self.met}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Figure:
        """Inverse of `to_dict`."""
        return cls(**{key: value for key, value in data.items() if key not in ("ratio", "met")})


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What one system took for the same work; a row of the table of peers."""

    system: str
    p50_ms: float  # of one call that waits for its result
    p99_ms: float
    events_s: float  # of many that are sent at once
    durability: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rival:
        """Inverse of `to_dict`."""
        return cls(**data)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 … 1) of `values` do not exceed, by the nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _short(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.3g}")


def rounded(value: float) -> float:
    """Four digits that count: more is noise."""
    return float(f"{value:.4g}")
