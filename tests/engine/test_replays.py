"""Past events, run again apart from the live runs."""

import pytest

from jupyter_fn.model.errors import BadValue, NotFound
from jupyter_fn.model.units import iso
from jupyter_fn.store import lanes, past

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


async def replay(stage, **which):
    return await stage.engine.replays.replay("f", **which)


async def end_all(stage, fails=lambda event: False):
    """Everything that is under way ends, and what it sets free too."""

    def look():
        for given in list(stage.executor.waiting):
            stage.executor.fail(given) if fails(given.event) else stage.executor.succeed(given, given.event)
        return all(run.state.terminal for run in stage.runs())

    await stage.until(look)


@pytest.fixture
async def done(busy):
    """Three events, one a minute, of which the second is dead; version 2 is live."""
    await busy.publish(retries=0)
    for number in (1, 2, 3):
        await busy.invoke("f", {"n": number}, run_key=f"k{number}")
        await end_all(busy, lambda event: event["n"] == 2)
        busy.clock.advance(60.0)
    assert busy.states() == ["succeeded", "dead", "succeeded"]
    await busy.publish("f", OTHER, retries=0)
    busy.start = busy.clock() - 180.0
    return busy


def replayed(stage, answer):
    return [stage.run(run_id) for run_id in answer["runs"]]


async def numbers(stage, **which):
    """The events that a replay takes."""
    answer = await replay(stage, **which)
    assert answer["count"] == len(answer["runs"])
    await end_all(stage)
    return [run.result["n"] for run in replayed(stage, answer)]


async def test_every_past_event_runs_again_under_the_id_of_the_replay(done):
    live = done.runs()
    answer = await replay(done)
    again = replayed(done, answer)
    assert [run.replay for run in again] == [answer["replay"]] * 3
    assert [(run.parent, run.event_id) for run in again] == [(run.id, run.event_id) for run in live]
    assert {(run.priority, run.version) for run in again} == {(2, 2)}
    await end_all(done)
    assert [run.state for run in replayed(done, answer)] == ["succeeded"] * 3
    assert done.runs()[:3] == live


async def test_the_handler_is_told_and_has_a_key_of_its_own(done):
    answer = await replay(done, last=1)
    (given,) = await done.sent(1)
    event_id, name = given.event["id"], answer["replay"]
    assert (given.event["replay"], given.event["n"]) == (name, 3)
    assert given.idempotency_key == f"{event_id}:{name}"


async def test_the_code_may_be_that_of_the_first_time(done):
    assert {run.version for run in replayed(done, await replay(done, code="same"))} == {1}
    with pytest.raises(BadValue, match="code='newest'"):
        await replay(done, code="newest")


async def test_a_span_has_its_beginning_and_not_its_end(done):
    moments = [iso(done.start + 60.0 * number) for number in range(4)]
    assert await numbers(done, since=moments[1]) == [2, 3]
    assert await numbers(done, until=moments[1]) == [1]
    assert await numbers(done, since=moments[1], until=moments[2]) == [2]
    with pytest.raises(BadValue, match="is not after"):
        await replay(done, since=moments[1], until=moments[1])


async def test_events_are_chosen_by_key_and_by_the_newest(done):
    assert await numbers(done, key="k2") == [2]
    assert await numbers(done, last=2) == [2, 3]
    assert await numbers(done, key="nobody") == []


async def test_only_what_failed(done):
    assert await numbers(done, failed=True) == [2]
    await done.engine.redrives.redrive("f", None)
    await end_all(done)
    assert await numbers(done, failed=True) == []


async def test_by_the_path_of_the_file_and_by_the_trigger(open_stage, tmp_path):
    stage = await open_stage()
    stage.executor.join()
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "in" / name).write_text(name)
    await stage.publish(on=("in/*.csv settle=0s", "topic:t"))
    await stage.until(lambda: len(stage.runs()) == 2)
    await stage.engine.invocations.emit("t", [{"key": "b", "value": 1}])
    await stage.invoke()
    await end_all(stage)
    ids = {trigger.uri: trigger.id for trigger in stage.triggers()}

    async def of(**which):
        answer = await replay(stage, dry_run=True, **which)
        return answer["count"], answer["bytes"]

    assert await of(path="in/*.csv") == (2, 10)
    assert await of(path=str(tmp_path / "**" / "b.csv")) == (1, 5)
    assert (await of(key="b"))[0] == 1
    assert (await of(trigger=ids["topic:t"]))[0] == 1
    assert (await of(trigger="in/*.csv settle=0s"))[0] == 2
    assert (await of(trigger="invoke"))[0] == 1
    assert (await of())[0] == 4
    with pytest.raises(NotFound, match="no trigger"):
        await of(trigger="topic:u")


