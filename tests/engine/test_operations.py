"""What people do with functions."""

from collections import Counter

import pytest

from jupyter_fn.model.errors import BadValue, Conflict, NotFound

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


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
    assert (given.run_id, given.terms.version) == (run_id, 2)


async def test_the_history_of_a_removed_function_is_that_of_the_one_that_comes_back(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given)
    await busy.ended(given.run_id)
    await busy.engine.operations.remove("f")
    await busy.publish()
    assert (await busy.engine.questions.function("f"))["runs"] == {"succeeded": 1}
    assert (await busy.balance())["done"] == 1
