"""Environments by the thousand, while the cores are busy with something else: none of them may hang."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from ..figure import Figure, rounded
from ..pool import House, house
from ..service import CORES, clock, count

SOURCE = "def handler(event):\n    return None\n"
_AT_ONCE = 8
_HANG_S = 30.0


def measure(size: float) -> list[Figure]:
    """Every run needs an environment of its own, which ends after it. One that brings no outcome in time ends the measure."""
    forks = count(10_000, size)
    with _load():
        times, took_s = asyncio.run(_ours(forks))
        fresh: list[float] = []
        for _ in range(count(50, size)):
            with clock(fresh):
                subprocess.run([sys.executable, "-c", "pass"], check=True)
    return [
        Figure(
            name="slowest fork",
            what=f"the slowest of {forks:,} environments, {_AT_ONCE} at once, from assignment to outcome, all cores busy",
            unit="ms",
            ours=rounded(max(times)),
            floor=rounded(max(fresh)),
            beside=f"the slowest of {len(fresh)} fresh Pythons that do nothing, one at a time",
            of="ours",
            aim="<= 10000",
            detail={"forks/s": rounded(forks / took_s), "fresh Pythons/s": rounded(1000 * len(fresh) / sum(fresh))},
        )
    ]


async def _ours(forks: int) -> tuple[list[float], float]:
    times: list[float] = []
    async with house(SOURCE, slots=_AT_ONCE, most_idle=0) as environments:
        versions = iter(range(2, forks + 2))
        began = time.perf_counter()
        await asyncio.gather(*(_fork(environments, versions, times) for _ in range(_AT_ONCE)))
        return times, time.perf_counter() - began


async def _fork(environments: House, versions: Iterator[int], times: list[float]) -> None:
    for version in versions:
        with clock(times):
            async with asyncio.timeout(_HANG_S):
                outcome = await environments.run(environments.terms(version))
        assert outcome.usage.cold


@contextmanager
def _load() -> Iterator[None]:
    """Every core has something to do."""
    busy = [get_context("fork").Process(target=_burn, daemon=True) for _ in range(CORES)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()


def _burn() -> None:
    while True:
        sum(range(100_000))
