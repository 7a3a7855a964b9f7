"""Environments of this very process behind the executor protocol: for tests, benchmarks and services without a cluster."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Coroutine, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from ..model.errors import WorkerLost
from ..model.run import Outcome
from ..runtime.assignment import Assignment, Terms
from ..runtime.pool import Environments
from .bundles import LoadBundle, fetch
from .protocol import Listener, Worker


class InProcessExecutor:
    """Each worker is a zygote with its environments, owned by this event loop. Starts with none."""

    def __init__(self, load_bundle: LoadBundle, *, slots: int = 4, most_workers: int = 1) -> None:
        self._load_bundle = load_bundle
        self._slots = slots
        self._most_workers = most_workers
        self._members: dict[str, _Member] = {}
        self._numbers = count(1)
        self._listener: Listener

    async def start(self, listener: Listener) -> None:
        """Make ready; there is no worker yet."""
        self._listener = listener

    async def close(self) -> None:
        """End every worker."""
        await self.scale(0, list(self._members))

    def workers(self) -> Sequence[Worker]:
        """Workers that take assignments now."""
        return [member.worker for member in self._members.values()]

    async def send(self, worker_id: str, assignments: Sequence[Assignment]) -> None:
        """Hand assignments to a worker. Raises WorkerLost when it is gone."""
        if worker_id not in self._members:
            raise WorkerLost(f"The worker {worker_id} is gone.", "Send it to another one.")
        self._members[worker_id].environments.submit(assignments)

    async def cancel(self, worker_id: str, run_id: str, token: int) -> None:
        """Kill that attempt."""
        if worker_id in self._members:
            self._members[worker_id].environments.cancel(run_id, token)

    async def keep(self, worker_id: str, wishes: Sequence[tuple[Terms, int]]) -> None:
        """Have a worker keep environments ready."""
        if worker_id in self._members:
            self._members[worker_id].environments.keep(wishes)

    async def scale(self, wanted: int, retire: Sequence[str] = ()) -> None:
        """Start workers up to `wanted`, or end those named."""
        for worker_id in retire:
            if (member := self._members.pop(worker_id, None)) is not None:
                await member.close()
                self._listener.worker_lost(worker_id)
        while not retire and len(self._members) < min(wanted, self._most_workers):
            number = next(self._numbers)
            worker = Worker(id=f"here-{number}", name=str(number), slots=self._slots, joined=time.time())
            self._members[worker.id] = _Member(worker, self._listener, self._load_bundle)
            self._listener.worker_joined(worker)

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most workers."""
        return 0, self._most_workers


class _Member:
    """One worker; hands reports on, outcomes of the same moment together."""

    def __init__(self, worker: Worker, listener: Listener, load_bundle: LoadBundle) -> None:
        self.worker = worker
        self.listener = listener
        self.load_bundle = load_bundle
        self.folder = Path(tempfile.mkdtemp(prefix="fn-"))
        self.environments = Environments(self.folder, slots=worker.slots, reports=self)
        self.environments.start()
        self.done: list[Outcome] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.environments.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def outcome(self, outcome: Outcome) -> None:
        if not self.done:
            asyncio.get_running_loop().call_soon(self._flush)
        self.done.append(outcome)

    def _flush(self) -> None:
        done, self.done = self.done, []
        self.listener.outcomes(done)

    def started(self, run_id: str, token: int, at: float) -> None:
        self.listener.attempts_started([(run_id, token, at)])

    def log(self, run_id: str, text: str) -> None:
        self.listener.log_lines(run_id, text)

    def progress(self, run_id: str, done: float, total: float) -> None:
        self.listener.progress(run_id, done, total)

    def effect(self, run_id: str, token: int, name: str) -> None:
        self._spawn(self._answer(run_id, token, name))

    async def _answer(self, run_id: str, token: int, name: str) -> None:
        go = await self.listener.effect(run_id, token, name)
        self.environments.answer(run_id, token, name, go=go)

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        self.listener.effect_done(run_id, token, name)

    def need(self, digest: str) -> None:
        self._spawn(self._fetch(digest))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _fetch(self, digest: str) -> None:
        payload, error = await fetch(self.load_bundle, digest)
        if error is None:
            self.environments.provide(digest, payload)
        else:
            self.environments.refuse(digest, error)
