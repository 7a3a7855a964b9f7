"""A service of the benchmark's own, in a temporary home, and a Dask cluster to hold it against."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import psutil

from jupyter_fn.capture.draft import capture_cell
from jupyter_fn.client.address import read_address
from jupyter_fn.client.client import Client
from jupyter_fn.model.function import Options

CORES = len(os.sched_getaffinity(0))
NOOP = "def handler(event):\n    return None\n"


@dataclass(frozen=True)
class Service:
    """A running service and a client of it."""

    home: Path
    client: Client

    def publish(self, name: str, source: str, **options: Any) -> None:
        """Publish a cell; `options` are fields of `Options`."""
        self.client.publish(capture_cell(name, source, {}, options=Options(**options), folder=self.home.parent))

    def invoke(self, name: str, event: Any = None) -> Any:
        """Run and wait; fails when the run does."""
        run = self.client.invoke(name, event)
        assert run["state"] == "succeeded", run
        return run

    @property
    def process(self) -> psutil.Process:
        """The service's own process."""
        return psutil.Process(read_address(self.home).pid)


@contextmanager
def running(**settings: object) -> Iterator[Service]:
    """A service in a home of its own, stopped at the end; `settings` are those of `jupyter_fn.settings`."""
    own = {f"JUPYTER_FN_{name.upper()}": str(value) for name, value in settings.items()}
    with TemporaryDirectory(prefix="jupyter-fn-bench-") as folder, patch.dict(os.environ, own):
        home = Path(folder) / "home"
        client = Client(home)
        client.status()
        try:
            yield Service(home, client)
        finally:
            client.stop()


@contextmanager
def plain_dask(*, workers: int) -> Iterator[Any]:
    """A client of a fresh local cluster with `workers` processes of one thread each."""
    from distributed import Client as DaskClient
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        DaskClient(cluster) as client,
    ):
        yield client


def nothing(_: Any = None) -> None:
    """What Dask runs."""


def handle_batch(records: list[Any]) -> int:
    """What the floors do with a batch."""
    return len(records)


def count(full: int, size: float) -> int:
    """How often, at this size."""
    return max(1, round(full * size))


@contextmanager
def clock(times: list[float]) -> Iterator[None]:
    """Adds the milliseconds that the block takes."""
    started = time.perf_counter()
    yield
    times.append((time.perf_counter() - started) * 1000)
