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
_PASSES = 50  # through a tree that grows while it is stopped
_PREFERRED = 10
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


def descendants(pid: int, *, most: int = 1_000_000) -> list[int]:
    """Children, their children, and so on, nearest first; no further ones when there are more than `most`."""
    found: list[int] = []
    waiting = deque([pid])
    while waiting and len(found) <= most:
        below = children(waiting.popleft())
        found += below
        waiting += below
    return found


def kill(pid: int) -> None:
    """SIGKILL; a process that is gone is fine, and so is 0, for one that was never born."""
    if pid > 0:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """SIGKILL to a process, to its process group if it leads one, and to all its descendants.

    They are stopped first: what is stopped forks no more, so even those that fork as fast as they can are all found. A
    signal that is pending keeps fork(2) from beginning, and killpg reaches a whole group between two forks.
    """
    if pid <= 0:
        return
    known = {pid}
    for number in (signal.SIGSTOP, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            known |= _stopped(pid)
    for one in known - {pid}:
        kill(one)


def _stopped(pid: int) -> set[int]:
    """Every descendant, when all of them have been told to stop."""
    known: set[int] = set()
    for _ in range(_PASSES):
        new = [one for one in descendants(pid) if one not in known]
        if not new:
            break
        known.update(new)
        for one in new:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGSTOP)
    return known


def prefer_this_process() -> int:
    """Ask for more of the processor than others get; who may not goes on as before. Gives the niceness so far."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, max(-20, before - _PREFERRED))
    with suppress(OSError):  # where each session has a share of its own, niceness counts inside of it only: sched(7)
        Path("/proc/self/autogroup").write_text(str(-_PREFERRED))
    return before


def has_children() -> bool:
    """Whether this process has any, unreaped ones included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def disk_kb(folder: Path, *, most: int) -> int:
    """Blocks of all files below a folder; of a tree with more than `most` entries those that were found first."""
    total, waiting = 0, deque([os.fspath(folder)])
    while waiting and most > 0:
        with suppress(OSError), os.scandir(waiting.popleft()) as entries:
            for entry in entries:
                most -= 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    with suppress(OSError):
                        total += entry.stat(follow_symlinks=False).st_blocks // 2
    return total


def unnamed_kb(pid: int, folder: Path) -> int:
    """Blocks of the files that a process has open below a folder and that have no name any more."""
    total = 0
    with suppress(OSError):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = str(fd.readlink())
                if target.startswith(f"{folder}/") and target.endswith(" (deleted)"):
                    total += fd.stat().st_blocks // 2
    return total


def private_kb(pid: int) -> int:
    """Anonymous resident memory (resident − shared of /proc/PID/statm); 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            fields = file.read().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * PAGE_KB
