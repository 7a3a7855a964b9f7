"""The zygote: one single-threaded process that has imported the heavy libraries and forks environments off itself.

`python -m jupyter_fn.runtime.zygote CONTROL_FD OWNER_PID START CGROUP`, started by the owner of the environments
(`nursery.py`). It imports and never computes: no thread exists when it forks, which is what makes forking safe. Should
there be one all the same, because of something that was imported, or should START be `spawn`, then environments are
fresh processes (`spawned.py`). Packets over the control socket, JSON with descriptors attached:

===============================================  ========================================================
owner → zygote                                   zygote → owner
===============================================  ========================================================
`{"fork": id, "memory_mb", "processes"}`         `{"ready": pid}` once
+ channel, log                                   `{"born": id, "pid": pid}`
`{"kill": id}`                                   `{"died": id, "status", "cpu_ms", "max_memory_mb",
`{"lease_s": s or null}`                         "error", "oom"}`
end of file: end everything
===============================================  ========================================================

Nothing survives: environments die with the zygote, and it adopts and kills whatever processes an environment leaves. A
lease that the owner does not renew in time ends all environments: an owner that hangs or is stopped cannot end them, and
somebody else may have been given what they do.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import environment
from .cgroups import Cgroups, join, limits_of, places
from .linux import adopt_orphans, children, die_with_parent, kill_tree, prefer_this_process
from .packets import packed, receive, send, unpacked
from .spawned import SPAWN, spawn

PRELOAD = (
    "numpy.random",
    "pandas",
    "pyarrow",
    "pyarrow.parquet",
    "pyarrow.dataset",  # what reading a Parquet file imports when it begins, and making a frame
    "pyarrow.pandas_compat",
    "pandas.core.arrays.arrow.extension_types",
    "cloudpickle",
    "fsspec",
    "fsspec.implementations.local",
    "importlib.metadata",
    "logging",
    "tempfile",
    "uuid",
    *(f"{__package__}.{name}" for name in ("context", "faults", "loading", "outputs", "writes")),
    "jupyter_fn.capture.lines",  # captured functions are built with it
)
_CUT_OFF = "it was cut off for too long"
_ORPHANS_WAIT_S = 0.05
_AGAIN_MS = 10.0
_END_WAIT_S = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT)


def main() -> None:
    """Import, report ready, serve until the owner's end of the control socket closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(signal.SIGTERM, int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    spawns = sys.argv[3] == SPAWN
    gc.disable()  # nothing of what is imported is garbage, and a collection would touch pages that forks share
    for name in () if spawns else PRELOAD:
        with suppress(Exception):  # what cannot be imported here is told by the handler that needs it
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    Zygote(control, cgroups=Cgroups.below(places(sys.argv[4]), f"jupyter-fn-{os.getpid()}"), spawns=spawns).serve()


