"""What every source keeps, whatever it looks at. A world makes things happen; a ledger admits each key once.

To put a further source under this suite, write a world for it and add it to `WORLDS`.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import fsspec
import pytest

from jupyter_fn.model.errors import BadTrigger
from jupyter_fn.model.event import NewEvent
from jupyter_fn.sources import files, follow, registry, topic
from jupyter_fn.sources.protocol import Poll, Source

PAGE = 3


class World(Protocol):
    """One place that one source looks at. Things are named by texts."""

    text: str
    folder: str
    logs: Any
    now: float

    def happen(self) -> str: ...

    def things(self, event: NewEvent) -> Sequence[str]: ...


class LocalFiles:
    text = "in/*.csv settle=0s"

    def __init__(self, folder: Path, logs: Any) -> None:
        self.folder, self.logs, self.now = str(folder), logs, time.time() + 60

    def happen(self) -> str:
        path = Path(self.folder, "in", f"{uuid4()}.csv")
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
        return str(path)

    def things(self, event: NewEvent) -> Sequence[str]:
        return [event.data["path"]]


class MemoryFiles:
    def __init__(self, folder: Path, logs: Any) -> None:
        self.base = f"memory://{uuid4()}"
        self.text, self.folder, self.logs, self.now = f"{self.base}/**/*.csv", str(folder), logs, time.time()

    def happen(self) -> str:
        path = f"{self.base}/{random.choice('abc')}/{uuid4()}.csv"
        fsspec.filesystem("memory").pipe_file(path, b"1")
        return path

    def things(self, event: NewEvent) -> Sequence[str]:
        return [event.data["path"]]


class S3Files:
    text = "s3://inbox/in/*.csv"

    def __init__(self, folder: Path, logs: Any, s3: Any) -> None:
        self.folder, self.logs, self.now, self.s3 = str(folder), logs, time.time(), s3

    def happen(self) -> str:
        key = f"in/{uuid4()}.csv"
        self.s3.put_object(Bucket="inbox", Key=key, Body=b"1")
        return f"s3://inbox/{key}"

    def things(self, event: NewEvent) -> Sequence[str]:
        return [event.data["path"]]


class Ticks:
    """A rate that is behind: what happens is that a period passes."""

    text = "rate(1 minute) misfire=all"

    def __init__(self, folder: Path, logs: Any) -> None:
        self.folder, self.logs, self.now = str(folder), logs, 1_000_000_020.5
        self.anchor = self.now

    def happen(self) -> str:
        self.now += 60
        return str(self.now)

    def things(self, event: NewEvent) -> Sequence[str]:
        return [str(event.time)]


class Records:
    text = f"topic:orders batch={PAGE}"

    def __init__(self, folder: Path, logs: Any) -> None:
        self.folder, self.logs, self.now = str(folder), logs, 1_000_000_000.0

    def happen(self) -> str:
        return str(self.logs.emit("orders", {"n": 1}, at=self.now))

    def things(self, event: NewEvent) -> Sequence[str]:
        return [str(record["offset"]) for record in event.data["records"]]


class FinishedRuns:
    text = "fn:other"

    def __init__(self, folder: Path, logs: Any) -> None:
        self.folder, self.logs, self.now = str(folder), logs, 1_000_000_000.0

    def happen(self) -> str:
        self.logs.finish("stranger")
        self.logs.finish("other", error={"type": "ValueError"})
        return str(self.logs.finish("other", {"rows": 1}))

    def things(self, event: NewEvent) -> Sequence[str]:
        return [event.data["run"]]


WORLDS: list[type] = [LocalFiles, MemoryFiles, S3Files, Ticks, Records, FinishedRuns]


@pytest.fixture(params=WORLDS, ids=lambda world: world.__name__)
def world(request: pytest.FixtureRequest, tmp_path: Path, logs: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(files, "PAGE", PAGE)
    monkeypatch.setattr(follow, "PAGE", PAGE)
    monkeypatch.setattr(topic, "_READ", PAGE)
    more = [request.getfixturevalue("s3")] if request.param is S3Files else []
    made: World = request.param(tmp_path, logs, *more)
    return made


def build(world: World) -> Source:
    trigger = registry.check(world.text, world.folder, function="f")
    return registry.build(trigger, world.logs, poll_s=5.0, remote_poll_s=1.0)


def drain(source: Source, world: World, position: Any, admit: Callable[[Poll], None]) -> Any:
    while True:
        poll = source.poll(position, world.now)
        admit(poll)
        position = poll.position
        if not poll.more and not poll.events:
            return position


def test_the_first_look_gives_a_position_and_the_same_look_gives_the_same(world: World) -> None:
    source = build(world)
    position = source.poll(None, world.now).position
    for _ in range(2 * PAGE):
        world.happen()
    first, again = source.poll(position, world.now), source.poll(position, world.now)
    assert first.events
    assert [event.key for event in first.events] == [event.key for event in again.events]
    assert first.position == again.position


def test_positions_and_events_are_json(world: World) -> None:
    source = build(world)
    position = source.poll(None, world.now).position
    world.happen()
    poll = source.poll(position, world.now)
    assert json.loads(json.dumps(poll.position)) == poll.position
    for event in poll.events:
        assert json.loads(json.dumps(event.data)) == event.data
        assert event.key
        assert event.source
        assert not event.skip


def test_a_look_at_nothing_new_changes_no_position(world: World) -> None:
    source = build(world)
    world.happen()
    position = drain(source, world, None, lambda poll: None)
    assert source.poll(position, world.now).position == position


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_and_nothing_comes_twice_whatever_is_killed_when(world: World, seed: int) -> None:
    """Given commits that fail and services that die at random, then the ledger holds each thing exactly once."""
    dice = random.Random(seed)
    source, happened = build(world), []
    ledger: dict[str, NewEvent] = {}

    def admit(poll: Poll) -> None:
        for event in poll.events:
            ledger.setdefault(event.key, event)

    position = source.poll(None, world.now).position
    for _ in range(25):
        action = dice.choice(["happen", "happen", "happen", "commit", "commit", "fail", "die"])
        if action == "happen":
            happened.append(world.happen())
        elif action == "die":
            source = build(world)
        else:
            poll = source.poll(json.loads(json.dumps(position)), world.now)
            if action == "commit":
                admit(poll)
                position = poll.position
    drain(source, world, position, admit)
    assert sorted(thing for event in ledger.values() for thing in world.things(event)) == sorted(happened)


def test_a_page_is_never_large(world: World) -> None:
    source = build(world)
    position = source.poll(None, world.now).position
    for _ in range(4 * PAGE):
        world.happen()
    pages: list[Poll] = []
    drain(source, world, position, pages.append)
    if not isinstance(world, Ticks):  # its page is 1,000 fire times
        assert max(len(page.events) for page in pages) <= PAGE
        assert pages[0].more


def test_an_unknown_option_is_refused_and_the_nearest_is_named(world: World) -> None:
    known = next(iter(registry.options(registry.check(world.text, world.folder).scheme)))
    with pytest.raises(BadTrigger, match=f"Did you mean '{known}'"):
        registry.check(f"{world.text} {known}y=1", world.folder)


def test_survey_and_look_agree_with_what_a_poll_from_nothing_admits(world: World) -> None:
    for _ in range(PAGE + 1):
        world.happen()
    admitted: list[NewEvent] = []
    drain(build(world), world, None, lambda poll: admitted.extend(poll.events))
    survey = build(world).survey(world.now)
    if survey is None:
        return
    assert sorted(survey) == sorted(event.key for event in admitted)
    looks = [build(world).look(thing, world.now) for event in admitted for thing in world.things(event)]
    assert all(look.takes for look in looks)
    assert [look.key for look in looks] == [event.key for event in admitted]


def test_a_look_at_something_strange_is_a_sentence(world: World) -> None:
    source = build(world)
    source.poll(None, world.now)
    look = source.look("2001-01-01T00:00:00Z", world.now)
    assert not look.takes
    assert look.verdict.endswith(".")


def test_a_channel_can_be_stopped(world: World) -> None:
    stop = build(world).listen(lambda: None)
    if stop:
        stop()
