"""CONTRACT from outside: a home, its service as a real process, the command line as a real process.

What is asked goes through words, files and HTTP.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

LIMIT_S = 60.0  # for anything that is waited for; reached only when something is wrong
LOOK_S = 0.05
ENDED = {"succeeded", "failed", "dead", "cancelled", "split", "unknown", "skipped"}
Found = TypeVar("Found")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is about real services, which must be stopped also when a test takes too long."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.service)
            item.add_marker(pytest.mark.timeout(180, method="signal"))


def until(condition: Callable[[], Found | None], what: str = "", *, limit_s: float = LIMIT_S) -> Found:
    """The first true value of `condition`; fails after `limit_s`."""
    end = time.monotonic() + limit_s
    last: object = None
    while time.monotonic() < end:
        last = condition()
        if last:
            return last  # type: ignore[return-value]
        time.sleep(LOOK_S)
    raise AssertionError(f"Waited {limit_s:.0f} s for {what or condition}; the last look gave {last!r}.")


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@dataclass(frozen=True)
class Said:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def two_lines(self) -> tuple[str, str]:
        """An error: one line of cause and one of remedy on standard error, nothing on standard output."""
        assert self.out == ""
        cause, remedy = self.err.splitlines()
        assert cause
        assert remedy
        return cause, remedy


class House:
    """A home with its service, and a folder to work in. `fn("runs --json")` is the command line."""

    def __init__(self, folder: Path, settings: dict[str, str], environment: dict[str, str]) -> None:
        self.home = folder / "home"
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        own = {f"JUPYTER_FN_{name.upper()}": value for name, value in settings.items()}
        dropped = {name for name in os.environ if name.startswith(("JUPYTER_FN_", "PYTEST_"))}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        own |= {"JUPYTER_FN_HOME": str(self.home), "IPYTHONDIR": str(folder / "ipython")}
        self.environment = {**kept, **own, **environment}

    # the command line

    def command(self, words: str | list[str]) -> list[str]:
        """The words of a process."""
        split = shlex.split(words) if isinstance(words, str) else words
        return [sys.executable, "-m", "jupyter_fn.cli.main", *split]

    def fn(self, words: str | list[str], *, cwd: Path | None = None, stdin: str | None = None) -> Said:
        """`jupyter fn WORDS`, ended."""
        done = subprocess.run(
            self.command(words),
            cwd=cwd or self.work,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, words: str | list[str], **how: Any) -> Said:
        """`fn`, which must end with 0."""
        said = self.fn(words, **how)
        assert said.code == 0, f"{words}: {said}"
        return said

    def popen(self, words: str | list[str]) -> subprocess.Popen[str]:
        """`jupyter fn WORDS`, begun."""
        return subprocess.Popen(
            self.command(words),
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # short ways

    def write(self, name: str, text: str) -> Path:
        """A file of the working folder, put in place at once."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.parent / f".{path.name}.new"
        fresh.write_text(textwrap.dedent(text))
        fresh.replace(path)
        return path

    def publish(self, source: str, *, name: str = "jobs.py", words: str = "") -> list[dict[str, Any]]:
        """Write a module and publish what it decorates."""
        self.write(name, "from jupyter_fn import fn\n\n" + textwrap.dedent(source))
        published: list[dict[str, Any]] = self.ok(f"publish {name} {words} --json").json
        return published

    def invoke(self, target: str, event: Any = None, *words: str) -> Said:
        """`invoke` with an event."""
        return self.fn(["invoke", target, "--event", json.dumps({} if event is None else event), *words])

    def submit(self, target: str, event: Any = None) -> str:
        """`invoke --async`; the run's id."""
        said = self.invoke(target, event, "--async")
        assert said.code == 0, said
        return said.out.strip()

    def runs(self, words: str = "") -> list[dict[str, Any]]:
        """`runs --json`."""
        found: list[dict[str, Any]] = self.ok(f"runs {words} --json").json
        return found

    until = staticmethod(until)
    alive = staticmethod(alive)

    # the HTTP API, where looking often must be cheap

    @property
    def address(self) -> dict[str, Any]:
        """`home/service.json`."""
        found: dict[str, Any] = json.loads((self.home / "service.json").read_text())
        return found

    def http(self, method: str, path: str, *, token: str | None = None, **how: Any) -> httpx.Response:
        """One request with the service's token, or with another one."""
        address = self.address
        given = address["token"] if token is None else token
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        return httpx.request(
            method, f"{address['url']}{path}", headers=headers, trust_env=False, timeout=LIMIT_S, **how
        )

    def get(self, path: str) -> Any:
        """The JSON of `GET /api/v1/PATH`."""
        answer = self.http("GET", f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, run_id: str) -> dict[str, Any]:
        """The JSON of a run once it has ended."""
        run: dict[str, Any] = until(
            lambda: (run := self.get(f"runs/{run_id}?wait_s=5"))["state"] in ENDED and run, f"the end of run {run_id}"
        )
        return run

    def all_ended(self, function: str, count: int) -> list[dict[str, Any]]:
        """The runs of a function, newest first, once there are `count` and all have ended."""

        def look() -> list[dict[str, Any]] | None:
            runs: list[dict[str, Any]] = self.get(f"runs?function={function}&last=10000")
            return runs if len(runs) >= count and all(run["state"] in ENDED for run in runs) else None

        return until(look, f"{count} ended runs of {function}")

    def in_state(self, run_id: str, state: str) -> dict[str, Any]:
        """The JSON of a run once it is in a state."""
        run: dict[str, Any] = until(
            lambda: (run := self.get(f"runs/{run_id}"))["state"] == state and run, f"run {run_id} {state}"
        )
        return run

    # the service

    def start(self) -> None:
        """`start`, which answers when the service does."""
        self.ok("start")

    def stop(self) -> None:
        """`stop`, whatever there is."""
        self.fn("stop")

    def kill(self) -> int:
        """`kill -9` of the service, and wait until it is gone; its pid."""
        pid = int(self.address["pid"])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid), "the end of the killed service")
        return pid


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Settings of the module's service; modules that need others have a fixture of this name."""
    return {"max_workers": "2", "poll_s": "0.5"}


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Environment variables of everything in the module's house; as with `settings`."""
    return {}


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str], environment: dict[str, str]
) -> Iterator[House]:
    """A house whose service runs."""
    house = House(tmp_path_factory.mktemp("house"), settings, environment)
    house.start()
    yield house
    house.stop()


@pytest.fixture
def bare(tmp_path: Path, settings: dict[str, str], environment: dict[str, str]) -> Iterator[House]:
    """A house of the test's own, in which no service was started yet."""
    house = House(tmp_path, settings, environment)
    yield house
    with suppress(OSError, ValueError, KeyError):
        pid = int(house.address["pid"])
        house.stop()
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
