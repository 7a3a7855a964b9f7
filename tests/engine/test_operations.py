"""What people do with functions and runs."""

import asyncio
from collections import Counter

import pytest

from jupyter_fn.model.errors import BadValue, Conflict, NotFound
from jupyter_fn.model.run import Record
from jupyter_fn.store import events

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


# --- invoke ---


async def test_who_waits_gets_the_run_when_it_has_ended(busy):
    await busy.publish()
    waited = busy.engine.invocations.invoke("f", {"n": 1}, wait_s=60.0)
    run, given = await asyncio.gather(waited, first_sent(busy))
    assert (run["id"], run["state"], run["result"]) == (given.run_id, "succeeded", 1)
    assert run["log"].startswith("hello\nREPORT RequestId: ")


async def first_sent(stage):
    (given,) = await stage.sent(1)
    stage.executor.succeed(given, 1, log="hello\n")
    return given


async def test_who_does_not_wait_gets_it_as_it_is(busy):
    await busy.publish()
    run = await busy.engine.invocations.invoke("f", None)
    assert run["state"] in ("queued", "running")


async def test_waiting_ends_with_its_limit(busy):
    await busy.publish()
    run = await busy.engine.invocations.invoke("f", {}, wait_s=0.01)
    assert run["state"] == "running"
    again = await busy.engine.invocations.wait(run["id"], 0.01)
    assert again["state"] == "running"


@pytest.mark.parametrize(("sent", "seen"), [(None, {}), ({"a": 1}, {"a": 1}), ([1], {"data": [1]}), (3, {"data": 3})])
async def test_an_event_that_is_no_dict_stands_under_data(busy, sent, seen):
    await busy.publish()
    await busy.engine.invocations.invoke("f", sent)
    (given,) = await busy.sent(1)
    general = {"id", "source", "type", "time", "function", "trigger", "attempt"}
    assert {key: value for key, value in given.event.items() if key not in general} == seen


async def test_the_same_key_and_event_give_the_same_run(busy):
    await busy.publish()
    first = await busy.invoke("f", {"n": 1}, run_key="k")
    assert await busy.invoke("f", {"n": 1}, run_key="k") == first
    assert len(busy.runs()) == 1
    await busy.sent(1)
    busy.executor.succeed(busy.executor.of(first), 5)
    await busy.ended(first)
    again = await busy.engine.invocations.invoke("f", {"n": 1}, run_key="k", wait_s=60.0)
    assert (again["id"], again["result"]) == (first, 5)


async def test_the_same_key_with_another_event_is_a_conflict(stage):
    await stage.publish()
    await stage.invoke("f", {"n": 1}, run_key="k")
    with pytest.raises(Conflict, match="'k' was used for f with another event"):
        await stage.invoke("f", {"n": 2}, run_key="k")
    assert len(stage.runs()) == 1


async def test_the_same_key_of_two_functions_are_two_runs(stage):
    await stage.publish("f")
    await stage.publish("g")
    assert await stage.invoke("f", run_key="k") != await stage.invoke("g", run_key="k")


@pytest.mark.parametrize(("qualifier", "error"), [("9", "no version 9"), ("beta", "no alias 'beta'")])
async def test_an_unknown_qualifier_is_not_found_and_makes_no_run(stage, qualifier, error):
    await stage.publish()
    with pytest.raises(NotFound, match=error):
        await stage.invoke(qualifier=qualifier)
    assert stage.runs() == []


async def test_an_unknown_function_is_not_found_and_the_nearest_is_named(stage):
    await stage.publish("daily")
    with pytest.raises(NotFound) as refused:
        await stage.invoke("dayly")
    assert "'daily'" in refused.value.remedy


async def test_a_version_is_invoked_by_its_number(busy):
    await busy.publish()
    await busy.publish("f", OTHER)
    await busy.invoke(qualifier="1")
    (given,) = await busy.sent(1)
    assert (given.version, busy.runs()[0].alias) == (1, "")


# --- map ---


async def test_map_gives_ids_in_the_order_of_its_events(stage):
    await stage.publish()
    ids = await stage.engine.invocations.map("f", [{"n": n} for n in range(50)])
    found = [stage.read(events.get, stage.run(run_id).event_id).data["n"] for run_id in ids]
    assert found == list(range(50))
    assert [run.id for run in stage.runs()] == ids


async def test_map_of_equal_events_is_as_many_runs(stage):
    await stage.publish()
    assert len(set(await stage.engine.invocations.map("f", [{}] * 5))) == 5


async def test_map_of_nothing_is_nothing(stage):
    await stage.publish()
    assert await stage.engine.invocations.map("f", []) == []


# --- topics and followers ---


