"""Functions whose triggers rest, because too many of their runs failed."""

import pytest

from jupyter_fn.store import breakers

pytestmark = pytest.mark.anyio
HALF = {"breaker_runs": 4, "breaker_share": 0.5, "breaker_pause_s": 30.0}


@pytest.fixture
async def small(open_stage):
    """A service with one worker whose breakers look at four runs."""
    stage = await open_stage(**HALF)
    stage.executor.join("w1", slots=8)
    return stage


async def feed(stage, number, name="f"):
    """So many records for its trigger: what was sent of them."""
    before = {assignment.run_id for assignment in stage.executor.waiting}
    await stage.engine.invocations.emit(name, [{"value": n} for n in range(number)])
    await stage.until(lambda: len(stage.executor.waiting) >= len(before) + number)
    return [one for one in stage.executor.waiting if one.run_id not in before]


async def tripped(stage, name="f", **options):
    """`name` is published with a trigger, and four of its runs have failed."""
    await stage.publish(name, **{"on": (f"topic:{name} batch=1",), "retries": 0, **options})
    given = await feed(stage, 4, name)
    for assignment in given:
        stage.executor.fail(assignment)
    await stage.ended(*(one.run_id for one in given))
    return given


async def waiting(stage, number, name="f"):
    """So many more records, which nobody is to begin."""
    at_first = len(stage.runs(name))
    await stage.engine.invocations.emit(name, [{"value": n} for n in range(number)])
    await stage.until(lambda: len(stage.runs(name)) == at_first + number)
    await stage.quiet()


def later(stage, seconds):
    stage.clock.advance(seconds)
    stage.engine.dispatcher.wake()


async def trigger(stage, name="f"):
    await stage.quiet()
    (only,) = (await stage.engine.questions.function(name))["triggers"]
    return only["state"], only["error"]


async def test_when_half_of_the_last_runs_failed_the_backlog_is_kept_and_nothing_of_it_begun(small):
    await tripped(small)
    await waiting(small, 5)
    assert small.executor.waiting == []
    assert small.states().count("queued") == 5
    state, error = await trigger(small)
    assert state == "paused"
    assert error.startswith("4 of the last 4 runs failed. One run is tried at ")


async def test_runs_by_hand_go_on_and_are_not_counted(small):
    await tripped(small)
    run_id = await small.invoke()
    (given,) = await small.sent(1)
    assert given.run_id == run_id
    small.executor.succeed(given)
    await small.ended(run_id)
    assert (await trigger(small))[0] == "paused"


async def test_another_function_is_not_held_up(small):
    await tripped(small)
    await small.publish("g", on=("topic:g batch=1",))
    await waiting(small, 3)
    assert len(await feed(small, 3, "g")) == 3


async def test_after_its_pause_one_run_is_tried_and_its_success_lets_the_others_go(small):
    await tripped(small)
    await waiting(small, 5)
    later(small, 30.0)
    (probe,) = await small.sent(1)
    await small.quiet()
    assert len(small.executor.waiting) == 1
    small.executor.succeed(probe)
    await small.sent(4)
    assert (await trigger(small))[0] == "active"


async def test_its_failure_lets_it_rest_for_twice_as_long_without_waiting_for_its_retries(small):
    await tripped(small)
    await small.publish(on=("topic:f batch=1",), retries=5)
    await waiting(small, 3)
    (probe,) = small.executor.waiting  # publishing again is a reason to try it at once
    small.executor.fail(probe)
    await small.quiet()
    later(small, 59.0)
    await small.quiet()
    assert small.executor.waiting == []
    later(small, 1.0)
    await small.sent(1)


async def test_a_probe_that_says_nothing_is_followed_by_another(small):
    await tripped(small)
    await waiting(small, 3)
    later(small, 30.0)
    (probe,) = await small.sent(1)
    small.executor.killed(probe)
    (other,) = await small.sent(1)
    assert other.run_id != probe.run_id
    await small.quiet()
    assert len(small.executor.waiting) == 1


async def test_resume_goes_on_at_once(small):
    await tripped(small)
    await waiting(small, 5)
    await small.engine.operations.set_state("f", "active")
    await small.sent(5)


async def test_rolling_back_is_a_reason_to_try_it_at_once(small):
    await small.publish(on=("topic:f batch=1",), memory_mb=100)
    await tripped(small)
    await waiting(small, 5)
    await small.engine.operations.rollback("f")
    await small.sent(1)
    await small.quiet()
    assert len(small.executor.waiting) == 1


async def test_a_trip_outlives_the_service(small):
    await tripped(small)
    await waiting(small, 2)
    await small.restart(lambda executor: executor.joins_at_start.append("w1"))
    await small.quiet()
    assert small.executor.waiting == []
    assert (await trigger(small))[0] == "paused"
    later(small, 30.0)
    await small.sent(1)


