"""Failures, and running them again."""

import pytest

from jupyter_fn.engine import redrives
from jupyter_fn.model.errors import BadValue, Conflict, NotFound
from jupyter_fn.policy.stimuli import EffectEntered
from jupyter_fn.store import events, lanes

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


@pytest.fixture
async def dead(busy):
    """Two dead runs of version 1; version 2 is live."""
    await busy.publish(retries=0)
    ids = await busy.engine.invocations.map("f", [{"n": 1, "size": 100}, {"n": 2, "size": 23}])
    for given in list(await busy.sent(2)):
        busy.executor.fail(given, ms=100.0)
    await busy.ended(*ids)
    await busy.publish("f", OTHER)
    busy.dead = ids
    return busy


async def redrive(stage, ids=None, *, code="same", edits=None, dry_run=False):
    return await stage.engine.redrives.redrive("f", ids, code=code, edits=edits, dry_run=dry_run)


async def failures(stage, name="f"):
    return await stage.engine.redrives.failures(name)


@pytest.mark.parametrize(("code", "version"), [("same", 1), ("latest", 2)])
async def test_redrive_runs_the_same_event_again_with_the_code_that_is_asked_for(dead, code, version):
    answer = await redrive(dead, [dead.dead[0]], code=code)
    (given,) = await dead.sent(1)
    (run_id,) = answer["runs"]
    run, original = dead.run(run_id), dead.run(dead.dead[0])
    assert (given.run_id, given.terms.version, given.event["n"]) == (run_id, version, 1)
    assert (run.parent, run.event_id, original.state) == (original.id, original.event_id, "dead")


async def test_redrive_of_all_takes_all_and_says_what_it_is(dead):
    answer = await redrive(dead)
    assert (answer["count"], answer["bytes"], len(answer["runs"])) == (2, 123, 2)
    spent = {dead.run(run_id).cost_usd for run_id in dead.dead}
    assert len(spent) == 1
    assert answer["estimated_cost_usd"] == "0.00000206667"


async def test_a_dry_run_counts_and_runs_nothing(dead):
    answer = await redrive(dead, dry_run=True)
    assert (answer["count"], answer["bytes"], answer["runs"]) == (2, 123, [])
    assert len(dead.runs()) == 2


async def test_nothing_is_redriven_twice(dead):
    await redrive(dead)
    assert (await redrive(dead))["count"] == 0
    with pytest.raises(Conflict, match="was redriven already"):
        await redrive(dead, [dead.dead[0]])
    assert len(dead.runs()) == 4


async def test_an_event_counts_once_however_often_it_is_redriven(dead):
    assert (await dead.balance())["dead"] == 2
    for _ in range(3):
        await redrive(dead)
        audit = await dead.balance()
        assert (audit["observed"], audit["pending"], audit["dead"]) == (2, 2, 0)
        for given in list(await dead.sent(2)):
            dead.executor.fail(given)
        await dead.quiet()
        await dead.until(lambda: all(run.state.terminal for run in dead.runs()))
    assert (await dead.balance())["dead"] == 2
    assert len(await dead.engine.redrives.failures("f")) == 2
    await redrive(dead)
    for given in list(await dead.sent(2)):
        dead.executor.succeed(given)
    await dead.until(lambda: all(run.state.terminal for run in dead.runs()))
    assert (await dead.balance())["done"] == 2
    assert await dead.engine.redrives.failures("f") == []


async def test_only_dead_runs_are_redriven(dead):
    run_id = await dead.invoke()
    await dead.sent(1)
    with pytest.raises(Conflict, match="is running"):
        await redrive(dead, [run_id])
    with pytest.raises(NotFound, match="no run 'nothing'"):
        await redrive(dead, ["nothing"])
    with pytest.raises(BadValue, match="code='newest'"):
        await redrive(dead, code="newest")
    await dead.publish("g")
    other = await dead.invoke("g")
    with pytest.raises(NotFound, match="f has no run"):
        await redrive(dead, [other])