async def test_a_record_of_a_topic_becomes_a_run(busy):
    await busy.publish(on=("topic:orders",))
    answer = await busy.engine.invocations.emit("orders", [{"key": "a", "value": {"n": 1}}, {"value": 2}])
    assert answer["accepted"] == 2
    (given,) = await busy.sent(1)
    assert [(record["key"], record["value"]) for record in given.event["records"]] == [("a", {"n": 1}), ("", 2)]
    assert given.event["records"][-1]["offset"] == answer["last"]


async def test_a_topic_needs_a_proper_name(stage):
    with pytest.raises(BadValue, match="cannot name a topic"):
        await stage.engine.invocations.emit("no good", [{"value": 1}])


async def test_what_a_run_emits_becomes_the_run_of_another_function(busy):
    await busy.publish("first")
    await busy.publish("second", on=("topic:done",))
    await busy.invoke("first")
    (given,) = await busy.sent(1)
    busy.executor.succeed(given, emitted=(Record(topic="done", value=7, key="k"),))
    (after,) = await busy.sent(1)
    assert (after.function, after.event["records"][0]["value"], after.hops) == ("second", 7, 1)


async def test_what_a_run_emits_with_files_comes_when_they_are_in_place(busy, gate):
    await busy.publish("first")
    await busy.publish("second", on=("topic:done",))
    await busy.invoke("first")
    (given,) = await busy.sent(1)
    staged = busy.staged(given, "out.txt")
    busy.executor.succeed(given, staged=(staged,), emitted=(Record(topic="done", value=7),))
    await busy.until(lambda: busy.states("first") == ["publishing"])
    await busy.quiet()
    assert busy.runs("second") == []
    gate.set()
    (after,) = await busy.sent(1)
    assert (after.function, (busy.folder / "out.txt").exists()) == ("second", True)


async def test_a_failed_run_emits_nothing(busy):
    await busy.publish("first", retries=0)
    await busy.publish("second", on=("topic:done",))
    await busy.invoke("first")
    (given,) = await busy.sent(1)
    busy.executor.fail(given, emitted=(Record(topic="done", value=7),))
    await busy.ended(given.run_id)
    await busy.quiet()
    assert busy.runs("second") == []


async def test_success_and_failure_of_a_function_go_to_those_who_follow_them(busy):
    await busy.publish("first", retries=0)
    await busy.publish("well", on=("fn:first",))
    await busy.publish("badly", on=("fn:first on=failure",))
    good, bad = await busy.invoke("first"), await busy.invoke("first")
    await busy.sent(2)
    busy.executor.succeed(busy.executor.of(good), {"rows": 1})
    busy.executor.fail(busy.executor.of(bad), "no rows")
    after = {given.function: given for given in await busy.sent(2)}
    assert (after["well"].event["data"], after["well"].event["run"]) == ({"rows": 1}, good)
    assert (after["badly"].event["data"]["message"], after["badly"].event["run"]) == ("no rows", bad)


async def test_a_loop_of_functions_ends_and_is_named(busy):
    await busy.publish("ping", on=("fn:pong",), concurrency=1)
    await busy.publish("pong", on=("fn:ping",), concurrency=1)
    await busy.invoke("ping")
    while not [run for run in busy.runs() if run.state == "skipped"]:
        for given in list(await busy.sent(1)):
            busy.executor.succeed(given)
        await busy.until(lambda: busy.executor.waiting or "skipped" in busy.states())
    last = next(run for run in busy.runs() if run.state == "skipped")
    assert "16" in last.reason or "LoopDetected" in last.reason
    await busy.quiet()
    assert busy.executor.waiting == []
    await busy.balance("ping")
    await busy.balance("pong")


# --- aliases ---


async def test_an_alias_with_weights_splits_events_by_them(stage):
    await stage.publish()
    await stage.publish("f", OTHER)
    await stage.engine.operations.set_alias("f", "live", {"1": 25, "2": 75})
    await stage.engine.invocations.map("f", [{}] * 400)
    shares = Counter(run.version for run in stage.runs())
    assert sum(shares.values()) == 400
    assert 60 <= shares[1] <= 145  # 100 expected, within five deviations
    assert {run.alias for run in stage.runs()} == {"live"}


async def test_a_weight_of_zero_takes_nothing(stage):
    await stage.publish()
    await stage.publish("f", OTHER)
    answer = await stage.engine.operations.set_alias("f", "live", {"1": 0, "2": 1})
    assert answer["aliases"]["live"] == {"2": 1}
    await stage.engine.invocations.map("f", [{}] * 20)
    assert {run.version for run in stage.runs()} == {2}


@pytest.mark.parametrize(
    ("alias", "weights", "error"),
    [
        ("live", {"3": 1}, NotFound),
        ("live", {"x": 1}, BadValue),
        ("live", {"1": -1}, BadValue),
        ("a b", {"1": 1}, BadValue),
    ],
)
async def test_an_alias_that_makes_no_sense_is_refused_and_nothing_moves(stage, alias, weights, error):
    await stage.publish()
    with pytest.raises(error):
        await stage.engine.operations.set_alias("f", alias, weights)
    assert (await stage.engine.questions.function("f"))["aliases"] == {"live": {"1": 100}}


