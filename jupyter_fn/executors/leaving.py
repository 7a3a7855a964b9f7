"""What stands at the scheduler of a cluster that somebody else manages: who of its workers may go.

An operator of Kubernetes or a gateway is told how many workers there are to be, and asks the scheduler whom to take. To
the scheduler all workers are idle, for runs are no tasks of Dask's; so it is told here that none may go but those that
the service has let go, which hold nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from distributed import SchedulerPlugin


def leaving_op(service: str) -> str:
    """The name of the scheduler's handler."""
    return f"fn_leaving_{service}"


class Leaving(SchedulerPlugin):
    """Holds the addresses of those that a service has let go."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.name = leaving_op(service)
        self.addresses: set[str] = set()

    async def start(self, scheduler: Any) -> None:
        """Dask calls this when it has come to the scheduler."""
        scheduler.handlers[self.name] = self.let_go

    async def let_go(self, addresses: Iterable[str]) -> None:
        """These may go."""
        self.addresses.update(addresses)

    def valid_workers_downscaling(self, scheduler: Any, workers: list[Any]) -> list[Any]:
        """Dask asks this before it names workers that may be closed."""
        return [worker for worker in workers if worker.address in self.addresses]

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        """It has gone."""
        self.addresses.discard(worker)
