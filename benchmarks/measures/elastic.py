"""A burst of slow tasks of which nobody knows how long they take, from no worker at all."""

from __future__ import annotations

import time
from statistics import median

from distributed import Client, LocalCluster

from ..figure import Figure, rounded
from ..service import clock, count, running

_TASKS = 8
_WORKERS = 4
SOURCE = "import time\ndef handler(event):\n    time.sleep(event['seconds'])\n"


def measure(size: float) -> list[Figure]:
    """Workers take one task at a time on both sides, and both begin with none."""
    seconds = max(0.05, 6 * min(1.0, size))
    ours: list[float] = []
    dask: list[float] = []
    workers: list[int] = []
    for _ in range(count(3, size)):
        with running(max_workers=_WORKERS, slots_per_worker=1) as service:
            service.publish("slow", SOURCE)
            with clock(ours):
                for run in service.client.map("slow", [{"seconds": seconds}] * _TASKS):
                    assert service.client.wait(run)["state"] == "succeeded"
            workers.append(len(service.client.status()["workers"]))
        with (
            LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
            Client(cluster) as client,
        ):
            cluster.adapt(minimum=0, maximum=_WORKERS)
            with clock(dask):
                client.gather([client.submit(time.sleep, seconds, pure=False) for _ in range(_TASKS)])
    return [
        Figure(
            name="elastic",
            what=f"{_TASKS} tasks of {seconds:g} s each on at most {_WORKERS} workers, from none",
            unit="s",
            ours=rounded(median(ours) / 1000),
            floor=rounded(median(dask) / 1000),
            beside=f"LocalCluster.adapt(minimum=0, maximum={_WORKERS})",
            of="ours",
            aim="<= 14",
            detail={"workers at the end": min(workers), "at best, s": rounded(seconds * _TASKS / _WORKERS)},
        )
    ]
