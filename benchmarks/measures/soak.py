"""Very many runs: what service and workers hold at the end, beside what they held after the first tenth."""

from __future__ import annotations

import psutil

from ..figure import Figure, rounded
from ..memory import pss_mb
from ..service import CORES, NOOP, Service, count, running
from .events import drain

_PARTS = 10


def measure(size: float) -> list[Figure]:
    """One part after the other; nothing runs while memory is looked at."""
    part = count(20_000, size)
    service_mb: list[float] = []
    workers_mb: list[float] = []
    with running(max_workers=CORES, idle_timeout_s=3600) as service:
        service.publish("noop", NOOP)
        for _ in range(_PARTS):
            drain(service, part)
            service_mb.append(pss_mb([service.process]))
            workers_mb.append(pss_mb(_workers(service)))
    beside = "the same after the first tenth"
    return [
        Figure(
            name=f"soak, {name}",
            what=f"PSS of {what} after {part * _PARTS:,} runs",
            unit="MB",
            ours=rounded(held[-1]),
            floor=rounded(held[0]),
            beside=beside,
            aim="<= 1.05",
            detail={"after each tenth, MB": ", ".join(f"{one:.4g}" for one in held)},
        )
        for name, what, held in (
            ("service", "the service's own process", service_mb),
            ("workers", "its workers, zygotes and environments", workers_mb),
        )
    ]


def _workers(service: Service) -> list[psutil.Process]:
    return service.process.children(recursive=True)
