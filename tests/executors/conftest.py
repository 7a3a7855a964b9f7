"""Every executor behind one bench: start it, send it runs, see what its listener hears."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.executors.dask import DaskExecutor
from jupyter_fn.executors.inprocess import InProcessExecutor
from jupyter_fn.executors.protocol import Executor, Worker
from jupyter_fn.model.errors import NotFound
from jupyter_fn.model.ids import digest
from jupyter_fn.model.run import Outcome
from jupyter_fn.model.version import Bundle
from jupyter_fn.runtime.assignment import Assignment
from jupyter_fn.runtime.loading import pack
from tests.attempts import attempt

PATIENCE_S = 90.0
numbers = count(1)


class Bench:
    """A listener that writes everything down, and the event loop on which its executor lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.payloads: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.joined: list[Worker] = []
        self.lost: list[str] = []
        self.done: list[Outcome] = []
        self.begun: list[tuple[str, int, float]] = []
        self.shown: list[tuple[str, str]] = []
        self.steps: list[tuple[str, float, float]] = []
        self.entered: list[tuple[str, int, str]] = []
        self.left: list[tuple[str, int, str]] = []
        self.says: bool | None = True  # what is said of effects; None: nothing
        self.runner = asyncio.Runner()
        self.executor: Executor
        self._numbers = count(1)
        self._news: asyncio.Event

    # --- the listener

    def worker_joined(self, worker: Worker) -> None:
        self.joined.append(worker)
        self._news.set()

    def worker_lost(self, worker_id: str) -> None:
        self.lost.append(worker_id)
        self._news.set()

    def attempts_started(self, started: Any) -> None:
        self.begun += started
        self._news.set()

    def outcomes(self, outcomes: Any) -> None:
        self.done += outcomes
        self._news.set()

    def log_lines(self, run_id: str, text: str) -> None:
        self.shown.append((run_id, text))
        self._news.set()

    def progress(self, run_id: str, done: float, total: float) -> None:
        self.steps.append((run_id, done, total))
        self._news.set()

    async def effect(self, run_id: str, token: int, name: str) -> bool:
        self.entered.append((run_id, token, name))
        self._news.set()
        if self.says is None:
            await asyncio.Event().wait()
        return bool(self.says)

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        self.left.append((run_id, token, name))
        self._news.set()

    def load_bundle(self, digest: str) -> bytes:
        self.asked.append(digest)
        if digest not in self.payloads:
            raise NotFound(f"There is no payload {digest}.")
        return self.payloads[digest]

    # --- what a test says

    def open(self, executor: Executor) -> "Bench":
        async def opened() -> None:
            self._news = asyncio.Event()
            self.executor = executor
            await executor.start(self)

        self.runner.run(opened())
        return self

    def close(self) -> None:
        self.runner.run(self.executor.close())

    def scale(self, wanted: int, retire: Any = ()) -> None:
        self.runner.run(self.executor.scale(wanted, retire))

    def worker(self) -> Worker:
        """A worker; one is started if need be."""
        if not self.executor.workers():
            self.scale(1)
            self.wait(lambda: self.executor.workers())
        return self.executor.workers()[0]

    def assign(self, source: str, event: dict[str, Any] | None = None, **fields: Any) -> Assignment:
        source = textwrap.dedent(source)
        payload = pack(Bundle(kind="cell", source=source, handler="handler", filename="<fn f>"))
        self.payloads[digest(payload)] = payload
        where = {"bundle": digest(payload), "folder": str(self.folder)}
        return attempt(**{"run_id": f"run-{next(self._numbers)}", **where, "event": event or {}, **fields})

    def send(self, *assignments: Assignment, to: str = "") -> str:
        """Gives the worker's id."""
        worker_id = to or self.worker().id
        self.runner.run(self.executor.send(worker_id, assignments))
        return worker_id

    def cancel(self, worker_id: str, run_id: str, token: int = 1) -> None:
        self.runner.run(self.executor.cancel(worker_id, run_id, token))

    def cut(self, worker_id: str) -> None:
        """Break the connection to a worker of Dask, as a network would."""
        member = next(m for m in self.executor._members.values() if m.worker.id == worker_id)
        member.lane.close()

    def wait(self, until: Callable[[], Any]) -> None:
        """Let the executor go on until that is true."""

        async def waited() -> None:
            async with asyncio.timeout(PATIENCE_S):
                while not until():
                    self._news.clear()
                    await self._news.wait()

        self.runner.run(waited())

    def finish(self, *assignments: Assignment) -> list[Outcome]:
        """The outcomes of these, in their order."""
        self.send(*assignments)
        self.wait(lambda: {a.run_id for a in assignments} <= {o.run_id for o in self.done})
        found = {o.run_id: o for o in self.done}
        return [found[a.run_id] for a in assignments]

    def run(self, source: str, event: dict[str, Any] | None = None, **fields: Any) -> Outcome:
        return self.finish(self.assign(source, event, **fields))[0]


