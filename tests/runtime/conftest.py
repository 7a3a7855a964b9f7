"""Environments of this process, with everything they report written down."""

import asyncio
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.model.ids import digest
from jupyter_fn.model.run import Outcome
from jupyter_fn.model.version import Bundle
from jupyter_fn.runtime.assignment import Assignment
from jupyter_fn.runtime.given import Given
from jupyter_fn.runtime.limits import Ways
from jupyter_fn.runtime.loading import pack
from jupyter_fn.runtime.pool import Environments
from jupyter_fn.runtime.spawned import FORK, SPAWN
from tests.attempts import attempt

PATIENCE_S = 60.0


class House:
    """`run(source, event)` gives the outcome of one run. Finer: `assign`, `submit`, `wait`."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.runner = asyncio.Runner()
        self.pool: Environments
        self._news: asyncio.Event

    def renew(self, folder: Path) -> "House":
        """A clean sheet; functions now live in `folder`."""
        self.folder = folder
        self.payloads: dict[str, bytes] = {}
        self.outcomes: list[Outcome] = []
        self.told_started: list[tuple[str, int, float]] = []
        self.shown: list[tuple[str, str]] = []
        self.steps: list[tuple[str, float, float]] = []
        self.asked: list[tuple[str, int, str]] = []
        self.left: list[tuple[str, int, str]] = []
        self.says: bool | None = True  # what a service would say of effects; None: nothing
        return self

    # --- what the environments report

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._news.set()

    def started(self, run_id: str, token: int, at: float) -> None:
        self.told_started.append((run_id, token, at))
        self._news.set()

    def log(self, run_id: str, text: str) -> None:
        self.shown.append((run_id, text))
        self._news.set()

    def progress(self, run_id: str, done: float, total: float) -> None:
        self.steps.append((run_id, done, total))
        self._news.set()

    def effect(self, run_id: str, token: int, name: str) -> None:
        self.asked.append((run_id, token, name))
        self._news.set()
        if self.says is not None:
            self.pool.answer(run_id, token, name, go=self.says)

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        self.left.append((run_id, token, name))
        self._news.set()

    def need(self, digest: str) -> None:
        if digest in self.payloads:
            asyncio.get_running_loop().call_soon(self.pool.provide, digest, self.payloads[digest])

    # --- what a test says

    def open(self, **options: Any) -> "House":
        async def made() -> None:
            self._news = asyncio.Event()
            self.pool = Environments(self.scratch, reports=self, **{"slots": 2, **options})

        self.runner.run(made())
        return self

    def close(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()

    def assign(self, source: str | Bundle, event: dict[str, Any] | None = None, **fields: Any) -> Assignment:
        bundle = source if isinstance(source, Bundle) else cell(source)
        payload = pack(bundle)
        self.payloads[digest(payload)] = payload
        numbered = {"run_id": f"run-{len(self.outcomes) + len(self.payloads)}"}
        where = {"bundle": digest(payload), "folder": str(self.folder), "memory_mb": 512}
        return attempt(**{**numbered, **where, "event": event or {}, **fields})

    def submit(self, *assignments: Assignment) -> None:
        self.tell(lambda: self.pool.submit(assignments))

    def tell(self, call: Callable[[], None]) -> None:
        """Call that on the event loop."""

        async def told() -> None:
            call()

        self.runner.run(told())

    def cancel(self, run_id: str, token: int) -> None:
        self.tell(lambda: self.pool.cancel(run_id, token))

    def close_chores(self) -> None:
        """Let what is cleaned up in the background be cleaned up."""
        if self.pool._chores:
            self.runner.run(_all(self.pool._chores))

    def wait(self, until: Callable[[], Any]) -> None:
        """Let the environments go on until that is true."""

        async def waited() -> None:
            async with asyncio.timeout(PATIENCE_S):
                while not until():
                    self._news.clear()
                    await self._news.wait()

        self.runner.run(waited())

    def finish(self, *assignments: Assignment) -> list[Outcome]:
        """The outcomes of these, in their order."""
        keys = [(a.run_id, a.token) for a in assignments]
        self.submit(*assignments)
        self.wait(lambda: set(keys) <= {(o.run_id, o.token) for o in self.outcomes})
        found = {(o.run_id, o.token): o for o in self.outcomes}
        return [found[key] for key in keys]

    def run(self, source: str | Bundle, event: dict[str, Any] | None = None, **fields: Any) -> Outcome:
        return self.finish(self.assign(source, event, **fields))[0]


def cell(source: str, **fields: Any) -> Bundle:
    common = {"kind": "cell", "source": textwrap.dedent(source), "handler": "handler", "filename": "<fn f>"}
    return Bundle(**{**common, **fields})


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    """The variables of a user of a real S3 server (moto), which has a bucket `outputs`."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=url, **keys)
    client.create_bucket(Bucket="outputs")
    client.close()
    yield {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture
def s3(s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder on that server, empty; its variables are this process's, too."""
    import fsspec

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    yield "s3://outputs/folder"
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    for path in fs.find("outputs"):
        fs.rm_file(path)


@pytest.fixture
def make_cell() -> Callable[..., Bundle]:
    return cell


@pytest.fixture
def house_with(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., House]]:
    """`house_with(slots=1)` → environments of the test's own, with a zygote that may be hurt."""
    houses: list[House] = []

    def made(**options: Any) -> House:
        houses.append(House(tmp_path_factory.mktemp("pool")).renew(tmp_path).open(**options))
        return houses[-1]

    yield made
    for house in houses:
        house.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What holds for environments holds however they begin."""
    if "house" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ("test_limits", "test_pool"):
        metafunc.parametrize("house", [FORK, SPAWN], indirect=True)


@pytest.fixture(scope="session")
def shared_houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], House]]:
    made: dict[str, House] = {}

    def house_of(start: str) -> House:
        if start not in made:
            made[start] = House(tmp_path_factory.mktemp("pool")).open(ways=Ways(start=start))
        return made[start]

    yield house_of
    for house in made.values():
        house.close()


@pytest.fixture
def house(shared_houses: Callable[[str], House], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Two slots. The zygote is shared by tests; environments are not, for each test has its own folder."""
    shared_house = shared_houses(getattr(request, "param", FORK))
    yield shared_house.renew(tmp_path)
    shared_house.runner.run(shared_house.pool.abandon())
    shared_house.pool._given = Given()  # tests name their runs as they like


async def _all(chores: set[asyncio.Future[Any]]) -> None:
    """Wait for them; the last one may have ended before this runs."""
    await asyncio.gather(*chores, return_exceptions=True)
