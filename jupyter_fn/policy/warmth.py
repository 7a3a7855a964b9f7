"""Which workers keep how many environments ready."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key")


def shares(wanted: Mapping[Key, int], workers: Sequence[str]) -> dict[str, dict[Key, int]]:
    """Worker → how many of each to keep: as evenly as can be, what does not come out even begins where the one before
    has ended. Zeros are left out."""
    found: dict[str, dict[Key, int]] = {worker: {} for worker in workers}
    turn = 0
    for key, number in wanted.items() if workers else ():
        for place in range(number):
            kept = found[workers[(turn + place) % len(workers)]]
            kept[key] = kept.get(key, 0) + 1
        turn += number
    return found


def workers_for(numbers: Iterable[int], slots_per_worker: int) -> int:
    """How many workers it takes to have so many environments ready, each with a slot to run in."""
    return math.ceil(sum(numbers) / slots_per_worker)
