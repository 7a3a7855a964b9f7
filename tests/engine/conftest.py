"""A stage: the real engine over a real store, and an executor whose every word the test decides.

Time is a `Clock` that moves when a test moves it. The store is watched: after every op, inside its transaction, the runs
that workers hold are counted, so that a limit which was exceeded for a moment is seen as well.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import platform
import textwrap
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from sqlalchemy import Connection, text

import jupyter_fn
from jupyter_fn.engine.engine import Engine
from jupyter_fn.executors.inprocess import InProcessExecutor
from jupyter_fn.executors.protocol import Executor, Listener, Worker
from jupyter_fn.model.errors import HandlerFailed, RunCancelled, WorkerLost
from jupyter_fn.model.function import Options
from jupyter_fn.model.ids import digest_json
from jupyter_fn.model.run import Attempt, Outcome, Run, Staged, Usage
from jupyter_fn.model.trigger import Trigger
from jupyter_fn.model.version import Bundle, Draft
from jupyter_fn.runtime import outputs
from jupyter_fn.runtime.assignment import Assignment
from jupyter_fn.settings import Settings
from jupyter_fn.store import attempts, payloads, runs, triggers
from jupyter_fn.store.database import Database

T = TypeVar("T")
PATIENCE_S = 60.0  # for anything that is waited for; reached only when something is wrong
LOOK_S = 0.002
HELD_NOW = text(
    "SELECT function, count(*) FROM runs WHERE state IN ('claimed', 'running', 'publishing') GROUP BY function"
)
FOR_EVER_S = 1e12  # a test that lets hours pass must not have its idle workers retired, unless that is what it is about
CALM_ROUNDS = 6  # so many looks in a row without a change: nothing is under way


@pytest.fixture
def anyio_backend() -> str:
    """The engine lives on asyncio."""
    return "asyncio"


class Clock:
    """Epoch seconds that pass when a test says so."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


