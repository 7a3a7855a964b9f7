"""Bad weather: disks that are full, stores that are locked, values that are damaged. The error says why and what to do, what
was acknowledged is there, and the service goes on when the cause is gone."""

import errno
import sqlite3

import pytest
from sqlalchemy import text

from jupyter_fn.model.errors import HomeRefused
from jupyter_fn.model.run import Record
from jupyter_fn.store import deliveries, payloads, whole
from jupyter_fn.store.recent import forget

pytestmark = pytest.mark.anyio
LARGE = "x" * 300_000  # goes into the payload folder
UNLIMITED = 1_073_741_823  # pages


def damage(stage, *, missing=False):
    """Whatever lies in the payload folder; gives what was there."""
    files = [path for path in (stage.folder / "home" / "payloads").rglob("*") if path.is_file()]
    kept = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink() if missing else path.write_bytes(b"damaged")
    assert kept
    return kept


def restore(kept):
    for path, data in kept.items():
        path.write_bytes(data)


def fill_up(stage, spare=0):
    """The store's file grows no further than by `spare` pages."""

    def op(conn):
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar()
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + spare}")

    stage.database.write(op)


def make_room(stage):
    stage.database.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {UNLIMITED}").scalar())


async def invoked_until_refused(stage, most=500):
    """The runs that were acknowledged, and the error of the one that was not."""
    made = []
    for _ in range(most):
        try:
            made.append(await stage.invoke("f", {"pad": "y" * 2000}))
        except HomeRefused as error:
            return made, error
    raise AssertionError("The disk was never full.")


# --- the disk is full


async def test_a_full_disk_is_told_with_a_remedy_and_nothing_acknowledged_is_lost(stage):
    await stage.publish("f")
    fill_up(stage, spare=20)
    made, error = await invoked_until_refused(stage)
    assert "is full" in error.cause
    assert "Free some space" in error.remedy
    assert {run.id for run in stage.runs()} == set(made)
    make_room(stage)
    made.append(await stage.invoke("f"))
    assert {run.id for run in stage.runs()} == set(made)
    await stage.balance("f")


async def test_what_runs_while_the_disk_is_full_ends_when_there_is_room_again(busy, caplog):
    (given,) = await busy.invoked(1)
    fill_up(busy)
    busy.executor.succeed(given, "z" * 20_000)
    await busy.until(lambda: "The store refused" in caplog.text, "the refusal")
    assert busy.run(given.run_id).state == "claimed"
    make_room(busy)
    (run,) = await busy.ended(given.run_id)
    assert (run.state, len(run.result), run.attempts) == ("succeeded", 20_000, 1)


async def test_a_service_whose_disk_is_full_ends_when_it_is_told_to_and_the_next_one_goes_on(busy):
    (given,) = await busy.invoked(1)
    fill_up(busy)
    busy.executor.succeed(given, "z" * 20_000)
    executor = busy.executor
    await busy.restart(lambda other: other.joins_at_start.append("w"))
    assert executor.closed
    (again,) = await busy.sent(1)
    assert (again.run_id, again.token) == (given.run_id, given.token + 1)


# --- the payload folder is full


