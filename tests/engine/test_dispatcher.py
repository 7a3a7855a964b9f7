"""From the queue to workers: who is claimed, when, and how many at once."""

import asyncio
import threading

import pytest

from jupyter_fn.store import events, queue, runs

pytestmark = pytest.mark.anyio


def names(assignments):
    return [assignment.terms.function for assignment in assignments]


async def test_a_run_goes_to_a_worker_with_all_that_it_needs(busy):
    (given,) = await busy.invoked(1, memory_mb=256, timeout_s=7.0, env=(("A", "b"),))
    run = busy.run(given.run_id)
    assert (given.terms.function, given.terms.version, given.token, given.attempt) == ("f", 1, 1, 1)
    assert (given.terms.memory_mb, given.terms.timeout_s, given.terms.env, given.terms.folder) == (
        256,
        7.0,
        {"A": "b"},
        str(busy.folder),
    )
    assert given.idempotency_key == run.event_id == given.event["id"]
    assert (run.state, run.worker) == ("claimed", busy.executor.workers()[0].id)


async def test_an_outcome_is_kept_with_its_result_and_its_cost(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given, {"rows": 3}, ms=15.74)
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.result, run.billed_ms, run.attempts) == ("succeeded", {"rows": 3}, 16, 1)
    assert run.cost_usd != "0"


async def test_slots_are_filled_and_the_rest_waits_its_turn(busy):
    first, second = await busy.invoked(5)
    assert busy.states() == ["claimed", "claimed", "queued", "queued", "queued"]
    busy.executor.succeed(first, ms=5000.0)
    await busy.quiet()
    assert busy.states() == ["succeeded", "claimed", "claimed", "queued", "queued"]
    assert [given.run_id for given in busy.executor.waiting] == [second.run_id, busy.runs()[2].id]


async def test_short_runs_are_queued_at_a_worker_beyond_its_slots(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given, ms=1.0)
    await busy.ended(given.run_id)
    await busy.engine.invocations.map("f", [{}] * 300)
    await busy.quiet()
    held = busy.states().count("claimed")
    assert 2 < held <= 2 * 64
    while busy.executor.waiting:
        busy.executor.end(*[busy.executor.outcome(given, ms=1.0) for given in busy.executor.waiting])
        await busy.quiet()
    assert busy.states() == ["succeeded"] * 301


async def test_the_queue_is_by_priority_and_then_by_age(stage):
    await stage.publish()
    backfill, live = [await stage.invoke() for _ in range(2)]
    late = stage.run(backfill).replace(priority=2)
    stage.database.write(lambda conn: runs.apply(conn, [runs.Change(before=stage.run(backfill), after=late)], 0.0))
    stage.executor.join(slots=1)
    await stage.quiet()
    assert [given.run_id for given in stage.executor.waiting] == [live]


async def test_runs_of_different_functions_share_the_slots_by_age(stage):
    await stage.publish("f")
    await stage.publish("g")
    for name in ("f", "g", "f"):
        await stage.invoke(name)
    stage.executor.join()
    await stage.quiet()
    assert names(stage.executor.waiting) == ["f", "g"]


async def test_a_worker_that_joins_takes_what_waits(stage):
    assert await stage.invoked(3) == []
    stage.executor.join("w1")
    stage.executor.join("w2")
    given = await stage.sent(3)
    assert len({assignment.run_id for assignment in given}) == 3


async def test_a_warm_worker_is_preferred(stage):
    stage.executor.join("w1", slots=4)
    (first,) = await stage.invoked(1)
    stage.executor.succeed(first, ms=1000.0)
    await stage.ended(first.run_id)
    stage.executor.join("w2", slots=4)
    await stage.invoke()
    await stage.invoke()
    await stage.sent(2)
    assert {worker for worker, _ in stage.executor.sent} == {"w1-1"}


# --- limits ---


async def test_a_limit_holds_while_others_go_on(stage):
    stage.executor.join(slots=8)
    await stage.publish("f", concurrency=2)
    await stage.publish("g")
    for name in ("f", "f", "f", "g", "g"):
        await stage.invoke(name)
    await stage.quiet()
    assert sorted(names(stage.executor.waiting)) == ["f", "f", "g", "g"]
    while stage.executor.waiting:
        stage.executor.succeed(stage.executor.waiting[0])
        await stage.quiet()
    assert set(stage.states()) == {"succeeded"}
    assert stage.most_held["f"] == 2


async def test_a_limit_of_one_goes_on_while_runs_put_their_files_in_place(busy):
    await busy.invoked(4, concurrency=1)
    for number in range(4):
        (given,) = await busy.sent(1)
        busy.executor.succeed(given, staged=(busy.staged(given, f"out/{number}.txt"),))
        await busy.ended(given.run_id)
    assert busy.states() == ["succeeded"] * 4
    assert busy.most_held["f"] == 1
    assert sorted(path.name for path in (busy.folder / "out").iterdir()) == [f"{number}.txt" for number in range(4)]


