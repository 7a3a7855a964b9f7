"""A service without a network: its application over ASGI, in front of a real engine with a scripted executor."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_fn.engine.engine import Engine
from jupyter_fn.executors.protocol import Listener, Worker
from jupyter_fn.model.function import Options
from jupyter_fn.model.ids import digest_json
from jupyter_fn.model.run import Outcome, Usage
from jupyter_fn.model.version import Bundle, Draft
from jupyter_fn.runtime.assignment import Assignment
from jupyter_fn.service.http import make_app
from jupyter_fn.service.state import Running
from jupyter_fn.settings import Settings
from jupyter_fn.store.database import Database

TOKEN = "the-token-of-this-service"
PATIENCE_S = 60.0  # for anything that is waited for; reached only when something is wrong
LOOK_S = 0.02


@pytest.fixture
def anyio_backend() -> str:
    """The service lives on asyncio."""
    return "asyncio"


class Obliging:
    """An executor with one worker, on which every run succeeds at once with its event's `answer`, or fails when there is
    `fails` in it, or goes on for ever when there is `stays`."""

    def __init__(self) -> None:
        self.worker = Worker(id="w-1", name="w", slots=4, joined=time.time())
        self.staying: list[Assignment] = []
        self._listener: Listener

    async def start(self, listener: Listener) -> None:
        self._listener = listener
        listener.worker_joined(self.worker)

    async def close(self) -> None:
        self._listener.worker_lost(self.worker.id)

    def workers(self) -> Sequence[Worker]:
        return [self.worker]

    async def send(self, worker_id: str, assignments: Sequence[Assignment]) -> None:
        self.staying += [one for one in assignments if one.event.get("stays")]
        self._listener.outcomes([self._outcome(one) for one in assignments if not one.event.get("stays")])

    def _outcome(self, one: Assignment) -> Outcome:
        usage = Usage(duration_ms=1.5, cold=True, init_ms=2.0, max_memory_mb=10)
        common = {
            "run_id": one.run_id,
            "token": one.token,
            "started": time.time(),
            "ended": time.time(),
            "usage": usage,
        }
        if one.event.get("fails"):
            error = {"type": "ValueError", "class": "HandlerFailed", "message": "no", "traceback": "ValueError: no\n"}
            return Outcome(**common, error=error, log="trying\n")
        return Outcome(**common, result=one.event.get("answer"), log="done\n")

    async def cancel(self, worker_id: str, run_id: str, token: int) -> None:
        one = next(one for one in self.staying if (one.run_id, one.token) == (run_id, token))
        error = {"type": "RunCancelled", "class": "RunCancelled", "message": "It was cancelled."}
        self._listener.outcomes(
            [Outcome(run_id=run_id, token=token, started=0.0, ended=0.0, usage=Usage(), error=error)]
        )
        self.staying.remove(one)

    async def scale(self, wanted: int, retire: Sequence[str] = ()) -> None:
        """It is what it is."""

    @property
    def limits(self) -> tuple[int, int]:
        return 1, 1


def draft(name: str = "f", source: str = "def handler(event):\n    return 1\n", **options: Any) -> Draft:
    """What a client would send for such a cell."""
    folder = options.pop("folder", "/tmp")
    known = Options(**{"retries": 0, **options})
    return Draft(
        function=name,
        bundle=Bundle(kind="cell", source=source, handler="handler", filename=f"<fn {name}>"),
        options=known,
        folder=str(folder),
        python=platform.python_version(),
        packages={},
        captured=(),
        digest=digest_json([source, known.to_dict()]),
    )


class Api:
    """The HTTP API. `await api.get("runs")` gives the JSON of an answer that is well."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.app = make_app(running)
        self.stopped = False
        running.stop = lambda: setattr(self, "stopped", True)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service")

    async def ask(self, method: str, path: str, *, token: str | None = TOKEN, **how: Any) -> httpx.Response:
        """Any answer to any request; `path` begins with a slash, or is one of the API."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        path = path if path.startswith("/") else f"/api/v1/{path}"
        return await self.client.request(method, path, headers={**headers, **how.pop("headers", {})}, **how)

    async def _well(self, method: str, path: str, **how: Any) -> Any:
        answer = await self.ask(method, path, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, path: str, **query: Any) -> Any:
        return await self._well("GET", path, params=query)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self._well("POST", path, json=body)

    async def put(self, path: str, body: Any) -> Any:
        return await self._well("PUT", path, json=body)

    async def delete(self, path: str) -> Any:
        return await self._well("DELETE", path)

    async def publish(self, name: str = "f", **options: Any) -> Any:
        return await self.post(f"functions/{name}/versions", draft(name, **options).to_dict())

    async def invoke(self, name: str = "f", **event: Any) -> Any:
        """One run, ended."""
        return await self.post(f"functions/{name}/invoke", {"event": event, "wait_s": 60})


@pytest.fixture
async def api(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Api]:
    """A service that runs, with nothing published."""
    settings = Settings(home=tmp_path / "home")
    with Database.open(settings.home / "store.db", synchronous="normal") as database:
        engine = Engine(settings, database, Obliging())
        await engine.start()
        api = Api(Running(engine, settings, token=TOKEN, started=time.time(), url="http://service"))
        yield api
        await api.client.aclose()
        await engine.close()


@pytest.fixture
def make_draft() -> Callable[..., Draft]:
    """`make_draft(name, source, **options)`."""
    return draft


# --- the service as a process


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(LOOK_S)
    raise AssertionError(f"{what} did not come.")


class Process:
    """`serve` of a home, as a process. `http("GET", "runs")` asks it."""

    def __init__(self, home: Path, *words: str, **settings: str) -> None:
        dropped = {name for name in os.environ if name.startswith("JUPYTER_FN_")}
        environment = {name: value for name, value in os.environ.items() if name not in dropped}
        own = {f"JUPYTER_FN_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "jupyter_fn.cli.main", "serve", "--home", str(home), *words]
        self.home = home
        self.process = subprocess.Popen(
            command, env={**environment, **own}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ready(self) -> str:
        """The line that it prints when it answers."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    @property
    def address(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "service.json").read_text()))

    def http(self, method: str, path: str, **how: Any) -> Any:
        address = self.address
        headers = {"Authorization": f"Bearer {address['token']}"}
        url = f"{address['url']}/api/v1/{path}"
        answer = httpx.request(method, url, headers=headers, timeout=PATIENCE_S, trust_env=False, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self) -> tuple[int, str, str]:
        """Its exit code and what it has said, once it has ended."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def kill(self) -> None:
        self.process.kill()
        self.wait()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """`serve(*words, home=…, **settings)` → a process that is under way."""
    started: list[Process] = []

    def made(*words: str, home: Path | None = None, **settings: str) -> Process:
        settings = {"max_workers": "1", "poll_s": "0.5", **settings}
        started.append(Process(home or tmp_path / "home", *words, **settings))
        return started[-1]

    yield made
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            if process.process.poll() is None:
                process.kill()
        for pipe in (process.process.stdout, process.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`eventually(condition, what)` waits for the first true value."""
    return until
