"""Stopping runs."""

import asyncio

import pytest

from jupyter_fn.engine import cancellations
from jupyter_fn.model.errors import NotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
def impatient(monkeypatch):
    """Who cancels does not wait for what is killed."""
    monkeypatch.setattr(cancellations, "_LIMIT_S", 0.01)


async def killed(stage):
    """What the executor was told to kill has ended so."""
    await stage.until(lambda: stage.executor.cancelled)
    for _, run_id, _ in stage.executor.cancelled:
        stage.executor.killed(stage.executor.of(run_id))


async def test_a_queued_one_never_begins(stage):
    await stage.publish()
    run_id = await stage.invoke()
    assert (await stage.engine.cancellations.cancel(run_id))["state"] == "cancelled"
    stage.executor.join()
    await stage.quiet()
    assert stage.executor.sent == []


async def test_a_waiting_one_is_not_tried_again(busy):
    (given,) = await busy.invoked(1, backoff="fixed(1h)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.states() == ["waiting"])
    assert (await busy.engine.cancellations.cancel(given.run_id))["state"] == "cancelled"


async def test_one_that_goes_on_is_killed_and_waited_for(busy):
    (given,) = await busy.invoked(1)
    answer, _ = await asyncio.gather(busy.engine.cancellations.cancel(given.run_id), killed(busy))
    assert (answer["state"], answer["reason"]) == ("cancelled", "Cancelled")


async def test_who_waits_too_long_is_told_as_it_is(busy, impatient):
    (given,) = await busy.invoked(1)
    answer = await busy.engine.cancellations.cancel(given.run_id)
    assert (answer["state"], answer["cancel_requested"]) == ("running", True)


async def test_several_are_stopped_in_the_order_of_their_ids(busy):
    held = [given.run_id for given in await busy.invoked(2)]
    queued = await busy.invoke()
    ids = [queued, *held, queued]
    answers, _ = await asyncio.gather(busy.engine.cancellations.cancel_each(ids), killed(busy))
    assert [one["id"] for one in answers] == ids[:3]
    assert {one["state"] for one in answers} == {"cancelled"}


async def test_all_of_a_function_and_of_no_other_are_stopped(busy):
    (held,) = await busy.invoked(1)
    await busy.publish("g")
    other = await busy.invoke("g")
    queued = [await busy.invoke(), await busy.invoke()]
    answers, _ = await asyncio.gather(busy.engine.cancellations.cancel_all("f"), killed(busy))
    assert [one["id"] for one in answers] == [held.run_id, *queued]
    assert {one["state"] for one in answers} == {"cancelled"}
    assert not busy.run(other).state.terminal
    assert await busy.engine.cancellations.cancel_all("f") == []
    with pytest.raises(NotFound):
        await busy.engine.cancellations.cancel_all("nobody")


async def test_where_one_does_not_exist_none_is_stopped(stage):
    await stage.publish()
    run_id = await stage.invoke()
    with pytest.raises(NotFound, match="no run 'nothing'"):
        await stage.engine.cancellations.cancel_each([run_id, "nothing"])
    assert stage.states() == ["queued"]


async def test_one_that_has_ended_stays_as_it_is(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given)
    await busy.ended(given.run_id)
    assert (await busy.engine.cancellations.cancel(given.run_id))["state"] == "succeeded"


async def test_of_a_split_one_those_are_stopped_that_go_on_with_it(busy):
    await busy.publish(on=("topic:t batch=4",))
    await busy.engine.invocations.emit("t", [{"value": n} for n in range(4)])
    (given,) = await busy.sent(1)
    busy.executor.fail(given)
    halves = await busy.sent(2)
    answer, _ = await asyncio.gather(busy.engine.cancellations.cancel(given.run_id), killed(busy))
    assert answer["state"] == "split"
    assert [busy.run(half.run_id).state for half in halves] == ["cancelled", "cancelled"]
    assert (await busy.balance())["skipped"] == 4


async def test_many_are_stopped_page_by_page(stage, monkeypatch):
    monkeypatch.setattr(cancellations, "PAGE", 2)
    await stage.publish()
    ids = await stage.engine.invocations.map("f", [{}] * 5)
    answers = await stage.engine.cancellations.cancel_all("f")
    assert [one["id"] for one in answers] == ids
    assert stage.states() == ["cancelled"] * 5
