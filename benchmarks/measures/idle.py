"""An idle service: what it holds and burns while it watches a folder and a schedule and nothing happens."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import psutil

from ..figure import Figure, rounded
from ..service import NOOP, Service, running

_LOOK_S = 0.1
_SETTLING_S = 5.0  # what starts lazily has started by then


def measure(size: float) -> list[Figure]:
    """The workers have been there and have gone. Both sides are looked at during the same seconds."""
    seconds = max(0.2, 20 * size)
    with running(idle_timeout_s=1) as service, _scheduler() as scheduler:
        service.publish("noop", NOOP, on=("landing/*.csv", "cron(0 6 1 1 *)"))
        service.invoke("noop")
        _until_alone(service)
        time.sleep(min(_SETTLING_S, seconds))
        before = _cpu_s(service.process), _cpu_s(scheduler)
        time.sleep(seconds)
        ours, floor = _cpu_s(service.process) - before[0], _cpu_s(scheduler) - before[1]
        memory = _memory_mb(service.process), _memory_mb(scheduler)
    beside = "an idle dask scheduler"
    return [
        Figure(
            name="idle, memory",
            what="resident memory of a service that watches a folder and a schedule, all its processes",
            unit="MB",
            ours=rounded(memory[0]),
            floor=rounded(memory[1]),
            beside=beside,
            of="ours",
            aim="<= 150",
        ),
        Figure(
            name="idle, CPU",
            what=f"CPU time of the same over {seconds:g} s",
            unit="% of a core",
            ours=rounded(100 * ours / seconds),
            floor=rounded(100 * floor / seconds),
            beside=beside,
            of="ours",
            aim="<= 1",
        ),
    ]


def _until_alone(service: Service) -> None:
    while service.client.status()["workers"]:
        time.sleep(_LOOK_S)


@contextmanager
def _scheduler() -> Iterator[psutil.Process]:
    with TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"],
            cwd=folder,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    """Of the process, its children, and those of them that have ended meanwhile."""
    return sum(sum(one.cpu_times()[:4]) for one in _family(process))


def _memory_mb(process: psutil.Process) -> float:
    return sum(one.memory_info().rss for one in _family(process)) / 1e6
