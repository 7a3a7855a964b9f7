"""An invoke with synchronous=normal, beside the least that a durable queue can be."""

from __future__ import annotations

from statistics import median

from ..figure import Figure, percentile, rounded
from ..peers import ours, sqlite
from ..service import CORES, clock, count


def measure(size: float) -> list[Figure]:
    """Both take turns; with synchronous=full, too, as a detail."""
    normal = _turns(size, "normal")
    full = _turns(size, "full")
    common = {
        "what": "a warm invoke with synchronous=normal, p50",
        "unit": "ms",
        "ours": rounded(median(normal[0])),
        "floor": rounded(median(normal[1])),
        "beside": "a SQLite queue by hand: WAL, synchronous=normal, one writer, workers woken through a socket; no HTTP",
    }
    p99 = {
        "p99, ms": rounded(percentile(normal[0], 0.99)),
        "p99 of the floor, ms": rounded(percentile(normal[1], 0.99)),
    }
    both = {"ours, full, ms": rounded(median(full[0])), "the queue, full, ms": rounded(median(full[1]))}
    return [
        Figure(name="invoke, normal", of="ours", aim="<= 3", detail={**p99, "calls": len(normal[0])}, **common),
        Figure(name="invoke over a queue", aim="<= 2.5", detail=both, **common),
    ]


def _turns(size: float, synchronous: str) -> tuple[list[float], list[float]]:
    took: tuple[list[float], list[float]] = [], []
    with ours.running(CORES, synchronous) as house, sqlite.running(CORES, synchronous) as queue:
        for _ in range(count(30, size)):
            house.invoke()
            queue.invoke()
        for _ in range(count(10, size)):
            for peer, times in zip((house, queue), took, strict=True):
                for _ in range(count(50, size)):
                    with clock(times):
                        peer.invoke()
    return took
