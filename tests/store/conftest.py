"""The conformance fixtures: every test that takes `database` or `store` runs over every kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jupyter_fn.model.event import Event, NewEvent
from jupyter_fn.model.function import Options
from jupyter_fn.model.ids import new_id
from jupyter_fn.model.run import Attempt, Run, State, Usage
from jupyter_fn.model.trigger import Trigger
from jupyter_fn.model.version import Bundle, Captured, Draft, Version
from jupyter_fn.store import events, functions, queue, runs, triggers
from jupyter_fn.store.database import Database
from jupyter_fn.store.runs import Change

T = TypeVar("T")


class Story:
    """Short words for what tests do to a store; every one is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def write(self, op: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.database.write(lambda conn: op(conn, *args, **kwargs))

    def read(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.database.read(lambda conn: fn(conn, *args, **kwargs))

    @staticmethod
    def draft(name: str = "f", *, digest: str = "d1", **options: Any) -> Draft:
        return Draft(
            function=name,
            bundle=Bundle(kind="cell", source="def handler(event): ...", handler="handler", filename="<cell>"),
            options=Options(**options),
            folder="/work",
            python="3.11.7",
            packages={"pandas": "3.1.1"},
            captured=(Captured(name="limit", type="int", size=5, preview="7", digest="c"),),
            digest=digest,
        )

    def publish(self, name: str = "f", *, digest: str = "d1", now: float = 1.0, **options: Any) -> Version:
        return self.write(functions.publish, self.draft(name, digest=digest, **options), "bundle", now)[0]

    @staticmethod
    def a_trigger(trigger_id: str = "t", name: str = "f", **fields: Any) -> Trigger:
        fields = {
            "alias": "live",
            "uri": "in/*.csv",
            "scheme": "file",
            "target": "in/*.csv",
            "folder": "/work",
            **fields,
        }
        return Trigger(id=trigger_id, function=name, options={"settle": "1s"}, **fields)

    def listen(self, *trigger_ids: str, name: str = "f") -> list[Trigger]:
        wanted = [self.a_trigger(trigger_id, name) for trigger_id in trigger_ids or ("t",)]
        return self.write(triggers.replace, name, "live", wanted)

    @staticmethod
    def new(*keys: str, **fields: Any) -> list[NewEvent]:
        fields = {"type": "file.created", "source": "file:///work/in", "time": 5.0, "data": {"path": "a.csv"}, **fields}
        return [NewEvent(key=key, **fields) for key in keys]

    @staticmethod
    def run_of(event: Event, **fields: Any) -> Run:
        fields = {"version": 1, "alias": "live", "memory_mb": 512, "created": event.admitted, **fields}
        return Run(id=new_id(), function=event.function, trigger=event.trigger, event_id=event.id, **fields)

    @classmethod
    def run_of_batch(cls, event: Event) -> Run:
        return cls.run_of(event, batch_size=event.size)

    def admit(
        self,
        *keys: str,
        name: str = "f",
        trigger: str = "t",
        now: float = 10.0,
        position: Any = None,
        **run_fields: Any,
    ) -> list[Run]:
        admitted = self.write(
            events.admit,
            trigger,
            name,
            self.new(*keys),
            position=position,
            make_run=lambda event: self.run_of(event, **run_fields),
            now=now,
        )
        return [run for _, run in admitted]

    def change(self, run: Run, *, now: float = 20.0, **fields: Any) -> Run:
        """One transition without an attempt; fails when it is fenced."""
        after = run.replace(**fields)
        assert self.write(runs.apply, [Change(before=run, after=after)], now) == [True]
        return after

    def claim(self, run: Run, worker: str = "w1") -> Run:
        return self.change(run, state=State.CLAIMED, token=run.token + 1, attempts=run.attempts + 1, worker=worker)

    def end(
        self, run: Run, state: State = State.SUCCEEDED, *, now: float = 30.0, billed_ms: int = 100, **fields: Any
    ) -> Run:
        """The held run's attempt ends; the run is then in `state`."""
        assert self.write(runs.apply, [self.ending(run, state, now=now, billed_ms=billed_ms, **fields)], now) == [True]
        return self.read(runs.get, run.id)

    @staticmethod
    def ending(run: Run, state: State, *, now: float = 30.0, billed_ms: int = 100, **fields: Any) -> Change:
        usage = Usage(duration_ms=billed_ms - 0.5, cpu_ms=2.0, bytes_read=10, bytes_written=1, cold=True, init_ms=9.0)
        attempt = Attempt(
            run_id=run.id,
            number=run.attempts,
            token=run.token,
            worker=run.worker,
            started=now - billed_ms / 1000,
            ended=now,
            state="succeeded" if state is State.SUCCEEDED else "failed",
            usage=usage,
            billed_ms=billed_ms,
        )
        extra = {name: fields.pop(name) for name in ("records", "log") if name in fields}
        sums = {
            "billed_ms": run.billed_ms + billed_ms,
            "duration_ms": run.duration_ms + usage.duration_ms,
            "cpu_ms": run.cpu_ms + 2.0,
            "bytes_read": run.bytes_read + 10,
            "bytes_written": run.bytes_written + 1,
        }
        ended = {"ended": now} if state.terminal else {}
        after = run.replace(state=state, **{**sums, **ended, **fields})
        return Change(before=run, after=after, attempt=attempt, **extra)

    def claimable(self, now: float = 100.0, limit: int = 10, exclude: Sequence[str] = ()) -> list[Run]:
        """As it stands in the database; and the writer, who remembers what it has entered, sees the same."""
        found = self.read(queue.claimable, now, limit, exclude=exclude)
        assert self.write(queue.claimable, now, limit, exclude=exclude) == found
        assert self.write(events.of_runs, found) == self.read(events.of_runs, found)
        return found


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every test that takes it, or what is made of it, is done once for every kind of database."""
    return str(request.param)


@pytest.fixture
def where(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place of the test's own store."""
    if kind == "sqlite":
        return str(tmp_path / "home" / "store.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def open_database(where: str) -> Iterator[Callable[..., Database]]:
    """Opens the test's own store, again and again if need be; what is left open is closed."""
    opened: list[Database] = []

    def open_(**settings: Any) -> Database:
        opened.append(Database.open(where, **{"synchronous": "normal", **settings}))
        return opened[-1]

    yield open_
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[..., Database]) -> Database:
    return open_database()


@pytest.fixture
def store(database: Database) -> Story:
    """A store in which function `f` is published and has the trigger `t`."""
    story = Story(database)
    story.publish()
    story.listen()
    return story
