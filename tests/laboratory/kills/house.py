"""A home with its service, and a cluster if it is not the service's own: real processes, all of them ours."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from .handlers import SOURCE

T = TypeVar("T")
PATIENCE_S = 120.0
LEASE_S, BEAT_S = 3.0, 0.5
_WORKERS = 2


class House:
    """`local`: the service starts its own workers. `dask`: a scheduler and two nannies stand beside it."""

    def __init__(self, *, store: str = "", cluster: str = "local", home: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fn-kills-"))
        self.work = self.folder / "work"
        (self.work / "in").mkdir(parents=True)
        self.journal = self.folder / "journal"
        self.journal.touch()
        self._log = (self.folder / "log").open("ab")
        self._cluster = cluster
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        self.nannies: list[subprocess.Popen[bytes]] = []
        self.service: subprocess.Popen[bytes] | None = None
        self.home = home or self.folder / "home"
        self.store = store or str(self.home / "store.db")
        own = {
            "HOME": str(self.home),
            "STORE": store,
            "CLUSTER": "local" if cluster == "local" else f"tcp://127.0.0.1:{self._port}",
            "MAX_WORKERS": str(_WORKERS),
            "LEASE_S": str(LEASE_S),
            "BEAT_S": str(BEAT_S),
            "POLL_S": "0.5",
            "BREAKER_RUNS": "0",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_FN_", "PYTEST_"))}
        self._environment = {**kept, **{f"JUPYTER_FN_{name}": value for name, value in own.items() if value}}

    def __enter__(self) -> House:
        if self._cluster != "local":
            words = (
                "distributed.cli.dask_scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                str(self._port),
                "--no-dashboard",
            )
            self._scheduler = self._spawn(*words)
            self.mend()
        self.start()
        (self.work / "jobs.py").write_text(SOURCE.format(journal=str(self.journal)))
        done = subprocess.run(
            command("jupyter_fn.cli.main", "publish", "jobs.py"),
            cwd=self.work,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return self

    def __exit__(self, *_: object) -> None:
        ours = [one for one in (self.service, *self.nannies, self._scheduler) if one is not None]
        for process in ours:
            kill_all(process.pid)
            process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- processes

    def start(self) -> None:
        """A service, which answers."""
        self.service = self._spawn("jupyter_fn.cli.main", "serve")
        until(self._answers, "the service to answer")

    def stop(self) -> None:
        """As people stop it."""
        assert self.service is not None
        self.service.send_signal(signal.SIGTERM)
        self.service.wait(PATIENCE_S)

    def mend(self) -> None:
        """There are as many nannies as there should be."""
        if self._cluster == "local":
            return
        self.nannies = [one for one in self.nannies if one.poll() is None]
        while len(self.nannies) < _WORKERS:
            words = ("--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
            where = ("--local-directory", str(self.folder / "dask"), f"tcp://127.0.0.1:{self._port}")
            self.nannies.append(self._spawn("distributed.cli.dask_worker", *words, *where))

    def _answers(self) -> bool:
        assert self.service is not None
        assert self.service.poll() is None, self.said()
        address = self.address()
        if not address or address["pid"] != self.service.pid:
            return False
        with suppress(httpx.HTTPError):
            return httpx.get(f"{address['url']}/healthz", trust_env=False).status_code == 200
        return False

    def _spawn(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(module, *words),
            cwd=self.work,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def said(self) -> str:
        """The end of what all processes have printed."""
        return (self.folder / "log").read_text()[-5000:]

    # --- the API

    def address(self) -> Mapping[str, Any]:
        """`service.json`; nothing when it is not there."""
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.home / "service.json").read_text())
            return found
        return {}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer. Raises httpx.HTTPError when there is none."""
        address = self.address()
        if not address:
            raise httpx.ConnectError("There is no service.")
        answer = httpx.request(
            method,
            f"{address['url']}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {address['token']}"},
            timeout=30.0,
            trust_env=False,
        )
        if answer.status_code in (401, 503):  # of the one before, or it is on its way out
            raise httpx.ConnectError(answer.text)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def insist(self, method: str, path: str, body: Any = None) -> Any:
        """Ask until there is an answer."""
        return until(lambda: [self.ask(method, path, body)], f"an answer to {method} {path}")[0]


def command(module: str, *words: str) -> list[str]:
    """The words of a process of this very Python."""
    return [sys.executable, "-m", module, *words]


def until(look: Callable[[], T | None], what: str, *, limit_s: float = PATIENCE_S) -> T:
    """The first true answer; there may be no service for a while."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        with suppress(httpx.HTTPError):
            if found := look():
                return found
        time.sleep(0.02)
    raise AssertionError(f"Waited {limit_s:.0f} s for {what}.")


def kill_all(pid: int) -> None:
    """A process that we have started, and all that came of it."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
        for process in [psutil.Process(pid), *family]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
