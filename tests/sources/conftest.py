"""What the tests of sources share: the store's two logs in memory, a builder, an S3 server on loopback."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from jupyter_fn.model.log import FinishedRun, LogRecord
from jupyter_fn.policy.filters import parse_filter
from jupyter_fn.sources import registry
from jupyter_fn.sources.protocol import Source


@dataclass
class MemoryLogs:
    """`protocol.Logs` without a store."""

    topics: dict[str, list[LogRecord]] = field(default_factory=dict)
    runs: list[tuple[str, bool, FinishedRun]] = field(default_factory=list)
    hints: list[tuple[str, str, Callable[[], None]]] = field(default_factory=list)
    seq: int = 0

    def emit(self, topic: str, value: Any, *, at: float = 0.0, **more: Any) -> int:
        self.seq += 1
        record = LogRecord(seq=self.seq, id=f"r{self.seq}", key="", value=value, timestamp=at, **more)
        self.topics.setdefault(topic, []).append(record)
        self._tell(topic, "")
        return self.seq

    def finish(self, function: str, result: Any = None, *, error: Any = None, hops: int = 0) -> str:
        self.seq += 1
        run = FinishedRun(
            seq=self.seq, run_id=f"run-{self.seq}", version=1, result=result, error=error, ended=1.0, hops=hops
        )
        self.runs.append((function, error is not None, run))
        self._tell("", function)
        return run.run_id

    def _tell(self, topic: str, function: str) -> None:
        for wanted_topic, wanted_function, hint in self.hints:
            if (wanted_topic, wanted_function) == (topic, function):
                hint()

    def records(self, topic: str, *, after: int, limit: int) -> list[LogRecord]:
        return [record for record in self.topics.get(topic, []) if record.seq > after][:limit]

    def last_record(self, topic: str) -> int:
        return max((record.seq for record in self.topics.get(topic, [])), default=0)

    def finished(self, function: str, *, failed: bool, after: int, limit: int) -> list[FinishedRun]:
        mine = [run for name, bad, run in self.runs if (name, bad) == (function, failed)]
        return [run for run in mine if run.seq > after][:limit]

    def last_finished(self) -> int:
        return max((run.seq for _, _, run in self.runs), default=0)

    def listen(self, hint: Callable[[], None], *, topic: str = "", function: str = "") -> Callable[[], None]:
        entry = (topic, function, hint)
        self.hints.append(entry)
        return lambda: self.hints.remove(entry)


@pytest.fixture
def logs() -> MemoryLogs:
    return MemoryLogs()


@pytest.fixture
def source_of(logs: MemoryLogs) -> Callable[..., Source]:
    """`source_of(text, folder)` checks and builds, as publishing and watching do; `pattern` is the function's filter."""

    def build(text: str, folder: object = "/nowhere", logs: MemoryLogs = logs, pattern: Any = None) -> Source:
        trigger = registry.check(text, str(folder), function="f")
        wanted = None if pattern is None else parse_filter(pattern)
        return registry.build(trigger, logs, poll_s=5.0, remote_poll_s=1.0, wanted=lambda: wanted)

    return build


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    """A real S3 server (moto) on a free loopback port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto_address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The environment of a user of that server, and a client with a bucket `inbox`."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="inbox")
    yield client
    for listed in client.list_objects_v2(Bucket="inbox").get("Contents", []):
        client.delete_object(Bucket="inbox", Key=listed["Key"])
    client.delete_bucket(Bucket="inbox")
    client.close()
