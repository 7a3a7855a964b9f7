"""A warm call that waits for its result, over and over."""

from __future__ import annotations

from ..figure import Figure, percentile, rounded
from ..service import NOOP, clock, count, nothing, plain_dask, running


def measure(size: float) -> list[Figure]:
    """Both sides take turns, so that they share the machine's moods."""
    ours: list[float] = []
    dask: list[float] = []
    with running(max_workers=1, idle_timeout_s=600) as service, plain_dask(workers=1) as client:
        service.publish("noop", NOOP)
        for _ in range(count(30, size)):  # connections, code paths, an environment
            service.invoke("noop")
            client.submit(nothing, pure=False).result()
        for _ in range(count(10, size)):
            for _ in range(count(60, size)):
                with clock(ours):
                    service.invoke("noop")
            for _ in range(count(60, size)):
                with clock(dask):
                    client.submit(nothing, pure=False).result()
    return [
        Figure(
            name=f"invoke, p{round(share * 100)}",
            what="a warm invoke over HTTP: stored, run in its environment, stored again, answered",
            unit="ms",
            ours=rounded(percentile(ours, share)),
            floor=rounded(percentile(dask, share)),
            beside="client.submit(…).result() on a LocalCluster with one worker",
            aim="<= 0.5",
            detail={"calls": len(ours)},
        )
        for share in (0.5, 0.99)
    ]
