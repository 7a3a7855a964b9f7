"""Many histories, in several processes, and what came of them all together."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from .plants import planted
from .scenarios import ALL
from .simulator import Told, simulate

_SHARE = 20  # histories between two looks for garbage


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


def run(seeds: range, *, processes: int = 1, plant: str = "", scenario: str = "", most_failures: int = 0) -> Summary:
    """The histories of these seeds, all of one scenario when it is named. With `most_failures` the rest is left out
    after so many."""
    summary, started = Summary(), time.perf_counter()
    for told in _histories(seeds, processes, plant, scenario):
        summary.add(told)
        if most_failures and len(summary.failed) >= most_failures:
            break
    summary.seconds = time.perf_counter() - started
    return summary


def _histories(seeds: range, processes: int, plant: str, scenario: str) -> Iterator[Told]:
    if processes > 1:
        yield from _apart(seeds, processes, plant, scenario)
        return
    for at in range(0, len(seeds), _SHARE):
        yield from share(seeds[at : at + _SHARE], plant, scenario)


def _apart(seeds: range, processes: int, plant: str, scenario: str) -> Iterator[Told]:
    """In processes of their own, which tell through their standard output."""
    words = [sys.executable, "-m", f"{__package__}.campaign", plant, scenario]
    parts = [seeds[start::processes] for start in range(processes)]
    children = [subprocess.Popen([*words, *_told(part)], stdout=subprocess.PIPE) for part in parts if part]
    heard: SimpleQueue[Told | None] = SimpleQueue()
    for child in children:
        threading.Thread(target=_listen, args=(child, heard), daemon=True).start()
    try:
        left = len(children)
        while left:
            told = heard.get()
            if told is not None:
                yield told
            else:
                left -= 1
        if any(child.wait() for child in children):
            raise RuntimeError("A process of the laboratory has died; some histories are not told.")
    finally:
        for child in children:
            child.kill()
            child.wait()


def _told(seeds: range) -> list[str]:
    """As a process reads it: the first of its seeds, how many, how far apart."""
    return [str(number) for number in (seeds.start, len(seeds), seeds.step)]


def _listen(child: subprocess.Popen[bytes], heard: SimpleQueue[Told | None]) -> None:
    with suppress(EOFError):
        while True:
            heard.put(pickle.load(child.stdout))  # type: ignore[arg-type]
    heard.put(None)


def share(seeds: Sequence[int], plant: str, scenario: str) -> list[Told]:
    """These histories, one after the other."""
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


if __name__ == "__main__":  # one of the processes of `_apart`
    named, only, *numbers = sys.argv[1:]
    first, number, step = map(int, numbers)
    for one in _histories(range(first, first + number * step, step), 1, named, only):
        pickle.dump(one, sys.stdout.buffer)
        sys.stdout.buffer.flush()