async def test_a_limit_counts_runs_that_put_files_in_place(busy, gate):
    first = (await busy.invoked(2, concurrency=1))[0]
    busy.executor.succeed(first, staged=(busy.staged(first, "out.txt"),))
    await busy.until(lambda: busy.states() == ["publishing", "queued"])
    await busy.quiet()
    assert busy.executor.waiting == []
    gate.set()
    await busy.sent(1)
    assert busy.most_held["f"] == 1


async def test_publishing_with_another_limit_counts_at_once(stage):
    stage.executor.join(slots=8)
    await stage.invoked(1, concurrency=1)
    await stage.engine.invocations.map("f", [{}] * 5)
    await stage.publish(concurrency=3)
    await stage.sent(3)
    await stage.quiet()
    assert len(stage.executor.waiting) == 3


async def test_who_reads_what_was_true_before_publishing_does_not_bring_the_old_limit_back(stage):
    stage.executor.join(slots=8)
    await stage.publish()
    began, published = threading.Event(), threading.Event()

    def slow(conn):  # as the scaler reads, at the worst moment
        assert queue.backlog(conn, 0.0) == {}
        began.set()
        assert published.wait(60)
        return stage.engine.catalog.read_limits(conn)

    reading = asyncio.ensure_future(asyncio.to_thread(stage.database.read, slow))
    await asyncio.to_thread(began.wait)
    await stage.publish(concurrency=1)
    published.set()
    assert await reading == {}
    await stage.engine.invocations.map("f", [{}] * 3)
    await stage.quiet()
    assert len(stage.executor.waiting) == stage.most_held["f"] == 1


# --- retries ---


async def test_a_failed_run_waits_until_it_is_due_and_not_less(busy):
    (given,) = await busy.invoked(1, backoff="fixed(20ms)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.states() == ["waiting"])
    due = busy.run(given.run_id).due
    assert due == pytest.approx(busy.clock() + 0.02)
    for _ in range(5):  # the timer rings; time, as the engine sees it, has not come
        busy.engine.dispatcher.wake(look_ahead=True)
        await busy.quiet()
    assert busy.states() == ["waiting"]
    busy.clock.now = due
    (again,) = await busy.sent(1)
    assert (again.run_id, again.token, again.attempt) == (given.run_id, 2, 2)


async def test_a_retry_does_not_push_in_before_those_that_have_not_been_tried(busy):
    given = (await busy.invoked(4, backoff="none"))[0]
    busy.executor.fail(given)
    await busy.quiet()
    assert busy.states() == ["waiting", "claimed", "claimed", "queued"]


async def test_a_run_that_fails_every_time_is_dead_with_its_last_error(busy):
    await busy.invoked(1, backoff="none", retries=2)
    for number in range(3):
        (given,) = await busy.sent(1)
        assert given.attempt == number + 1
        busy.executor.fail(given, f"no {number}")
        await busy.quiet()
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.reason, run.attempts) == ("dead", "RetriesExhausted", 3)
    assert run.error["message"] == "no 2"
    assert [attempt.state for attempt in busy.attempts(run.id)] == ["failed"] * 3


async def test_a_retry_of_an_earlier_service_is_remembered(busy):
    (given,) = await busy.invoked(1, backoff="fixed(20ms)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.states() == ["waiting"])
    await busy.restart(lambda executor: executor.joins_at_start.append("w2"))
    busy.clock.advance(0.02)
    (again,) = await busy.sent(1)
    assert again.token == 2


async def test_of_two_retries_each_wakes_at_its_own_time(busy):
    await busy.publish("late", backoff="fixed(40ms)")
    await busy.publish("soon", backoff="fixed(20ms)")
    late, soon = await busy.invoke("late"), await busy.invoke("soon")
    await busy.sent(2)
    for run_id in (late, soon):
        busy.executor.fail(busy.executor.of(run_id))
    await busy.until(lambda: busy.states() == ["waiting", "waiting"])
    busy.clock.advance(0.02)
    (first,) = await busy.sent(1)
    await busy.quiet()
    assert (first.run_id, len(busy.executor.waiting)) == (soon, 1)
    busy.clock.advance(0.02)
    assert [given.run_id for given in await busy.sent(2)] == [soon, late]


# --- events ---


async def test_an_event_of_many_kilobytes_reaches_its_worker_whole(busy):
    await busy.publish()
    run_id = await busy.invoke("f", {"text": "x" * 300_000})
    (given,) = await busy.sent(1)
    assert given.event["text"] == "x" * 300_000
    assert busy.read(events.get, busy.run(run_id).event_id).data["text"] == given.event["text"]
