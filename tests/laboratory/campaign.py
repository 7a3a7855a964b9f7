"""Many histories, in several processes, and what came of them all together."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from .plants import planted
from .scenarios import ALL
from .simulator import Told, simulate

_SHARE = 20  # histories that a process is given at once


@dataclass(slots=True)
class Summary:
    """What many histories had in them."""

    histories: int = 0
    events: int = 0
    runs: int = 0
    statements: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    scenarios: Counter[str] = field(default_factory=Counter)
    failed: list[Told] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, told: Told) -> None:
        """One more."""
        self.histories += 1
        self.events += told.events
        self.runs += told.runs
        self.statements += told.statements
        self.crashes += told.crashes
        self.faults += told.faults
        self.scenarios.update(told.scenarios)
        if told.broken:
            self.failed.append(told)

    def __str__(self) -> str:
        lines = [
            f"{self.histories} histories, {self.events} events, {self.runs} runs, {self.statements} points passed",
            f"{self.crashes.total()} crashes: {_counts(self.crashes)}",
            f"{self.faults.total()} other faults: {_counts(self.faults)}",
            f"scenarios: {_counts(self.scenarios)}",
            f"{self.seconds:.1f} s, {1000 * self.seconds / max(1, self.histories):.1f} ms each",
            f"{len(self.failed)} failed" + "".join(f"\n  seed {one.seed}: {one.broken}" for one in self.failed[:20]),
        ]
        return "\n".join(lines)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counted.most_common())


def run(
    seeds: Iterable[int], *, processes: int = 1, plant: str = "", scenario: str = "", most_failures: int = 0
) -> Summary:
    """The histories of these seeds, all of one scenario when it is named. With `most_failures` the rest is left out
    after so many."""
    summary, started = Summary(), time.perf_counter()
    for told in _histories(list(seeds), processes, partial(_share, plant, scenario)):
        summary.add(told)
        if most_failures and len(summary.failed) >= most_failures:
            break
    summary.seconds = time.perf_counter() - started
    return summary


def _histories(seeds: Sequence[int], processes: int, share: Callable[[Sequence[int]], list[Told]]) -> Iterator[Told]:
    shares = [seeds[at : at + _SHARE] for at in range(0, len(seeds), _SHARE)]
    if processes == 1:
        for share_of_seeds in shares:
            yield from share(share_of_seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for told in pool.map(share, shares):
            yield from told


def _share(plant: str, scenario: str, seeds: Sequence[int]) -> list[Told]:
    chosen = [one for one in ALL if one.__name__ == scenario]
    with planted(plant), _garbage_lies():
        return [simulate(seed, chosen) for seed in seeds]


@contextmanager
def _garbage_lies() -> Iterator[None]:
    """A history leaves its services behind as one heap; nothing is gained by looking for garbage meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
