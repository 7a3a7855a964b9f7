"""Who can be killed: found among the children of the processes that we have started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil

from .house import House

KINDS = ("service", "worker", "nanny", "zygote", "environment")
HOLDERS = ("worker", "nanny", "zygote")  # what they hold is lost with them


def victims(house: House, kind: str) -> list[psutil.Process]:
    """The living processes of a kind."""
    if kind == "service":
        return [psutil.Process(house.service.pid)] if house.service and house.service.poll() is None else []
    if kind == "nanny":
        return [psutil.Process(one.pid) for one in house.nannies if one.poll() is None]
    workers = [process for root in _roots(house) for process in _children(root) if _is_worker(process)]
    if kind == "worker":
        return workers
    zygotes = [process for worker in workers for process in _children(worker) if _is_zygote(process)]
    if kind == "zygote":
        return zygotes
    return [process for zygote in zygotes for process in _children(zygote)]


def family(process: psutil.Process) -> set[int]:
    """The pids of a process and of all below it."""
    with suppress(psutil.NoSuchProcess):
        return {process.pid, *(child.pid for child in process.children(recursive=True))}
    return {process.pid}


def _roots(house: House) -> Iterator[psutil.Process]:
    yield from victims(house, "service")
    yield from victims(house, "nanny")


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children()
    return []


def _is_worker(process: psutil.Process) -> bool:
    return "multiprocessing.spawn" in _words(process)


def _is_zygote(process: psutil.Process) -> bool:
    return "jupyter_fn.runtime.zygote" in _words(process)


def _words(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""