async def test_a_dry_run_counts_and_runs_nothing(done):
    answer = await replay(done, dry_run=True)
    spent = {run.cost_usd for run in done.runs()}
    assert (answer["count"], answer["bytes"], answer["runs"]) == (3, 3 * len('{"n":1}'), [])
    assert len(spent) == 1
    assert answer["estimated_cost_usd"] == "0.00000085"
    assert len(done.runs()) == 3


async def test_what_is_under_way_or_was_skipped_is_not_past(done):
    await done.invoke("f", {"n": 4})
    await done.quiet()
    assert (await replay(done, dry_run=True))["count"] == 3


async def test_a_replay_is_no_live_result(done):
    before = await done.balance()
    await replay(done)
    assert await done.balance() == before
    await end_all(done, lambda event: True)
    assert await done.balance() == before
    assert len(await done.engine.redrives.failures("f")) == 4  # the live one, and those of the replay
    answer = await done.engine.redrives.redrive("f", None)
    assert {run.replay for run in replayed(done, answer)} == {"", *(run.replay for run in done.runs()[3:6])}
    await end_all(done)
    assert (await done.balance())["done"] == 3


async def test_a_replay_may_be_replayed_again_and_counts_each_event_once(done):
    first = await replay(done)
    await end_all(done)
    second = await replay(done)
    assert (first["count"], second["count"]) == (3, 3)
    assert not set(first["runs"]) & set(second["runs"])


async def test_a_replay_that_was_broken_off_goes_on(done, monkeypatch):
    monkeypatch.setattr(past, "PAGE", 1)
    pages = []

    def breaks(conn, made):
        pages.append(made)
        if len(pages) > 1:
            raise RuntimeError("gone")
        return stored(conn, made)

    stored = past.replay
    monkeypatch.setattr(past, "replay", breaks)
    with pytest.raises(RuntimeError, match="gone"):
        await replay(done, replay="again")
    await done.quiet()
    assert len(done.runs()) == 4
    monkeypatch.setattr(past, "replay", stored)
    answer = await replay(done, replay="again")
    await end_all(done)
    assert (await replay(done, replay="again"))["runs"] == answer["runs"]
    assert [run["id"] for run in await done.engine.questions.runs("f", "", None, replay="again")] == answer["runs"][
        ::-1
    ]
    assert len(done.runs()) == 6


async def test_pages_are_as_whole_as_one(done, monkeypatch):
    whole = await replay(done, dry_run=True)
    monkeypatch.setattr(past, "PAGE", 2)
    assert {**await replay(done, dry_run=True), "replay": whole["replay"]} == whole
    assert await numbers(done, key="k1") == [1]
    assert await numbers(done) == [1, 2, 3]


async def test_a_batch_that_was_split_runs_again_whole(busy):
    await busy.publish(on=("topic:t batch=4",), retries=0)
    await busy.engine.invocations.emit("t", [{"value": n} for n in range(4)])
    await busy.sent(1)
    await end_all(busy, lambda event: 2 in [record["value"] for record in event["records"]])
    before, live = await busy.balance(), busy.runs()
    assert (before["done"], before["dead"]) == (3, 1)
    (run,) = replayed(busy, await replay(busy, failed=True))
    assert (run.batch_size, run.parts, run.parent) == (4, (), live[-1].id)
    await end_all(busy, lambda event: len(event["records"]) > 1)
    again = busy.runs()[len(live) :]
    assert (len(again), {one.replay for one in again}) == (7, {run.replay})
    assert await busy.balance() == before


async def test_live_runs_go_first_and_a_lane_keeps_its_order(busy):
    await busy.publish(order_by="event.customer", retries=0)
    for number in range(3):
        await busy.invoke("f", {"customer": "a", "n": number})
    await end_all(busy)
    await busy.engine.operations.set_state("f", "paused")
    await replay(busy)
    await busy.invoke("f", {"customer": "a", "n": 3})
    await busy.engine.operations.set_state("f", "active")
    order = []
    await busy.quiet()
    while busy.executor.waiting:
        (given,) = busy.executor.waiting
        order.append(given.event["n"])
        busy.executor.fail(given) if "replay" in given.event else busy.executor.succeed(given)
        await busy.quiet()
    assert order == [3, 0, 1, 2]
    assert busy.read(lanes.parked_of, "f") == []  # a replay stops nobody