class Elsewhere:
    """A scheduler, and workers that somebody else has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        self._file = file
        self.workers: list[subprocess.Popen[bytes]] = []

    def _start(self, what: str, *words: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *words, "--host", "127.0.0.1"]
        log = (self.folder / f"{what}.log").open("ab")
        environ = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]"}
        with log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environ, cwd=self.folder)

    @property
    def address(self) -> str:
        import json
        import time

        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError, ValueError):
                return str(json.loads(self._file.read_text())["address"])
            time.sleep(0.01)
        raise TimeoutError((self.folder / "scheduler.log").read_text())

    def add_worker(self, *words: str) -> "subprocess.Popen[bytes]":
        common = ["--no-dashboard", "--no-nanny", "--nthreads", "1", "--memory-limit", "0"]
        self.workers.append(self._start("worker", self.address, *common, *words))
        return self.workers[-1]

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """With one worker. Shared by tests, as by services: each has a name of its own."""
    there = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    there.add_worker()
    yield there
    there.close()


@pytest.fixture
def another_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Without workers, and free to be broken."""
    there = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    yield there
    there.close()


@pytest.fixture
def bench_of(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """`bench_of(lambda load_bundle: executor)` → a bench on which that executor has been started."""
    benches: list[Bench] = []

    def made(make: Callable[..., Executor]) -> Bench:
        bench = Bench(tmp_path)
        benches.append(bench)
        return bench.open(make(bench.load_bundle))

    yield made
    for bench in benches:
        bench.close()
        bench.runner.close()


@pytest.fixture
def dask(bench_of: Callable[..., Bench], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bench]:
    """`dask(cluster, **options)` → a bench with a DaskExecutor of a service of its own."""

    def made(cluster: str, **options: Any) -> Bench:
        folder = str(tmp_path_factory.mktemp("dask"))
        settings = {"service": f"tested-{next(numbers)}", "slots": 2, "folder": folder, **options}
        return bench_of(lambda load: DaskExecutor(cluster, load, **settings))

    return made


@pytest.fixture(params=["direct", "relayed"])
def either_way(request: pytest.FixtureRequest, dask: Callable[..., Bench]) -> Callable[..., Bench]:
    """`dask` over each way to a worker in turn."""
    return lambda cluster, **options: dask(cluster, relayed=request.param == "relayed", **options)


CLASS = "distributed.LocalCluster n_workers=0 processes=false dashboard_address=127.0.0.1:0 memory_limit=0"


@pytest.fixture(params=["in process", "dask local", "dask address", "dask class", "dask relayed"])
def bench(request: pytest.FixtureRequest, bench_of: Any, dask: Any) -> Bench:
    """Each executor in turn, with two slots a worker."""
    kind = request.param
    if kind == "in process":
        return bench_of(lambda load: InProcessExecutor(load, slots=2, most_workers=2))
    if kind == "dask address":
        return dask(request.getfixturevalue("elsewhere").address)
    return dask(CLASS if kind == "dask class" else "local", max_workers=2, relayed=kind == "dask relayed")
