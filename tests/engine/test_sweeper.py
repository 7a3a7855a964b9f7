"""Runs that are given up before they are begun: too old, or of a function that may run nothing."""

import json

import pytest

from jupyter_fn.model.run import Reason
from jupyter_fn.store import deliveries

pytestmark = pytest.mark.anyio


async def reasons(stage, *run_ids):
    return [(run.state.value, run.reason) for run in await stage.ended(*run_ids)]


def later(stage, seconds):
    stage.clock.advance(seconds)
    stage.engine.sweeper.wake()


# --- age


async def test_an_event_that_waits_for_longer_than_its_age_is_given_up_though_no_worker_is_there(stage):
    await stage.publish(max_age_s=60.0)
    run_id = await stage.invoke()
    later(stage, 61.0)
    assert await reasons(stage, run_id) == [("dead", Reason.EVENT_AGE_EXCEEDED)]
    error = stage.run(run_id).error
    assert error["type"] == "EventTooOld"
    assert "60 s old at most" in error["message"]
    assert stage.run(run_id).attempts == 0


async def test_one_that_waits_for_its_retry_is_given_up_with_its_last_error(busy):
    (given,) = await busy.invoked(1, max_age_s=100.0, backoff="fixed(90s)")
    busy.executor.fail(given, "no rows")
    await busy.until(lambda: busy.states() == ["waiting"])
    await busy.engine.operations.set_state("f", "paused")
    later(busy, 101.0)
    assert await reasons(busy, given.run_id) == [("dead", Reason.EVENT_AGE_EXCEEDED)]
    assert "ValueError: no rows" in busy.run(given.run_id).error["message"]


async def test_younger_ones_and_those_of_versions_without_an_age_stay(stage):
    await stage.publish()
    ageless = await stage.invoke()
    await stage.publish(max_age_s=60.0)
    old = await stage.invoke()
    stage.clock.advance(30.0)
    young = await stage.invoke()
    later(stage, 31.0)
    await reasons(stage, old)
    await stage.quiet()
    assert [stage.run(run_id).state.value for run_id in (ageless, young)] == ["queued", "queued"]


async def test_more_than_fit_into_one_transaction_are_all_given_up(stage, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.sweeper._MOST", 3)
    await stage.publish(max_age_s=60.0)
    ids = await stage.engine.invocations.map("f", [{}] * 10)
    later(stage, 61.0)
    assert set(await reasons(stage, *ids)) == {("dead", Reason.EVENT_AGE_EXCEEDED)}


async def test_what_grew_old_while_no_service_ran_is_given_up_by_the_next(stage):
    await stage.publish(max_age_s=60.0)
    run_id = await stage.invoke()
    stage.clock.advance(61.0)
    await stage.restart()
    assert await reasons(stage, run_id) == [("dead", Reason.EVENT_AGE_EXCEEDED)]


async def test_it_is_told_to_the_destinations_of_failures(stage, tmp_path):
    await stage.publish(max_age_s=60.0, on_failure=("failures/",))
    run_id = await stage.invoke()
    later(stage, 61.0)
    await stage.until(lambda: [one.state for one in stage.read(deliveries.of_run, run_id)] == ["done"])
    record = json.loads((tmp_path / "failures" / f"f-{run_id}.json").read_text())
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0


# --- nothing at once


async def test_an_invocation_of_a_function_that_may_run_nothing_fails_at_once_and_says_why(busy):
    await busy.publish(concurrency=0)
    run = await busy.engine.invocations.invoke("f", {}, wait_s=60.0)
    assert (run["state"], run["reason"]) == ("dead", "ZeroReservedConcurrency")
    assert run["error"]["type"] == "ZeroConcurrency"
    assert "--concurrency 0" in run["error"]["message"]
    assert "redrive f --ids" in run["error"]["remedy"]


async def test_events_of_its_triggers_are_given_up_too(busy):
    await busy.publish(concurrency=0, on=("topic:t batch=1",))
    await busy.engine.invocations.emit("t", [{"value": 1}, {"value": 2}])
    await busy.until(lambda: busy.states() == ["dead", "dead"])


async def test_what_waits_is_given_up_when_its_function_is_published_with_none(stage):
    await stage.publish()
    run_id = await stage.invoke()
    await stage.publish(concurrency=0)
    assert await reasons(stage, run_id) == [("dead", Reason.ZERO_CONCURRENCY)]


async def test_a_paused_function_keeps_its_backlog_all_the_same(stage):
    await stage.publish()
    await stage.engine.operations.set_state("f", "paused")
    run_id = await stage.invoke()
    await stage.publish(concurrency=0)
    await stage.quiet()
    assert stage.run(run_id).state.value == "queued"
    await stage.engine.operations.set_state("f", "active")
    assert await reasons(stage, run_id) == [("dead", Reason.ZERO_CONCURRENCY)]


async def test_published_with_more_again_it_runs_and_what_was_given_up_can_be_redriven(busy):
    await busy.publish(concurrency=0)
    run_id = await busy.invoke()
    await busy.ended(run_id)
    await busy.publish(concurrency=1)
    await busy.engine.redrives.redrive("f", [run_id], code="latest", dry_run=False)
    (given,) = await busy.sent(1)
    busy.executor.succeed(given)
    await busy.ended(given.run_id)


# --- rest


async def test_without_such_functions_nothing_is_looked_at(stage, monkeypatch):
    sweeper, looks = stage.engine.sweeper, []
    look = sweeper._look
    monkeypatch.setattr(sweeper, "_look", lambda now, conn: looks.append(now) or look(now, conn))
    await stage.publish()
    await stage.until(lambda: looks and not sweeper._woken.is_set())  # publishing had it look
    await stage.quiet()
    looks.clear()
    await stage.engine.invocations.map("f", [{}] * 5)
    await stage.quiet()
    assert looks == []
