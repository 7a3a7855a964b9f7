"""Events by hand: one, many, records for a topic."""

import asyncio

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
    assert (given.terms.version, busy.runs()[0].alias) == (1, "")


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
    assert (after.terms.function, after.event["records"][0]["value"]) == ("second", 7)
    assert busy.run(after.run_id).hops == 1


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
    assert (after.terms.function, (busy.folder / "out.txt").exists()) == ("second", True)


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
    after = {given.terms.function: given for given in await busy.sent(2)}
    assert (after["well"].event["data"], after["well"].event["run"]) == ({"rows": 1}, good)
    assert (after["badly"].event["data"]["message"], after["badly"].event["run"]) == ("no rows", bad)


async def test_a_loop_of_functions_ends_and_is_named(busy):
    await busy.publish("ping", on=("fn:pong",), concurrency=1)
    await busy.publish("pong", on=("fn:ping",), concurrency=1)
    await busy.invoke("ping")
    while "dead" not in busy.states():
        for given in list(await busy.sent(1)):
            busy.executor.succeed(given)
        await busy.until(lambda: busy.executor.waiting or "dead" in busy.states())
    last = next(run for run in busy.runs() if run.state == "dead")
    assert last.reason == "LoopDetected"
    assert "ping → pong" in last.error["message"]
    await busy.quiet()
    assert busy.executor.waiting == []
    await busy.balance("ping")
    await busy.balance("pong")
