"""Processes for workers of the local cluster, which can be started before there is a cluster."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from ..runtime.limits import USUAL, Ways

_END_LIMIT_S = 10.0
_WORKER = f"{__package__}.worker"


class Processes:
    """Starts them, keeps those that nobody has asked for yet, ends them."""

    def __init__(self, service: str, *, slots: int, folder: str | None, ways: Ways = USUAL) -> None:
        own = json.dumps(ways.to_dict())
        self._command = (sys.executable, "-P", "-m", _WORKER, service, str(slots), folder or "", own)
        self._spare: list[asyncio.Task[Process]] = []

    def start_ahead(self, number: int) -> None:
        """Have so many that nobody has asked for. Returns at once."""
        while len(self._spare) < number:
            self._spare.append(asyncio.create_task(self._start()))

    async def take(self, address: str, name: object) -> Process:
        """A process that becomes the worker of that name, of the scheduler there."""
        process = await (self._spare.pop() if self._spare else self._start())
        assert process.stdin
        process.stdin.write(json.dumps([address, name]).encode() + b"\n")
        return process

    async def close(self) -> None:
        """End those that nobody has asked for."""
        spare, self._spare = self._spare, []
        await asyncio.gather(*[end(await process) for process in spare])

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=2)


async def end(process: Process) -> None:
    """Ask it to, wait until it has, kill it when it does not."""
    assert process.stdin
    process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_LIMIT_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
