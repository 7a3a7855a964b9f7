"""The same no-op by other systems, each with as many worker processes, in turns; and a durable queue by hand as the floor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from statistics import median

from ..figure import Figure, Rival, percentile, rounded
from ..service import CORES, clock, count

INSTALL = 'pip install "jupyter-fn[bench]"'
_WARM_UP = 20
_TASKS = 2000


def measure(size: float) -> list[Figure | Rival]:
    """Systems take turns, as two of them at once would be in each other's way."""
    if lacks := missing():
        raise SystemExit(lacks)
    calls: dict[str, list[float]] = defaultdict(list)
    drains: dict[str, list[float]] = defaultdict(list)
    durability: dict[str, str] = {}
    tasks = count(_TASKS, size)
    for _ in range(count(3, size)):
        for running in _systems():
            with running(CORES) as peer:
                durability[peer.name] = peer.durability
                for _ in range(count(_WARM_UP, size)):
                    peer.invoke()
                for _ in range(count(200, size)):
                    with clock(calls[peer.name]):
                        peer.invoke()
                peer.drain(count(tasks, 0.1))
                with clock(drains[peer.name]):
                    peer.drain(tasks)
    rivals = [
        Rival(
            system=name,
            p50_ms=rounded(percentile(calls[name], 0.5)),
            p99_ms=rounded(percentile(calls[name], 0.99)),
            events_s=rounded(tasks / median(drains[name]) * 1000),
            durability=durability[name],
        )
        for name in durability
    ]
    return [_figure({one.system: one.p50_ms for one in rivals}, len(calls["Celery"])), *rivals]


def _figure(p50: dict[str, float], calls: int) -> Figure:
    others = {name: took for name, took in p50.items() if not name.startswith(("jupyter-fn", "SQLite", "Dask"))}
    return Figure(
        name="invoke before its peers",
        what="a warm invoke with synchronous=normal, p50",
        unit="ms",
        ours=p50["jupyter-fn, synchronous=normal"],
        floor=min(others.values()),
        beside=f"the fastest of {', '.join(others)}",
        aim="<= 1",
        detail={"calls": calls},
    )


def _systems() -> Iterator[Callable[[int], AbstractContextManager]]:
    for name in ("ours", "sqlite"):
        for synchronous in ("full", "normal"):
            yield partial(_room(name).running, synchronous=synchronous)
    for name, ways in (
        ("dask", ("running",)),
        ("celery", ("running",)),
        ("dramatiq", ("running",)),
        ("dbos", ("called", "queued")),
        ("procrastinate", ("running",)),
    ):
        for way in ways:
            yield getattr(_room(name), way)


def _room(name: str):
    return import_module(f"..peers.{name}", __package__)


def missing() -> str:
    """What is not installed, and how to get it; empty when all is there."""
    lacks = [name for name in ("celery", "dramatiq", "dbos", "procrastinate", "redis") if find_spec(name) is None]
    if lacks:
        return f"{', '.join(lacks)} not installed; the other systems come by an extra: {INSTALL}"
    from tests import postgres

    from ..peers.servers import redis_server

    if redis_server() is None:
        return f"There is no redis-server: apt-get install redis-server, or {INSTALL}"
    return f"PostgreSQL is not installed: {postgres.INSTALL}" if postgres.binaries() is None else ""
