"""The owner's end of a zygote: starts it, asks it for forks and kills, hears of births and deaths."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .guest import ZYGOTE, guest_variables, guest_way
from .limits import USUAL, Ways
from .linux import require_linux
from .packets import packed, packet_pair, receive, send, unpacked

log = logging.getLogger(__name__)
_START_LIMIT_S = 60.0
_END_LIMIT_S = 5.0
_SAID_AGAIN = 0.1  # of a lease: it need not be said more often
_ONE_THREAD = {  # in a process that forks; jemalloc's own would be one, too, and is pyarrow's
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The end of an environment: its exit code, or minus the signal's number; None when it was never born."""

    status: int | None
    cpu_ms: float
    reason: str = ""
    out_of_memory: bool = False  # the kernel has killed in it at the limit of its cgroup


class Nursery:
    """One zygote, started at the first fork and again when it has died. Everything is called on the event loop.

    It must be used on a thread that lives as long as its environments may: the kernel ends a zygote with the thread
    that started it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        born: Callable[[str, int], None],
        died: Callable[[str, Death], None],
        lost: Callable[[], None],
        ways: Ways = USUAL,
        python: Path | None = None,
    ) -> None:
        """`folder` is where it works; `python` that of a virtual environment, which may know nothing of this package."""
        self._python = python
        self._folder = folder
        self._ways = [ways.start, ways.cgroup]
        self._born, self._died, self._lost = born, died, lost
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._leased_at = 0.0
        self.ready_since: float | None = None  # monotonic: when it began to take requests

    @property
    def pid(self) -> int | None:
        """Process id of the zygote."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the zygote unless there is one. Returns at once; requests wait for it in the socket."""
        if self._process is not None:
            return
        require_linux()
        near, far = packet_pair()
        way = _own_way() if self._python is None else guest_way(self._python)
        variables = os.environ if self._python is None else guest_variables(self._python)
        with far:
            self._process = subprocess.Popen(
                [*way, str(far.fileno()), str(os.getpid()), *self._ways],
                pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,
                cwd=self._folder,
                env={**_ONE_THREAD, **variables},
                start_new_session=True,
            )
        near.setblocking(False)
        self._control = near
        loop = asyncio.get_running_loop()
        loop.add_reader(near, self._hear)
        self._watchdog = loop.call_later(_START_LIMIT_S, self._give_up)

    def fork(self, name: str, channel: int, log_fd: int, *, memory_mb: int, processes: int = 0) -> None:
        """Ask for a new environment with these two descriptors; `born` or `died` follows. The kernel keeps it within
        these limits where it can."""
        self.start()
        self._ask({"fork": name, "memory_mb": memory_mb, "processes": processes}, [channel, log_fd])

    def kill(self, name: str) -> None:
        """Ask to kill an environment and everything it started; `died` follows. One that is dead already is fine."""
        self._ask({"kill": name}, [])

    def lease(self, lease_s: float | None) -> None:
        """Environments end when this is not said again for so many seconds; None: they need not. May be said often."""
        now = time.monotonic()
        if lease_s is None or now - self._leased_at >= lease_s * _SAID_AGAIN:
            self._leased_at = now
            self._ask({"lease_s": lease_s}, [])

    async def close(self) -> None:
        """End the zygote, and with it every environment."""
        process = self._drop()
        if process is not None:
            await asyncio.to_thread(_end, process)

    def _ask(self, request: Mapping[str, Any], fds: list[int]) -> None:
        if self._control is None:
            return
        try:
            send(self._control, packed(request), fds)
        except OSError as error:  # it has died, or does not read any more
            log.warning("The zygote %s takes no requests (%s).", self.pid, error)
            asyncio.get_running_loop().call_soon(self._give_up)

    def _hear(self) -> None:
        while self._control is not None:
            try:
                packet = receive(self._control)
            except BlockingIOError:
                return
            if packet is None:
                self._give_up()
                return
            self._take(unpacked(packet[0]))

    def _take(self, message: dict[str, object]) -> None:
        if "ready" in message:
            self.ready_since = time.monotonic()
            if self._watchdog is not None:
                self._watchdog.cancel()
        elif "born" in message:
            self._born(str(message["born"]), int(str(message["pid"])))
        elif "died" in message:
            status = message["status"]
            death = Death(
                status=None if status is None else int(str(status)),
                cpu_ms=float(str(message["cpu_ms"])),
                reason=str(message["error"] or ""),
                out_of_memory=bool(message["oom"]),
            )
            self._died(str(message["died"]), death)

    def _give_up(self) -> None:
        """The zygote has died or does not answer."""
        if self._process is None:
            return
        process = self._drop()
        log.warning("The zygote has ended; its environments end with it.")
        if process is not None:
            asyncio.get_running_loop().run_in_executor(None, _end, process)
        self._lost()

    def _drop(self) -> subprocess.Popen[bytes] | None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
        process, self._process, self._control, self.ready_since = self._process, None, None, None
        self._leased_at = 0.0
        return process


def _own_way() -> list[str]:
    return [sys.executable, "-P", "-m", ZYGOTE]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Blocks until it has ended: its socket is closed, so it will by itself; else it is killed."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_LIMIT_S)
        return
    process.kill()
    process.wait()
