"""What a run has left behind when its handler is done: processes, of whatever session and however far from home.

Orphans of an environment are adopted by it (`linux.adopt_orphans`), so all of them are found below it.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from .linux import children, has_children, kill_tree

_PATIENCE_S = 1.0


def end_remains() -> int:
    """Kill every process that is left, and collect it. Gives how many lived; a run that leaves none costs one system call."""
    if not has_children():
        return 0
    ended: set[int] = set()
    deadline = time.monotonic() + _PATIENCE_S
    while (left := _left()) and time.monotonic() < deadline:
        for pid in left:
            kill_tree(pid)
        ended.update(left)
        time.sleep(0.0005)
    return len(ended)


def _left() -> list[int]:
    """Living children, but for the one by which Python itself keeps track of shared memory; dead ones are collected."""
    tracker = getattr(
        getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None), "_pid", None
    )
    return [pid for pid in children(os.getpid()) if pid != tracker and not _collected(pid)]


def _collected(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True
