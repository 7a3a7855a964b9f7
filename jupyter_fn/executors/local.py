"""The cluster that a service starts on its own machine: the scheduler here, each worker in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from distributed import Scheduler, SpecCluster, Status

from .processes import Processes, end

log = logging.getLogger(__name__)
_SHORT_S, _REST_S = 5.0, 1.0  # after a life that short there is a rest before the next one


def local_cluster(processes: Processes) -> Any:
    """A `SpecCluster` without workers yet, to be awaited: no dashboard, nothing that polls or profiles."""
    options = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    return SpecCluster(  # type: ignore[no-untyped-call]
        scheduler={"cls": Scheduler, "options": options},
        worker={"cls": LocalWorker, "options": {"processes": processes}},
        asynchronous=True,
        silence_logs=logging.WARNING,
        name="jupyter-fn",
    )


class LocalWorker:
    """One worker as `SpecCluster` wants it: awaited to start it, then closed. When its process dies there is a new one."""

    def __init__(self, scheduler: str, *, name: object, processes: Processes) -> None:
        self.status = Status.created
        self._scheduler, self._name, self._processes = scheduler, name, processes
        self._life: asyncio.Task[None] | None = None

    def __await__(self) -> Generator[Any, Any, LocalWorker]:
        return self._started().__await__()

    async def _started(self) -> LocalWorker:
        """It has not joined yet; the scheduler will say when it does."""
        if self._life is None:
            self.status = Status.running
            self._life = asyncio.create_task(self._live())
        return self

    async def close(self) -> None:
        """End its process."""
        self.status = Status.closed
        if self._life is not None:
            self._life.cancel()
            with suppress(asyncio.CancelledError):
                await self._life

    async def _live(self) -> None:
        while True:
            began = time.monotonic()
            process = await self._processes.take(self._scheduler, self._name)
            try:
                status = await process.wait()
            finally:
                await end(process)
            if status == 0:  # it was retired, or the scheduler has gone
                return
            log.warning("The worker %s has died (%s); it is started again.", self._name, status)
            if time.monotonic() - began < _SHORT_S:
                await asyncio.sleep(_REST_S)
