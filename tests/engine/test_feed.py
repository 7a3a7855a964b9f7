"""News: pushed to followers, together, bounded; and waiting for the end of a run."""

import asyncio

import pytest

from jupyter_fn.engine.feed import Feed, wait_for

pytestmark = pytest.mark.anyio


@pytest.fixture
def feed():
    return Feed()


async def heard(follower, number=1):
    """What came, until there is as much of it."""
    told = []
    async for come in follower.happenings():
        told += come
        if len(told) >= number:
            return told
    return told


async def test_of_one_thing_only_the_last_state_is_told(feed):
    with feed.follow() as follower:
        for state in ("queued", "running", "succeeded"):
            feed.push("run", {"state": state}, function="f", key="1")
        feed.push("run", {"state": "queued"}, function="f", key="2")
        told = await heard(follower, 2)
    assert [(one.event, one.data["state"]) for one in told] == [("run", "succeeded"), ("run", "queued")]


async def test_lines_of_a_log_do_not_take_each_others_place(feed):
    with feed.follow() as follower:
        for text in ("a", "b", "c"):
            feed.push("log", {"text": text}, function="f")
        assert [one.data["text"] for one in await heard(follower, 3)] == ["a", "b", "c"]


async def test_a_run_and_its_progress_are_two_things(feed):
    with feed.follow() as follower:
        feed.push("run", {}, function="f", key="1")
        feed.push("progress", {}, function="f", key="1")
        assert {one.event for one in await heard(follower, 2)} == {"run", "progress"}


async def test_things_come_in_the_order_of_their_last_states(feed):
    with feed.follow() as follower:
        for key in ("1", "2", "1"):
            feed.push("run", {"id": key}, function="f", key=key)
        assert [one.data["id"] for one in await heard(follower, 2)] == ["2", "1"]


async def test_who_does_not_listen_costs_no_memory(feed):
    with feed.follow() as follower:
        for number in range(5000):
            feed.push("log", {"n": number}, function="f")
        told = await heard(follower)
    assert len(told) == 2000
    assert told[-1].data["n"] == 4999, "the oldest are left out"


async def test_a_follower_of_one_function_hears_of_no_other(feed):
    with feed.follow("f") as of_f, feed.follow() as of_all:
        feed.push("run", {"of": "g"}, function="g", key="1")
        feed.push("run", {"of": "f"}, function="f", key="2")
        assert [one.data["of"] for one in await heard(of_f)] == ["f"]
        assert len(await heard(of_all, 2)) == 2


async def test_without_followers_nothing_is_even_made(feed):
    feed.push("run", lambda: pytest.fail("made for nobody"), function="f", key="1")
    with feed.follow("g"):
        feed.push("run", lambda: pytest.fail("made for nobody"), function="f", key="1")


async def test_who_has_left_is_not_told_any_more(feed):
    with feed.follow() as follower:
        assert feed.followed
    assert not feed.followed
    feed.push("run", {}, function="f", key="1")
    assert follower.pending == {}


async def test_what_was_pushed_before_the_end_is_told_and_then_the_stream_ends(feed):
    with feed.follow() as follower:
        feed.push("run", {}, function="f", key="1")
        feed.close()
        assert len([one async for come in follower.happenings() for one in come]) <= 1


async def test_closing_ends_streams_that_wait(feed):
    with feed.follow() as follower:
        listening = asyncio.ensure_future(heard(follower))
        await asyncio.sleep(0)
        feed.close()
        assert await listening == []


async def test_closing_ends_waiting_for_runs(feed):
    with feed.awaiting("run") as awaited:
        waiting = asyncio.ensure_future(wait_for(awaited.event, 3600.0))
        await asyncio.sleep(0)
        feed.close()
        assert await waiting
        assert awaited.run is None


async def test_two_who_wait_for_one_run_are_both_told(feed):
    class Ended:
        id = "1"

    with feed.awaiting("1") as one, feed.awaiting("1") as other, feed.awaiting("2") as third:
        feed.ended(Ended(), lambda: "log")
        assert (one.run.id, other.log) == ("1", "log")
        assert third.run is None
    feed.ended(Ended(), lambda: pytest.fail("nobody waits"))


# --- what an engine pushes ---


async def test_the_life_of_a_run_is_pushed(busy):
    with busy.engine.feed.follow() as follower:
        (given,) = await busy.invoked(1)
        busy.executor.started(given)
        busy.executor.prints(given, "hello\n")
        await busy.until(lambda: busy.states() == ["running"])
        busy.executor.succeed(given, 1, log="hello\nworld\n")
        await busy.ended(given.run_id)
        told = []
        async for come in follower.happenings():
            told += come
            kinds = {one.event for one in told}
            if {"run", "log", "function"} <= kinds and any(one.data.get("state") == "succeeded" for one in told):
                break
    last = [one.data for one in told if one.event == "run"][-1]
    assert (last["id"], last["state"], last["result"]) == (given.run_id, "succeeded", 1)
    assert "".join(one.data["text"] for one in told if one.event == "log") == "hello\nworld\n"


async def test_progress_is_pushed_with_its_run_and_function(busy):
    (given,) = await busy.invoked(1)
    with busy.engine.feed.follow("f") as follower:
        for done in (1, 2, 3):
            busy.executor._listener.progress(given.run_id, done, 10)
        (told,) = [one for one in await heard(follower) if one.event == "progress"]
    assert told.data == {"run_id": given.run_id, "function": "f", "done": 3, "total": 10}


async def test_workers_that_come_and_go_are_pushed(stage):
    with stage.engine.feed.follow() as follower:
        worker = stage.executor.join("w")
        (told,) = await heard(follower)
        assert (told.event, told.data["id"], told.data.get("gone")) == ("worker", worker.id, None)
        stage.executor.lose(worker.id)
        (told,) = await heard(follower)
        assert told.data["gone"] is True


async def test_a_removed_function_is_pushed_as_such(stage):
    await stage.publish()
    with stage.engine.feed.follow("f") as follower:
        await stage.engine.operations.remove("f")
        told = await heard(follower)
    assert told[-1].data == {"removed": "f", "name": "f"}
