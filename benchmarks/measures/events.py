"""Throughput: from the first event that is sent to the last run that has ended, each durable at every step."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from statistics import median

from ..figure import Figure, rounded
from ..service import CORES, NOOP, Service, clock, count, nothing, plain_dask, running

_LOOK_S = 0.02


def measure(size: float) -> list[Figure]:
    """Both sides have a worker per core."""
    events = count(10_000, size)
    admitted: list[float] = []
    ours: list[float] = []
    dask: list[float] = []
    pool: list[float] = []
    with (
        running(max_workers=CORES, idle_timeout_s=600) as service,
        plain_dask(workers=CORES) as client,
        ProcessPoolExecutor(CORES) as processes,
    ):
        service.publish("noop", NOOP)
        drain(service, max(1, events // 10))  # brings the workers
        for _ in range(count(3, size)):
            with clock(ours):
                drain(service, events, admitted)
            with clock(dask):
                client.gather([client.submit(nothing, number, pure=False) for number in range(events)])
            with clock(pool):
                list(processes.map(nothing, range(events)))
    return [
        Figure(
            name="events",
            what=f"{events:,} no-op events sent at once: admitted, run and finished",
            unit="events/s",
            ours=rounded(events / median(ours) * 1000),
            floor=rounded(events / median(dask) * 1000),
            beside=f"as many client.submit on a LocalCluster with {CORES} workers, gathered; nothing stored",
            of="ours",
            aim=">= 5000",
            detail={
                "fsync": "synchronous=full",
                "ProcessPoolExecutor, events/s": rounded(events / median(pool) * 1000),
                "admitted, events/s": rounded(events / median(admitted) * 1000),
                "workers": CORES,
            },
        )
    ]


def drain(service: Service, events: int, admitted: list[float] | None = None) -> None:
    """Send events and wait until all their runs have succeeded; the last one is waited for, since asking costs too."""
    target = _succeeded(service) + events
    with clock([] if admitted is None else admitted):
        ids = service.client.map("noop", ({"n": number} for number in range(events)))
    service.client.wait(ids[-1])
    while _succeeded(service) < target:
        time.sleep(_LOOK_S)


def _succeeded(service: Service) -> int:
    return int(service.client.function("noop")["runs"].get("succeeded", 0))
