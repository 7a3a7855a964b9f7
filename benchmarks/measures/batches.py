"""Throughput through batch handlers: from the first record that is emitted to the last one that is handled, each durable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from statistics import median

from ..figure import Figure, rounded
from ..service import CORES, Service, clock, count, handle_batch, plain_dask, running

BATCH = 1000
_PAGE = 10_000  # records of one request
_LOOK_S = 0.02
COUNTING = "def handler(event):\n    return len(event.records)\n"


def measure(size: float) -> list[Figure]:
    """The records of all batches are counted, and each is handled once. The floors handle the same batches."""
    records = max(BATCH, count(100_000, size) // BATCH * BATCH)
    ours: list[float] = []
    pool: list[float] = []
    dask: list[float] = []
    with (
        running(max_workers=CORES, idle_timeout_s=600) as service,
        plain_dask(workers=CORES) as client,
        ProcessPoolExecutor(CORES) as processes,
    ):
        service.publish("counting", COUNTING, on=(f"topic:numbers batch={BATCH}",))
        _drain(service, BATCH)  # brings the workers
        for _ in range(count(3, size)):
            batches = list(_batches(records))
            with clock(ours):
                _drain(service, records)
            with clock(pool):
                assert sum(processes.map(handle_batch, batches)) == records
            with clock(dask):
                futures = [client.submit(handle_batch, batch, pure=False) for batch in batches]
                assert sum(client.gather(futures)) == records
    return [
        Figure(
            name="batches",
            what=f"{records:,} records emitted to a topic: stored, handled in batches of {BATCH:,}, finished",
            unit="records/s",
            ours=rounded(records / median(ours) * 1000),
            floor=rounded(records / median(dask) * 1000),
            beside=f"the same batches by client.submit on a LocalCluster with {CORES} workers; nothing stored",
            of="ours",
            aim=">= 25000",
            detail={
                "fsync": "synchronous=full",
                "ProcessPoolExecutor, records/s": rounded(records / median(pool) * 1000),
                "workers": CORES,
            },
        )
    ]


def _batches(records: int) -> Iterator[list[dict[str, int]]]:
    return ([{"n": number} for number in range(start, start + BATCH)] for start in range(0, records, BATCH))


def _drain(service: Service, records: int) -> None:
    """Emit records and wait until all are handled."""
    target = _handled(service) + records
    for start in range(0, records, _PAGE):
        service.client.emit("numbers", ({"n": number} for number in range(start, min(start + _PAGE, records))))
    while _handled(service) < target:
        time.sleep(_LOOK_S)


def _handled(service: Service) -> int:
    return int(service.client.audit("counting")["done"])