def _is_of_the_package(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(os.path.dirname(jupyter_fn.__file__))


class WatchedDatabase(Database):
    """The real one; remembers the most runs of each function that were ever held at once. Once `dead`, it never answers."""

    most_held: Counter[str]
    dead = False

    def submit(self, op: Callable[[Connection], T]) -> Future[T]:
        if self.dead:
            return Future()

        def counted(conn: Connection) -> T:
            result = op(conn)
            for name, held in conn.execute(HELD_NOW):
                self.most_held[name] = max(self.most_held[name], held)
            return result

        return super().submit(counted)


class Scripted:
    """An executor that does nothing by itself. What it is sent stands in `sent`; what has not ended yet in `open`."""

    def __init__(self, clock: Callable[[], float], *, most: int = 0, slots: int = 2) -> None:
        self.clock = clock
        self.most, self.slots = most, slots
        self.sent: list[tuple[str, Assignment]] = []
        self.open: dict[tuple[str, int], tuple[str, Assignment]] = {}
        self.cancelled: list[tuple[str, str, int]] = []
        self.scaled: list[tuple[int, tuple[str, ...]]] = []
        self.joins_at_start: list[str] = []
        self.unreachable: set[str] = set()  # workers that are gone, and nobody has said so yet
        self.scale_error: Exception | None = None
        self.closed = False
        self._workers: dict[str, Worker] = {}
        self._numbers = count(1)
        self._listener: Listener

    # --- the protocol

    async def start(self, listener: Listener) -> None:
        self._listener = listener
        for name in self.joins_at_start:
            self.join(name)

    async def close(self) -> None:
        self.closed = True
        for worker_id in list(self._workers):
            self.lose(worker_id)

    def workers(self) -> Sequence[Worker]:
        return list(self._workers.values())

    async def send(self, worker_id: str, assignments: Sequence[Assignment]) -> None:
        if worker_id not in self._workers or worker_id in self.unreachable:
            raise WorkerLost(f"The worker {worker_id} is gone.", "Send it to another one.")
        for assignment in assignments:
            self.sent.append((worker_id, assignment))
            self.open[assignment.run_id, assignment.token] = (worker_id, assignment)

    async def cancel(self, worker_id: str, run_id: str, token: int) -> None:
        self.cancelled.append((worker_id, run_id, token))

    async def scale(self, wanted: int, retire: Sequence[str] = ()) -> None:
        self.scaled.append((wanted, tuple(retire)))
        if self.scale_error is not None:
            error, self.scale_error = self.scale_error, None
            raise error
        for worker_id in retire:
            assert not self.held_by(worker_id), "a worker that holds runs is not to be retired"
            self.lose(worker_id)
        while not retire and len(self._workers) < min(wanted, self.most):
            self.join()

    @property
    def limits(self) -> tuple[int, int]:
        return 0, self.most

    # --- what a test decides

    def join(self, name: str = "", *, slots: int | None = None) -> Worker:
        number = next(self._numbers)
        worker = Worker(id=f"{name or 'w'}-{number}", name=name or f"w{number}", slots=slots or self.slots, joined=0.0)
        self._workers[worker.id] = worker
        self._listener.worker_joined(worker)
        return worker

    def lose(self, worker_id: str) -> None:
        del self._workers[worker_id]
        for attempt in [attempt for attempt, (worker, _) in self.open.items() if worker == worker_id]:
            del self.open[attempt]
        self._listener.worker_lost(worker_id)

    def started(self, assignment: Assignment) -> None:
        self._listener.attempts_started([(assignment.run_id, assignment.token, self.clock())])

    def prints(self, assignment: Assignment, said: str) -> None:
        self._listener.log_lines(assignment.run_id, said)

    def end(self, *outcomes: Outcome) -> None:
        """Told together, as when they have ended together."""
        for outcome in outcomes:
            self.open.pop((outcome.run_id, outcome.token), None)
        self._listener.outcomes(outcomes)

    def succeed(self, assignment: Assignment, result: Any = None, **fields: Any) -> Outcome:
        outcome = self.outcome(assignment, result=result, **fields)
        self.end(outcome)
        return outcome

    def fail(self, assignment: Assignment, message: str = "no", **fields: Any) -> Outcome:
        error = HandlerFailed(message, kind="ValueError", traceback=f"ValueError: {message}\n").to_dict()
        outcome = self.outcome(assignment, **{"error": error, **fields})
        self.end(outcome)
        return outcome

    def killed(self, assignment: Assignment) -> None:
        self.end(self.outcome(assignment, error=RunCancelled("It was cancelled.").to_dict()))

    def outcome(self, assignment: Assignment, *, ms: float = 10.0, **fields: Any) -> Outcome:
        now = self.clock()
        usage = Usage(duration_ms=ms, cpu_ms=ms / 2, bytes_read=7, bytes_written=3, max_memory_mb=40)
        common = {"run_id": assignment.run_id, "token": assignment.token, "usage": usage}
        return Outcome(**{**common, "started": now - ms / 1000, "ended": now, **fields})

    # --- what a test looks at

    def held_by(self, worker_id: str) -> list[Assignment]:
        return [assignment for worker, assignment in self.open.values() if worker == worker_id]

    def of(self, run_id: str) -> Assignment:
        """The newest assignment of a run."""
        return [assignment for _, assignment in self.sent if assignment.run_id == run_id][-1]

    @property
    def waiting(self) -> list[Assignment]:
        """Assignments without outcome, in the order in which they were sent."""
        return [assignment for _, assignment in self.open.values()]


class Stage:
    """One home, its store, its engine and its executor; short words for what tests do to them."""

    def __init__(self, folder: Path, make_executor: Callable[[Stage], Executor], clock: Any, settings: Any) -> None:
        self.folder = folder
        self.clock = clock
        self.settings = Settings(home=folder / "home", **settings)
        self.most_held: Counter[str] = Counter()
        self._make_executor = make_executor
        self.database: WatchedDatabase
        self.engine: Engine
        self.executor: Any

    # --- the service's life

    async def open(self, prepare: Callable[[Any], None] = lambda executor: None) -> None:
        """A service on this home. `prepare` gets its executor before the engine does."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        store = self.settings.store or self.settings.home / "store.db"
        self.database = cast(WatchedDatabase, WatchedDatabase.open(store, synchronous="normal"))
        self.database.most_held = self.most_held
        self.executor = self._make_executor(self)
        prepare(self.executor)
        self.engine = Engine(self.settings, self.database, self.executor, clock=self.clock)
        await self.engine.start()

    async def close(self) -> None:
        """The service ends as it should."""
        await self.engine.close()
        self.database.close()
        self.database.dead = True

    async def crash(self) -> None:
        """The service is killed: its tasks end where they are, and nothing of it reaches the store any more."""
        self.database.dead = True
        self.database.close()
        self.engine.dispatcher.close()
        tasks = [task for task in asyncio.all_tasks() if _is_of_the_package(task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(self.executor, InProcessExecutor):
            await self.executor.close()

    async def restart(self, prepare: Callable[[Any], None] = lambda executor: None) -> None:
        """The service ends as it should, and another one takes its place."""
        await self.close()
        await self.open(prepare)

    # --- what people do

    def draft(self, name: str = "f", source: str = "def handler(event):\n    return 1\n", **options: Any) -> Draft:
        source = textwrap.dedent(source)
        fields = {key: options.pop(key) for key in ("packages", "python", "folder") if key in options}
        known = Options(**options)
        return Draft(
            **{
                "function": name,
                "bundle": Bundle(kind="cell", source=source, handler="handler", filename=f"<fn {name}>"),
                "options": known,
                "folder": str(self.folder),
                "python": platform.python_version(),
                "packages": {},
                "captured": (),
                "digest": digest_json([source, known.to_dict()]),
                **fields,
            }
        )

    async def publish(self, name: str = "f", *args: Any, **options: Any) -> dict[str, Any]:
        return await self.engine.publisher.publish(self.draft(name, *args, **options))

    async def invoke(self, name: str = "f", event: Any = None, **how: Any) -> str:
        """The run's id."""
        return str((await self.engine.invocations.invoke(name, event or {}, **how))["id"])

    async def invoked(self, number: int, name: str = "f", **options: Any) -> list[Assignment]:
        """Publish `name`, invoke it so many times: what the executor was sent of it then."""
        await self.publish(name, **options)
        ids = [await self.invoke(name) for _ in range(number)]
        await self.quiet()
        return [assignment for assignment in self.executor.waiting if assignment.run_id in ids]

    def staged(self, assignment: Assignment, target: str, content: str = "whole") -> Staged:
        """A file as `context.output(target)` leaves it."""
        path = self.folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = outputs.staged_name(str(path), assignment.run_id, assignment.token)
        Path(aside).write_text(content)
        return Staged(staged=aside, target=str(path), size=len(content))

    # --- what there is

    def read(self, question: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.database.read(lambda conn: question(conn, *args, **kwargs))

    def run(self, run_id: str) -> Run:
        return self.read(runs.get, run_id)

    def runs(self, name: str | None = None) -> list[Run]:
        """Oldest first."""
        return self.read(runs.list_runs, name, last=10_000)[::-1]

    def states(self, name: str | None = None) -> list[str]:
        return [run.state.value for run in self.runs(name)]

    def attempts(self, run_id: str) -> list[Attempt]:
        return self.read(attempts.attempts_of, run_id)

    def triggers(self, name: str = "f") -> list[Trigger]:
        return self.read(triggers.of_function, name)

    def trigger(self, name: str = "f") -> Trigger:
        (only,) = self.triggers(name)
        return only

    def finishes(self) -> Counter[str]:
        """Run → how often it has ended, as followers see it."""
        query = text("SELECT runs.id, count(*) FROM finishes JOIN runs ON runs.seq = finishes.run GROUP BY runs.id")
        return Counter(dict(self.database.read(lambda conn: [tuple(row) for row in conn.execute(query)])))

    async def balance(self, name: str = "f") -> dict[str, Any]:
        """The audit, which must balance."""
        audit = await self.engine.questions.audit(name)
        assert audit["balanced"], audit
        return audit

    # --- waiting

    async def until(self, condition: Callable[[], T | Awaitable[T]], what: str = "") -> T:
        """The first true value of `condition`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    found = condition()
                    value: Any = await found if inspect.isawaitable(found) else found
                    if value:
                        return value
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{what or 'What was waited for'} did not come; runs: {self.runs()}") from None

    async def ended(self, *run_ids: str) -> list[Run]:
        await self.until(lambda: all(self.run(run_id).state.terminal for run_id in run_ids), "the end of the runs")
        return [self.run(run_id) for run_id in run_ids]

    async def sent(self, number: int) -> list[Assignment]:
        """What was sent, once there are `number` assignments without outcome."""
        await self.until(lambda: len(self.executor.waiting) >= number, f"{number} assignments")
        return self.executor.waiting

    async def quiet(self) -> None:
        """Until all that was set in motion has come to rest in the store."""
        calm, last = 0, None
        while calm < CALM_ROUNDS:
            await asyncio.wrap_future(self.database.submit(lambda conn: None))
            await self.engine.transitions.settle()
            await asyncio.sleep(0)
            seen = (
                [(run.id, run.state, run.token) for run in self.runs()],
                len(getattr(self.executor, "sent", ())),
            )
            calm, last = (calm + 1, last) if seen == last else (0, seen)

    async def dispose(self) -> None:
        """At the end of a test, whatever it has done."""
        if not self.database.dead:
            await self.close()


@pytest.fixture
async def open_stage(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """`await open_stage(most=…, slots=…, clock=…, prepare=…, here=True, **settings)` → a stage whose service runs.

    `here`: the executor is a real one, in this process. Otherwise it is a `Scripted`, which obeys `scale` up to `most`.
    """
    stages: list[Stage] = []

    async def made(
        *,
        most: int = 0,
        slots: int = 2,
        here: bool = False,
        clock: Any = None,
        prepare: Callable[[Any], None] = lambda executor: None,
        **settings: Any,
    ) -> Stage:
        ticks = clock or Clock()

        def scripted(stage: Stage) -> Executor:
            return Scripted(ticks, most=most, slots=slots)

        def real(stage: Stage) -> Executor:
            return InProcessExecutor(
                lambda name: stage.read(payloads.get, name), slots=slots, most_workers=max(most, 1)
            )

        settings = {"slots_per_worker": slots, "idle_timeout_s": FOR_EVER_S, **settings}
        stage = Stage(tmp_path, real if here else scripted, ticks, settings)
        await stage.open(prepare)
        stages.append(stage)
        return stage

    yield made
    for stage in stages:
        await stage.dispose()


@pytest.fixture
async def stage(open_stage: Callable[..., Awaitable[Stage]]) -> Stage:
    """A service without triggers and without workers; workers come and go as the test says."""
    return await open_stage()


@pytest.fixture
async def busy(stage: Stage) -> Stage:
    """A service with one worker of two slots."""
    stage.executor.join("w1")
    return stage


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Staged files are put in place only after `gate.set()`."""
    opened = threading.Event()
    publish = outputs.publish

    def held_up(staged: Sequence[Staged]) -> None:
        assert opened.wait(PATIENCE_S)
        publish(staged)

    monkeypatch.setattr(outputs, "publish", held_up)
    yield opened
    opened.set()
