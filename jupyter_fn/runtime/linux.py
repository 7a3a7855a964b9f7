"""What only the Linux kernel can do, by its own names: see prctl(2), proc(5), setrlimit(2)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path

from ..model.errors import FnError

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FALLOC_PUNCH_HOLE = 3  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
PAGE_KB = (os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096) // 1024


def require_linux() -> None:
    """Environments are forks that the kernel ends with their owner; only Linux promises that."""
    if not sys.platform.startswith("linux"):
        raise FnError(
            f"Environments need Linux; this is {sys.platform}.",
            "Connect a cluster whose workers run Linux: jupyter fn serve --cluster tcp://…",
        )


def die_with_parent(number: int, parent: int) -> None:
    """Get signal `number` when the thread that started this process ends; leave at once when it is not `parent` any more."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """Descendants whose parent ends become children of this process, instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def punch_hole(fd: int, start: int, length: int) -> None:
    """Give the blocks of a part of a file back; it then reads as zeros. Filesystems that cannot do it leave it as it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate(fd, _FALLOC_PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(length))


def children(pid: int) -> list[int]:
    """Process ids of the living or unreaped children of `pid`."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_bytes().split())
    return found


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on, nearest first."""
    found: list[int] = []
    waiting = deque([pid])
    while waiting:
        below = children(waiting.popleft())
        found += below
        waiting += below
    return found


def kill(pid: int) -> None:
    """SIGKILL; a process that is gone is fine, and so is 0, for one that was never born."""
    if pid > 0:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def private_kb(pid: int) -> int:
    """Anonymous resident memory (resident − shared of /proc/PID/statm); 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            fields = file.read().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * PAGE_KB