async def test_an_id_that_is_named_twice_is_one(dead):
    assert (await redrive(dead, [dead.dead[0]] * 2))["count"] == 1


async def test_one_that_cannot_be_redriven_leaves_the_others_alone(dead):
    with pytest.raises(NotFound):
        await redrive(dead, [dead.dead[0], "nothing"])
    assert len(dead.runs()) == 2


# --- failures ---


async def test_failures_come_with_their_events_newest_first(dead):
    shown = await failures(dead)
    assert [run["id"] for run in shown] == dead.dead[::-1]
    assert [run["event"] for run in shown] == [{"n": 2, "size": 23}, {"n": 1, "size": 100}]
    assert {run["error"]["type"] for run in shown} == {"ValueError"}


async def test_a_run_that_nobody_knows_the_end_of_is_one_and_can_be_redriven(busy):
    (given,) = await busy.invoked(1)
    await busy.engine.transitions.tell(lambda conn: [(given.run_id, EffectEntered(given.token, "mail"))])
    busy.executor.lose("w1-1")
    busy.executor.join()
    (run,) = await busy.ended(given.run_id)
    assert run.state == "unknown"
    assert [one["id"] for one in await failures(busy)] == [run.id]
    (again,) = (await redrive(busy))["runs"]
    (given,) = await busy.sent(1)
    busy.executor.succeed(given)
    assert [run.state for run in await busy.ended(again)] == ["succeeded"]
    assert await failures(busy) == []


# --- edited events ---


async def test_an_edited_event_is_handled_in_place_of_the_one_that_failed(dead):
    one = dead.dead[0]
    answer = await redrive(dead, edits={one: {"n": 10}})
    assert (answer["count"], answer["bytes"]) == (2, len('{"n":10}') + 23)
    await dead.sent(2)
    same, edited = (dead.executor.of(run_id) for run_id in answer["runs"])
    assert (edited.event["n"], "size" in edited.event) == (10, False)
    assert (same.event["n"], same.event["size"]) == (2, 23)
    assert edited.idempotency_key == edited.event["id"] == dead.run(one).event_id
    assert dead.read(events.get, dead.run(one).event_id).data == {"n": 1, "size": 100}
    shown = await dead.engine.questions.run(edited.run_id)
    assert (shown["event"]["n"], (await dead.engine.questions.run(one))["event"]["n"]) == (10, 1)
    assert (await dead.balance())["observed"] == 2


async def test_an_event_that_was_edited_in_vain_is_shown_as_edited_and_edited_further(dead):
    one = dead.dead[0]
    (again,) = (await redrive(dead, [one], edits={one: {"n": 10}}))["runs"]
    (given,) = await dead.sent(1)
    dead.executor.fail(given)
    await dead.ended(again)
    shown = {run["id"]: run["event"] for run in await failures(dead)}
    assert shown == {dead.dead[1]: {"n": 2, "size": 23}, again: {"n": 10}}
    await redrive(dead, [again])
    (given,) = await dead.sent(1)
    assert given.event["n"] == 10


async def test_what_was_not_edited_is_stored_as_no_edit(dead):
    shown = {run["id"]: run["event"] for run in await failures(dead)}
    answer = await redrive(dead, edits=shown)
    assert {dead.run(run_id).data for run_id in answer["runs"]} == {None}


async def test_an_edit_that_does_not_fit_redrives_nothing(dead):
    with pytest.raises(BadValue, match="is no JSON object"):
        await redrive(dead, edits={dead.dead[0]: 3})
    with pytest.raises(BadValue, match="which is not among the runs"):
        await redrive(dead, [dead.dead[0]], edits={dead.dead[1]: {}})
    assert len(dead.runs()) == 2


