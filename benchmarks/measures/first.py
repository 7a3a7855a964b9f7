"""The first result: of a service that has no worker yet, and of a script when nothing runs at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from jupyter_fn.client.client import Client

from ..figure import Figure, rounded
from ..service import NOOP, clock, count, nothing, plain_dask, running

OURS = """
from jupyter_fn import fn

@fn
def noop(event):
    return None

noop.invoke()
print("done", flush=True)
"""
DASK = """
from distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        client.submit(sum, [1]).result()
        print("done", flush=True)
"""


def measure(size: float) -> list[Figure]:
    """Two figures, each side in turn."""
    return [_no_workers(count(5, size)), _nothing_at_all(count(3, size))]


def _no_workers(rounds: int) -> Figure:
    ours: list[float] = []
    dask: list[float] = []
    for _ in range(rounds):
        with running() as service:
            service.publish("noop", NOOP)
            with clock(ours):
                service.invoke("noop")
        started = time.perf_counter()
        with plain_dask(workers=1) as client:
            client.submit(nothing).result()
            dask.append((time.perf_counter() - started) * 1000)
    return Figure(
        name="first result, no workers",
        what="the first invoke of a service that has no worker yet",
        unit="ms",
        ours=rounded(median(ours)),
        floor=rounded(median(dask)),
        beside="a fresh LocalCluster with one worker, a client, one submit",
        of="ours",
        aim="<= 1000",
    )


def _nothing_at_all(rounds: int) -> Figure:
    ours: list[float] = []
    dask: list[float] = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="jupyter-fn-bench-") as folder:
            home = Path(folder) / "home"
            try:
                ours.append(_until_done(OURS, folder, {"JUPYTER_FN_HOME": str(home)}))
            finally:
                Client(home, start=False).stop()
            dask.append(_until_done(DASK, folder, {}))
    return Figure(
        name="first result, from nothing",
        what="a script that publishes a function and invokes it, when no service runs",
        unit="ms",
        ours=rounded(median(ours)),
        floor=rounded(median(dask)),
        beside="a script that makes a LocalCluster with one worker, a client, one submit",
    )


def _until_done(script: str, folder: str, environment: Mapping[str, str]) -> float:
    """Milliseconds from the start of a fresh Python to the script's last line; its end does not count."""
    file = Path(folder) / "script.py"
    file.write_text(script)
    times: list[float] = []
    with clock(times):
        process = subprocess.Popen(
            [sys.executable, str(file)],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        said = process.stdout.readline()
    process.communicate()
    assert said == "done\n", said
    return times[0]
