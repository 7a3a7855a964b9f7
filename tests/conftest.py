"""A service that answers from a table, for everything above the HTTP API."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .postgres import INSTALL, PostgresServer, binaries

Reply = Any | Callable[[httpx.Request], Any]


class FakeService:
    """`on("GET", "runs", [...])` sets an answer: JSON, an httpx.Response, an exception to raise, or a function of the
    request that gives one of those. What was asked stands in `asked`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.asked: list[httpx.Request] = []
        self._replies: dict[tuple[str, str], Reply] = {}
        self.move("http://fake:1", "secret")

    def move(self, url: str, token: str) -> None:
        data = {"url": url, "token": token, "pid": os.getpid()}
        (self.home / "service.json").write_text(json.dumps(data))

    def on(self, method: str, path: str, reply: Reply) -> None:
        self._replies[method, path] = reply

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix("/api/v1/")
        if (request.method, path) not in self._replies:
            return self.error(404, "NotFound", f"Nothing at {request.method} {path}.")
        reply = self._replies[request.method, path]
        reply = reply(request) if callable(reply) else reply
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, json=reply)

    @staticmethod
    def error(status: int, kind: str, message: str, remedy: str = "") -> httpx.Response:
        return httpx.Response(status, json={"error": {"type": kind, "message": message, "remedy": remedy}})

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def body(self, index: int = -1) -> Any:
        return json.loads(self.asked[index].content)

    def query(self, index: int = -1) -> dict[str, str]:
        return dict(self.asked[index].url.params)


@pytest.fixture
def fake(tmp_path: Path) -> FakeService:
    return FakeService(tmp_path)


@pytest.fixture
def run_json() -> Callable[..., dict[str, Any]]:
    """The JSON of a run that succeeded, with changes."""
    run = {
        "id": "0b1d7a52-0000-4000-8000-000000000001",
        "function": "daily",
        "version": 3,
        "alias": "live",
        "trigger": "invoke",
        "state": "succeeded",
        "reason": "",
        "attempts": 1,
        "event_id": "e1",
        "batch_size": 1,
        "created": "2026-11-03T06:00:00.000000Z",
        "started": "2026-11-03T06:00:00.100000Z",
        "ended": "2026-11-03T06:00:01.600000Z",
        "duration_ms": 1500.0,
        "billed_ms": 1500,
        "init_ms": 9.1,
        "memory_mb": 512,
        "max_memory_mb": 56,
        "cpu_ms": 1200.0,
        "bytes_read": 1000,
        "bytes_written": 0,
        "cost_usd": "0.0000127000250",
        "worker": "w1",
        "cold": True,
        "error": None,
        "result": {"rows": 12},
    }
    return lambda **changes: {**run, **changes}


# --- PostgreSQL


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for everything in this process that needs one."""
    if binaries() is None:
        missing = f"PostgreSQL is not installed: {INSTALL}"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """A database with an empty store in it: many tests one after the other use it, others copy it."""
    from jupyter_fn.store.database import Database

    url = postgres.new_database()
    Database.open(url).close()
    return url


@pytest.fixture
def postgres_url(postgres: PostgresServer, migrated: str) -> Iterator[str]:
    """An empty store of this test's own. Emptied afterwards: that takes a tenth of the time of making one."""
    yield migrated
    postgres.empty(migrated)