async def test_moving_live_brings_the_triggers_of_that_version(stage):
    await stage.publish(on=("topic:old",))
    await stage.publish("f", OTHER, on=("topic:new",))
    await stage.engine.operations.set_alias("f", "live", {"1": 100})
    assert [trigger.uri for trigger in stage.triggers()] == ["topic:old"]
    await stage.engine.invocations.emit("old", [{"value": 1}])
    await stage.until(lambda: [run.version for run in stage.runs()] == [1])


async def test_moving_live_brings_the_limit_of_that_version(stage):
    stage.executor.join(slots=8)
    await stage.publish(concurrency=1)
    await stage.publish("f", OTHER)
    await stage.engine.operations.set_alias("f", "live", {"1": 100})
    await stage.engine.invocations.map("f", [{}] * 4)
    await stage.quiet()
    assert len(stage.executor.waiting) == 1


async def test_rollback_brings_back_the_version_before_with_its_triggers(stage):
    await stage.publish(on=("topic:old",))
    await stage.publish("f", OTHER, on=("topic:new",))
    answer = await stage.engine.operations.rollback("f")
    assert (answer["version"], [trigger["uri"] for trigger in answer["triggers"]]) == (1, ["topic:old"])
    await stage.engine.invocations.emit("new", [{"value": 1}])
    await stage.engine.invocations.emit("old", [{"value": 1}])
    await stage.until(lambda: stage.runs())
    await stage.quiet()
    assert [run.version for run in stage.runs()] == [1]


async def test_there_is_nothing_before_the_first_version(stage):
    await stage.publish()
    with pytest.raises(Conflict, match="pointed at nothing else"):
        await stage.engine.operations.rollback("f")


# --- remove ---


async def test_removing_cancels_what_is_open_and_keeps_what_was(busy):
    await busy.publish(backoff="fixed(1h)", on=("topic:t",))
    done, failed = await busy.invoke(), await busy.invoke()
    await busy.sent(2)
    busy.executor.succeed(busy.executor.of(done), ms=5000.0)
    busy.executor.fail(busy.executor.of(failed))
    await busy.until(lambda: busy.states() == ["succeeded", "waiting"])
    held, queued = await busy.engine.invocations.map("f", [{}] * 2), await busy.invoke()
    await busy.sent(2)
    assert await busy.engine.operations.remove("f") == {"removed": "f"}
    await busy.quiet()
    assert (busy.run(failed).state, busy.run(queued).state) == ("cancelled", "cancelled")
    assert {run_id for _, run_id, _ in busy.executor.cancelled} == set(held)
    for run_id in held:
        busy.executor.killed(busy.executor.of(run_id))
    assert {run.state for run in await busy.ended(*held)} == {"cancelled"}
    assert busy.run(done).state == "succeeded"
    assert busy.triggers() == []


async def test_a_removed_function_is_not_there_any_more(stage):
    await stage.publish(on=("topic:t",))
    await stage.engine.operations.remove("f")
    assert await stage.engine.questions.functions() == []
    for question in (
        stage.engine.questions.function("f"),
        stage.invoke(),
        stage.engine.operations.remove("f"),
        stage.engine.questions.audit("f"),
    ):
        with pytest.raises(NotFound):
            await question
    await stage.engine.invocations.emit("t", [{"value": 1}])
    await stage.quiet()
    assert stage.runs() == []


async def test_a_function_that_comes_back_goes_on_counting_its_versions(busy):
    await busy.publish()
    await busy.engine.operations.remove("f")
    again = await busy.publish("f", OTHER)
    assert (again["created"], again["version"]["number"]) == (True, 2)
    run_id = await busy.invoke()
    (given,) = await busy.sent(1)
    assert (given.run_id, given.version) == (run_id, 2)


async def test_the_history_of_a_removed_function_is_that_of_the_one_that_comes_back(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given)
    await busy.ended(given.run_id)
    await busy.engine.operations.remove("f")
    await busy.publish()
    assert (await busy.engine.questions.function("f"))["runs"] == {"succeeded": 1}
    assert (await busy.balance())["done"] == 1


# --- redrive ---


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


async def redrive(stage, ids=None, *, code="same", dry_run=False):
    return await stage.engine.redrives.redrive("f", ids, code=code, dry_run=dry_run)


@pytest.mark.parametrize(("code", "version"), [("same", 1), ("latest", 2)])
async def test_redrive_runs_the_same_event_again_with_the_code_that_is_asked_for(dead, code, version):
    answer = await redrive(dead, [dead.dead[0]], code=code)
    (given,) = await dead.sent(1)
    (run_id,) = answer["runs"]
    run, original = dead.run(run_id), dead.run(dead.dead[0])
    assert (given.run_id, given.version, given.event["n"]) == (run_id, version, 1)
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