async def test_its_pause_is_no_longer_when_the_clock_was_set_back(small):
    await tripped(small)
    await waiting(small, 1)
    small.clock.advance(-86_400)
    await small.restart(lambda executor: executor.joins_at_start.append("w"))
    await small.quiet()
    assert small.executor.waiting == []
    later(small, 31)
    await small.sent(1)


async def test_what_was_counted_outlives_the_service(small):
    await small.publish(on=("topic:f batch=1",), retries=0)
    given = await feed(small, 3)
    for assignment in given:
        small.executor.fail(assignment)
    await small.ended(*(one.run_id for one in given))
    await small.restart(lambda executor: executor.joins_at_start.append("w1"))
    (last,) = await feed(small, 1)
    small.executor.fail(last)
    await small.ended(last.run_id)
    assert (await trigger(small))[0] == "paused"


async def test_a_window_that_was_forgotten_stays_so_after_a_restart(small):
    await tripped(small)
    await waiting(small, 1)
    later(small, 30.0)
    (probe,) = await small.sent(1)
    small.executor.succeed(probe)
    await small.ended(probe.run_id)
    await small.restart(lambda executor: executor.joins_at_start.append("w1"))
    given = await feed(small, 3)
    for assignment in given:
        small.executor.fail(assignment)
    await small.ended(*(one.run_id for one in given))
    assert (await trigger(small))[0] == "active"


async def test_with_no_runs_to_look_at_it_is_off(open_stage):
    stage = await open_stage(breaker_runs=0)
    stage.executor.join("w1", slots=8)
    await tripped(stage)
    assert (await trigger(stage))[0] == "active"


async def test_it_asks_for_no_workers_meanwhile(small):
    await tripped(small)
    await waiting(small, 5)
    small.executor.scaled.clear()
    await small.engine.scaler.look()
    assert all(wanted <= 1 for wanted, _ in small.executor.scaled)


async def test_explain_and_the_function_say_why_it_rests(small):
    await tripped(small)
    await waiting(small, 1)
    run = small.runs()[-1]
    said = " ".join((await small.engine.explanations.explain("f", run.id))["sentences"])
    assert "The triggers of f rest. 4 of the last 4 runs failed." in said
    assert "jupyter fn resume f" in (await small.engine.questions.function("f"))["rests"]


async def test_a_function_that_is_removed_takes_its_breaker_along(small):
    await tripped(small)
    await small.until(lambda: small.read(breakers.kept))
    await small.engine.operations.remove("f")
    await small.until(lambda: not small.read(breakers.kept))


async def test_followers_hear_that_it_rests(small):
    await small.publish(on=("topic:f batch=1",), retries=0)
    with small.engine.feed.follow() as follower:
        given = await feed(small, 4)
        for assignment in given:
            small.executor.fail(assignment)
        async for happenings in follower.happenings():
            told = [one.data for one in happenings if one.event == "function"]
            if told and told[-1]["rests"]:
                break
    assert told[-1]["triggers"][0]["state"] == "paused"


async def test_replays_that_fail_are_no_reason_to_rest_also_after_a_restart(small):
    await small.publish(on=("topic:f batch=1",), retries=0)
    given = await feed(small, 4)
    for assignment in given:
        small.executor.succeed(assignment, ms=5000.0)
    await small.ended(*(one.run_id for one in given))
    replayed = (await small.engine.replays.replay("f"))["runs"]
    for assignment in await small.sent(4):
        small.executor.fail(assignment)
    await small.ended(*replayed)
    assert (await trigger(small))[0] == "active"
    await small.restart(lambda executor: executor.joins_at_start.append("w1"))
    assert (await trigger(small))[0] == "active"


async def test_a_replay_may_be_the_trial(small):
    given = await tripped(small)
    (replayed,) = (await small.engine.replays.replay("f", last=1))["runs"]
    await small.quiet()
    assert small.executor.waiting == []
    later(small, 30.0)
    (probe,) = await small.sent(1)
    assert (probe.run_id, probe.event["replay"] != "") == (replayed, True)
    small.executor.succeed(probe)
    await small.ended(replayed)
    assert (await trigger(small))[0] == "active"
    assert len(given) == 4


async def test_a_trip_that_was_not_stored_any_more_is_stored_by_the_next_service(small):
    await tripped(small)
    small.database.write(lambda conn: breakers.forget(conn, "f"))
    await small.restart(lambda executor: executor.joins_at_start.append("w1"))
    assert small.read(breakers.kept)["f"].trips == 1