@pytest.fixture
def payloads_full(monkeypatch):
    """Payload files cannot be written until the fixture is called."""
    write = whole.write_whole

    def refuse(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(payloads, "write_whole", refuse)
    return lambda: monkeypatch.setattr(payloads, "write_whole", write)


async def test_a_large_event_is_refused_while_the_payload_folder_is_full_and_small_ones_are_taken(stage, payloads_full):
    await stage.publish("f")
    with pytest.raises(HomeRefused, match="No space left on device") as caught:
        await stage.invoke("f", {"large": LARGE})
    assert "payloads=URL" in caught.value.remedy
    await stage.invoke("f", {"small": 1})
    payloads_full()
    await stage.invoke("f", {"large": LARGE})
    assert len(stage.runs()) == 2
    await stage.balance("f")


async def test_an_outcome_that_cannot_be_stored_yet_keeps_back_no_other(busy, payloads_full):
    large, small = await busy.invoked(2)
    busy.executor.end(busy.executor.outcome(large, result=LARGE), busy.executor.outcome(small, result=2))
    busy.executor.succeed(small, 2)
    (ended,) = await busy.ended(small.run_id)
    assert (ended.state, ended.result) == ("succeeded", 2)
    assert busy.run(large.run_id).state == "claimed"
    payloads_full()
    (late,) = await busy.ended(large.run_id)
    assert (late.state, late.result, late.attempts) == ("succeeded", LARGE, 1)


# --- values are damaged


@pytest.mark.parametrize("missing", [False, True])
async def test_a_run_whose_event_is_damaged_is_given_up_and_holds_up_nobody(busy, missing):
    await busy.publish("f")
    await busy.publish("g")
    await busy.engine.operations.set_state("f", "paused")
    bad = await busy.invoke("f", {"large": LARGE})
    kept = damage(busy, missing=missing)
    busy.database.write(forget)  # as after a restart: the writer had it in memory
    await busy.engine.operations.set_state("f", "active")
    good = await busy.invoke("g")
    (dead,) = await busy.ended(bad)
    assert (dead.state, dead.reason, dead.attempts) == ("dead", "Fatal", 0)
    assert dead.error["type"] == "ValueLost"
    assert ("missing" if missing else "damaged") in dead.error["message"]
    assert "redrive" in dead.error["remedy"]
    assert [given.run_id for given in await busy.sent(1)] == [good]
    restore(kept)
    (again,) = (await busy.engine.redrives.redrive("f", None, code="latest", dry_run=False))["runs"]
    given = next(one for one in await busy.sent(2) if one.run_id == again)
    assert given.event["large"] == LARGE


async def test_a_damaged_result_stands_alone(busy):
    bad, good = await busy.invoked(2)
    busy.executor.succeed(bad, LARGE)
    busy.executor.succeed(good, 1)
    await busy.ended(bad.run_id, good.run_id)
    damage(busy)
    shown = {run["id"]: run for run in await busy.engine.questions.runs("f", "", 10)}
    assert shown[good.run_id]["result"] == 1
    assert (shown[bad.run_id]["state"], shown[bad.run_id]["result"]) == ("succeeded", None)
    assert "damaged" in shown[bad.run_id]["error"]["message"]
    assert (await busy.engine.questions.run(bad.run_id))["error"]["type"] == "PayloadLost"
    await busy.balance("f")


async def test_a_run_whose_records_are_damaged_before_they_are_emitted_is_given_up_and_the_service_starts(busy, gate):
    (given,) = await busy.invoked(1)
    large = Record(topic="t", value=LARGE)
    busy.executor.succeed(given, 1, staged=(busy.staged(given, "out.txt"),), emitted=(large,))
    await busy.until(lambda: busy.run(given.run_id).state == "publishing")
    damage(busy)
    await busy.crash()
    gate.set()
    await busy.open(lambda executor: executor.joins_at_start.append("w"))
    (dead,) = await busy.ended(given.run_id)
    assert (dead.state, dead.error["type"]) == ("dead", "ValueLost")
    (again,) = (await busy.engine.redrives.redrive("f", None, code="same", dry_run=False))["runs"]
    (assignment,) = await busy.sent(1)
    assert assignment.run_id == again


async def test_a_damaged_record_stops_its_own_trigger_which_says_so(busy):
    await busy.publish("f", on=("topic:t batch=1",))
    await busy.publish("g", on=("topic:u batch=1",))
    await busy.engine.operations.set_state("f", "paused")
    await busy.engine.invocations.emit("t", [{"value": LARGE}])
    kept = damage(busy)
    await busy.engine.operations.set_state("f", "active")
    await busy.until(lambda: busy.trigger("f").state == "failing", "the trigger to say so")
    assert "damaged" in busy.trigger("f").error
    await busy.engine.invocations.emit("u", [{"value": 1}])
    await busy.sent(1)
    restore(kept)
    busy.engine.logs.grown(topics=["t"])
    await busy.until(lambda: len(busy.runs("f")) == 1, "the record that was restored")


# --- somebody else has the store


async def test_a_store_that_another_process_locks_is_told_with_a_remedy_and_used_when_it_is_free(stage):
    await stage.publish("f")
    stage.database.write(lambda conn: conn.exec_driver_sql("PRAGMA busy_timeout = 20").scalar())
    other = sqlite3.connect(stage.folder / "home" / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HomeRefused, match="locked by another process") as caught:
        await stage.invoke("f")
    assert "Stop the other" in caught.value.remedy
    assert await stage.engine.questions.runs("f", "", 10) == []  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    run_id = await stage.invoke("f")
    assert [run.id for run in stage.runs()] == [run_id]


# --- clocks


@pytest.fixture
def noticed(monkeypatch):
    """That a clock was set is noticed at once, not within seconds."""
    monkeypatch.setattr("jupyter_fn.engine.clockwatch._LOOK_S", 0.005)


async def test_when_the_machine_has_slept_a_retry_that_is_due_is_made(noticed, busy):
    (given,) = await busy.invoked(1, retries=1, backoff="fixed(300s)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.run(given.run_id).state == "waiting")
    busy.clock.advance(301)
    (again,) = await busy.sent(1)
    assert (again.run_id, again.attempt) == (given.run_id, 2)


async def test_when_the_clock_was_set_forward_a_schedule_fires(noticed, busy):
    await busy.publish("f", on=("rate(10 minutes)",))
    busy.clock.advance(601)
    (given,) = await busy.sent(1)
    assert given.event["type"] == "schedule.fired"


async def test_when_the_clock_was_set_back_a_retry_waits_for_no_longer_than_its_own_delay(noticed, busy):
    (given,) = await busy.invoked(1, retries=1, backoff="fixed(30s)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.run(given.run_id).state == "waiting")
    now = busy.clock.advance(-86_400)
    await busy.until(lambda: busy.run(given.run_id).due == now + 30)
    await busy.quiet()
    assert busy.executor.waiting == []
    busy.clock.advance(31)
    (again,) = await busy.sent(1)
    assert (again.run_id, again.attempt) == (given.run_id, 2)


async def test_a_clock_that_was_set_back_while_no_service_was_there_makes_no_retry_wait_for_longer(busy):
    (given,) = await busy.invoked(1, retries=1, backoff="fixed(30s)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.run(given.run_id).state == "waiting")
    await busy.close()
    now = busy.clock.advance(-86_400)
    await busy.open()
    await busy.until(lambda: busy.run(given.run_id).due == now + 30)


async def test_when_the_clock_was_set_back_a_delivery_waits_for_no_longer_than_its_own_delay(noticed, busy):
    (given,) = await busy.invoked(1, then=("nobody",))
    busy.executor.succeed(given)
    await busy.until(lambda: [one.tries for one in busy.read(deliveries.of_run, given.run_id)] == [1])
    now = busy.clock.advance(-86_400)
    await busy.until(lambda: busy.read(deliveries.of_run, given.run_id)[0].due <= now + 1)


async def test_when_the_clock_was_set_back_nothing_is_done_twice_and_workers_were_busy_for_no_less_than_nothing(
    noticed, busy
):
    await busy.publish("f", on=("rate(10 minutes) misfire=all",))
    busy.clock.advance(601)
    (given,) = await busy.sent(1)
    busy.clock.advance(-1000)
    busy.executor.succeed(given)
    await busy.engine.scaler.take_down()
    busy.clock.advance(1000)
    await busy.quiet()
    assert len(busy.runs("f")) == 1
    busy.clock.advance(600)
    await busy.sent(1)
    assert len(busy.runs("f")) == 2
    query = text("SELECT min(busy_s) FROM worker_busy")
    assert busy.read(lambda conn: conn.execute(query).scalar() or 0.0) >= 0.0