async def test_of_a_batch_the_items_that_failed_are_edited(busy):
    await busy.publish(on=("topic:t batch=4",), retries=0)
    await busy.engine.invocations.emit("t", [{"value": n} for n in range(4)])
    await busy.sent(1)
    while busy.executor.waiting:  # the batch, its halves, the items of the half that is bad
        for given in list(busy.executor.waiting):
            values = [record["value"] for record in given.event["records"]]
            busy.executor.fail(given) if 2 in values else busy.executor.succeed(given, ms=5000.0)
        await busy.quiet()
    (failure,) = await failures(busy)
    (record,) = failure["event"]["records"]
    assert (record["value"], failure["batch_size"]) == (2, 1)
    with pytest.raises(BadValue, match="has not 1 records"):
        await redrive(busy, edits={failure["id"]: {"records": []}})
    await redrive(busy, edits={failure["id"]: {"records": [{**record, "value": 20}]}})
    (given,) = await busy.sent(1)
    assert [one["value"] for one in given.event["records"]] == [20]
    busy.executor.succeed(given)
    await busy.ended(given.run_id)
    audit = await busy.balance()
    assert (audit["observed"], audit["done"]) == (4, 4)


# --- lanes ---


@pytest.fixture
async def parked(busy):
    """Two customers; the first run of one of them is dead, and its others wait."""
    await busy.publish(order_by="event.customer", retries=0)
    await busy.engine.invocations.map("f", [{"customer": text, "n": n} for n, text in enumerate("aaabb")])
    await busy.quiet()
    for given in list(busy.executor.waiting):
        busy.executor.fail(given)
    await busy.quiet()
    assert [one.lane for one in busy.read(lanes.parked_of, "f")] == ["a", "b"]
    return busy


async def test_a_redrive_lets_its_lane_go_on_and_goes_first(parked):
    (first,) = [run for run in parked.runs() if run.state == "dead" and run.lane == "a"]
    (again,) = (await redrive(parked, [first.id]))["runs"]
    assert [one.lane for one in parked.read(lanes.parked_of, "f")] == ["b"]
    order = []
    await parked.quiet()
    while parked.executor.waiting:
        (given,) = parked.executor.waiting
        order.append(given.event["n"])
        parked.executor.succeed(given, ms=5000.0)
        await parked.quiet()
    assert order == [0, 1, 2]
    assert (parked.run(again).lane, parked.run(again).rank) == ("a", first.rank)


async def test_a_redrive_that_dies_too_parks_its_lane_again(parked):
    await redrive(parked)
    await parked.quiet()
    for given in list(parked.executor.waiting):
        parked.executor.fail(given)
    await parked.quiet()
    assert [one.lane for one in parked.read(lanes.parked_of, "f")] == ["a", "b"]


@pytest.mark.parametrize(("key", "left"), [("a", ["b"]), (None, [])])
async def test_resume_lets_lanes_go_on_without_the_dead_one(parked, key, left):
    shown = (await parked.engine.questions.function("f", detail=True))["parked"]
    assert [(one["key"], parked.run(one["run"]).state) for one in shown] == [("a", "dead"), ("b", "dead")]
    await parked.engine.operations.resume("f", key=key)
    await parked.quiet()
    assert [one.lane for one in parked.read(lanes.parked_of, "f")] == left
    assert sorted(given.event["n"] for given in parked.executor.waiting) == ([1] if left else [1, 4])
    assert len(await failures(parked)) == 2


async def test_a_lane_that_does_not_rest_cannot_be_resumed(parked):
    with pytest.raises(NotFound, match="No lane 'c' of f rests") as refused:
        await parked.engine.operations.resume("f", key="c")
    assert refused.value.remedy == "These do: a, b."


async def test_resume_of_one_lane_leaves_the_function_paused(parked):
    await parked.engine.operations.set_state("f", "paused")
    assert (await parked.engine.operations.resume("f", key="a"))["state"] == "paused"
    assert (await parked.engine.operations.resume("f"))["state"] == "active"


async def test_many_are_redriven_page_by_page(dead, monkeypatch):
    monkeypatch.setattr(redrives, "PAGE", 1)
    answer = await redrive(dead, edits={dead.dead[1]: {"n": 20}})
    assert (answer["count"], len(answer["runs"])) == (2, 2)
    assert sorted(given.event["n"] for given in await dead.sent(2)) == [1, 20]