class Zygote:
    """Forks on request, reaps, reports."""

    def __init__(self, control: socket.socket, *, cgroups: Cgroups, spawns: bool) -> None:
        self.control = control
        self.cgroups = cgroups
        self.spawns = spawns
        self.niceness = prefer_this_process()  # it has to get its turn among a thousand that fork
        self.living: dict[int, str] = {}  # pid → id
        self.given_up: set[int] = set()  # pids that were killed at the end of the lease
        self.haunted = False  # some that have been adopted are not dead yet
        self.lease_ends: float | None = None  # monotonic
        self.woken, self.waker = socket.socketpair()
        self.woken.setblocking(False)
        self.waker.setblocking(False)

    def serve(self) -> None:
        """Until the owner leaves or SIGTERM; then nothing that was forked here is alive."""
        signal.set_wakeup_fd(self.waker.fileno())
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.woken, select.POLLIN)
        self.tell(ready=os.getpid())
        going = True
        while going:
            ready = {fd for fd, _ in poll.poll(self.patience_ms())}
            if self.woken.fileno() in ready:
                going = signal.SIGTERM not in self.woken.recv(4096)
            if self.haunted or self.woken.fileno() in ready:
                self.reap()
            if going and self.control.fileno() in ready:
                going = self.obey()
            self.check_lease()
        self.end()

    def patience_ms(self) -> float | None:
        """How long to wait for whatever comes next."""
        if self.haunted:
            return _AGAIN_MS
        return None if self.lease_ends is None else max(0.0, self.lease_ends - time.monotonic()) * 1000 + 1

    def check_lease(self) -> None:
        """End every environment when the lease has run out."""
        if self.lease_ends is not None and time.monotonic() >= self.lease_ends:
            self.lease_ends = None
            self.given_up.update(self.living)
            for pid in self.living:
                self.kill(pid)

    def kill(self, pid: int) -> None:
        """An environment and everything that it has started."""
        self.cgroups.kill(self.living[pid])
        kill_tree(pid)

    def tell(self, **message: Any) -> None:
        """To the owner; when it is gone there is nobody to tell, and the end comes by itself."""
        with suppress(OSError):
            send(self.control, packed(message))

    def obey(self) -> bool:
        """One request. False at the end of the conversation."""
        packet = receive(self.control)
        if packet is None:
            return False
        request, fds = unpacked(packet[0]), packet[1]
        if "fork" in request:
            self.start(request["fork"], fds, limits_of(request["memory_mb"], request["processes"]))
        elif "lease_s" in request:
            self.lease_ends = None if request["lease_s"] is None else time.monotonic() + request["lease_s"]
        elif "kill" in request:
            for pid in [pid for pid, name in self.living.items() if name == request["kill"]]:
                self.kill(pid)
        return True

    def start(self, name: str, fds: list[int], limits: dict[str, str]) -> None:
        """A new environment; `fds` are its channel and its log."""
        group = self.cgroups.make(name, limits)
        try:
            pid = spawn(fds, self.niceness, group) if self.spawns or _threads() > 1 else self.fork(fds, group)
        except OSError as error:
            self.cgroups.remove(name)
            self.tell(died=name, status=None, cpu_ms=0.0, max_memory_mb=0, error=str(error), oom=False)
        else:
            self.living[pid] = name
            self.tell(born=name, pid=pid)
        for fd in fds:
            os.close(fd)

    def fork(self, fds: list[int], group: Path | None) -> int:
        """The child does not come back from here."""
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                self.become(parent, fds, group)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def become(self, parent: int, fds: list[int], group: Path | None) -> None:
        """In the child: drop everything of the zygote and never come back."""
        status = 70  # EX_SOFTWARE
        try:
            if group is not None:
                join(group)
            os.setpriority(os.PRIO_PROCESS, 0, self.niceness)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for sock in (self.control, self.woken, self.waker):
                sock.close()
            environment.live(parent, channel=socket.socket(fileno=fds[0]), log=fds[1])
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def reap(self) -> None:
        """Collect whoever ended; report environments, end what they left behind."""
        ended: dict[str, tuple[int, float, int, str | None]] = {}
        for pid, status, usage in _collected():
            name = self.living.pop(pid, None)
            if name is not None:
                why = _CUT_OFF if pid in self.given_up else None
                ended[name] = (status, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss // 1024, why)
                self.given_up.discard(pid)
        refused = {name for name in ended if self.cgroups.remove(name)}
        orphans_ms = self.end_orphans()
        for name, (status, cpu_ms, peak_mb, why) in ended.items():
            used = {"cpu_ms": cpu_ms + orphans_ms, "max_memory_mb": peak_mb}
            self.tell(died=name, status=os.waitstatus_to_exitcode(status), **used, error=why, oom=name in refused)
            orphans_ms = 0.0

    def end_orphans(self) -> float:
        """Kill every adopted process and its descendants. Gives their CPU time in ms, of those that end at once."""
        cpu_ms = 0.0
        deadline = time.monotonic() + _ORPHANS_WAIT_S
        while orphans := [pid for pid in children(os.getpid()) if pid not in self.living]:
            for pid in orphans:
                kill_tree(pid)
                with suppress(ChildProcessError):
                    _, _, usage = os.wait4(pid, os.WNOHANG)
                    cpu_ms += (usage.ru_utime + usage.ru_stime) * 1000
            if time.monotonic() > deadline:
                break
            time.sleep(0.001)
        self.haunted = bool(orphans)
        return cpu_ms

    def end(self) -> None:
        """Kill all environments and all they left."""
        for pid in list(self.living):
            self.kill(pid)
        deadline = time.monotonic() + _END_WAIT_S
        while (self.living or children(os.getpid())) and time.monotonic() < deadline:
            self.reap()
            self.end_orphans()
            time.sleep(0.001)
        self.cgroups.close()


def _threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _collected() -> Any:
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status, usage


if __name__ == "__main__":
    main()
