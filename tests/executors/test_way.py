"""Ways to a worker: messages in calls that somebody passes on, each once and in order, until it ends."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_fn.executors.way import PostBox, Relayed

pytestmark = pytest.mark.anyio


class Scheduler:
    """Passes calls on to a post box; can lose the answer of one of them, or keep it."""

    def __init__(self) -> None:
        self.box = PostBox()
        self.calls: list[Mapping[str, Any]] = []
        self.breaks = False
        self.keeps = False

    async def call(self, words: Mapping[str, Any]) -> Any:
        self.calls.append(words)
        answer = await self.box.answer(words["say"], words.get("message"))
        if self.keeps:
            await asyncio.Event().wait()
        if self.breaks:
            raise RuntimeError("the worker is not there")
        return answer


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


@pytest.fixture
def way(scheduler: Scheduler) -> Relayed:
    return Relayed(scheduler.call)


async def test_messages_arrive_in_order_both_ways(scheduler: Scheduler, way: Relayed) -> None:
    for n in range(3):
        await way.write(n)
    assert [await scheduler.box.read() for _ in range(3)] == [0, 1, 2]
    saying = asyncio.gather(*(scheduler.box.write(n) for n in range(3)))
    assert [await way.read() for _ in range(3)] == [0, 1, 2]
    await saying


async def test_a_worker_whose_messages_nobody_asks_for_stops_making_them(scheduler: Scheduler, way: Relayed) -> None:
    await scheduler.box.write("first")
    second = asyncio.create_task(scheduler.box.write("second"))
    await asyncio.sleep(0)
    assert not second.done()
    assert await way.read() == "first"
    await second


@pytest.mark.parametrize("say", ["hear", "tell"])
async def test_a_call_that_breaks_ends_the_way_and_is_not_made_again(
    scheduler: Scheduler, way: Relayed, say: str
) -> None:
    await scheduler.box.write("said")
    scheduler.breaks = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await (way.read() if say == "hear" else way.write("told"))
    assert len(scheduler.calls) == 1


@pytest.mark.parametrize("answer", [None, {}, "what?"])
async def test_an_answer_that_is_none_ends_the_way(answer: Any) -> None:
    async def call(words: Mapping[str, Any]) -> Any:
        return answer

    with pytest.raises(ConnectionError):
        await Relayed(call).read()


async def test_who_waits_at_either_end_hears_of_the_end(scheduler: Scheduler, way: Relayed) -> None:
    reading, hearing = asyncio.create_task(scheduler.box.read()), asyncio.create_task(way.read())
    await asyncio.sleep(0)
    scheduler.box.abort()
    for waiting in (reading, hearing):
        with pytest.raises(ConnectionError):
            await waiting
    with pytest.raises(ConnectionError):
        await scheduler.box.write("late")


async def test_a_call_that_never_returns_is_left_when_the_way_is_ended(scheduler: Scheduler, way: Relayed) -> None:
    scheduler.keeps = True
    telling = asyncio.create_task(way.write("told"))
    assert await scheduler.box.read() == "told"
    way.abort()
    with pytest.raises(ConnectionError):
        await telling
