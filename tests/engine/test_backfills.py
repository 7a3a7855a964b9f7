"""What was there before anybody looked."""

import os

import pytest

from jupyter_fn.model.errors import BadTrigger, BadValue, NotFound
from jupyter_fn.model.event import NewEvent
from jupyter_fn.model.units import iso
from jupyter_fn.sources import files as file_source
from jupyter_fn.sources.protocol import Poll
from jupyter_fn.store import events

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


async def backfill(stage, on, **how):
    return await stage.engine.backfills.backfill("f", on, **how)


def made(stage, answer):
    return [stage.run(run_id) for run_id in answer["runs"]]


def data(stage, answer):
    return [stage.read(events.get, run.event_id).data for run in made(stage, answer)]


@pytest.fixture
def folder(tmp_path):
    """Three old files."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        write(tmp_path, f"{number}.csv", at=1000.0 + number)
    return tmp_path


def write(folder, name, *, at=1000.0, content="12345"):
    path = folder / "in" / name
    path.write_text(content)
    os.utime(path, (at, at))


# --- files


async def test_a_folder_of_long_ago_becomes_runs_behind_what_is_live(stage, folder):
    await stage.publish()
    dry = await backfill(stage, "in/*.csv settle=0s", dry_run=True)
    assert (dry["count"], dry["bytes"], dry["estimated_cost_usd"], dry["runs"]) == (3, 15, None, [])
    assert (stage.runs(), stage.triggers()) == ([], [])
    answer = await backfill(stage, "in/*.csv settle=0s")
    assert {**answer, "runs": []} == dry
    assert [one["name"] for one in data(stage, answer)] == ["0.csv", "1.csv", "2.csv"]
    assert {run.priority for run in made(stage, answer)} == {2}
    trigger = stage.trigger()
    assert (trigger.id, trigger.state, trigger.uri) == (answer["trigger"], "ended", "in/*.csv settle=0s")
    audit = await stage.balance()
    assert (audit["observed"], audit["pending"]) == (3, 3)


async def test_what_has_run_does_not_run_again(stage, folder):
    await stage.publish()
    assert (await backfill(stage, "in/*.csv settle=0s"))["count"] == 3
    assert (await backfill(stage, "in/*.csv settle=0s"))["count"] == 0
    write(folder, "3.csv")
    write(folder, "0.csv", content="another")
    assert (await backfill(stage, "in/*.csv"))["count"] == 2  # options do not make it another folder
    assert (await backfill(stage, "in/**/*.csv"))["count"] == 0  # nor does a wider pattern
    assert len(stage.triggers()) == 2


async def test_the_ledger_of_the_functions_own_trigger_counts(stage, folder):
    await stage.publish(on=("in/*.csv settle=0s",))
    await stage.until(lambda: len(stage.runs()) == 3)
    await stage.engine.operations.set_state("f", "paused")
    write(folder, "3.csv")
    answer = await backfill(stage, "in/[1-9].csv")
    assert [one["name"] for one in data(stage, answer)] == ["3.csv"]
    own = next(trigger for trigger in stage.triggers() if trigger.state != "ended")
    assert {run.trigger for run in stage.runs()} == {own.id}
    await stage.engine.operations.set_state("f", "active")
    await stage.engine.poller.refresh()
    await stage.quiet()
    assert len(stage.runs()) == 4


async def test_what_a_first_look_has_passed_over_is_taken_up(stage, folder):
    await stage.publish(on=("in/*.csv settle=0s existing=skip",))
    await stage.until(lambda: stage.states() == ["skipped"] * 3)
    assert (await backfill(stage, "in/*.csv", dry_run=True))["count"] == 3
    answer = await backfill(stage, "in/*.csv")
    assert (answer["count"], answer["bytes"]) == (3, 15)
    assert {run.parent for run in made(stage, answer)} == {run.id for run in stage.runs()[:3]}
    audit = await stage.balance()
    assert (audit["observed"], audit["pending"], audit["skipped"]) == (3, 3, 0)
    assert (await backfill(stage, "in/*.csv"))["count"] == 0


async def test_files_are_chosen_by_when_they_were_modified(stage, folder):
    await stage.publish()
    span = {"since": "1970-01-01T00:16:41Z", "until": "1970-01-01T00:16:42Z"}
    assert [one["name"] for one in data(stage, await backfill(stage, "in/*.csv", **span))] == ["1.csv"]


async def test_pages_are_resumed_where_they_were_broken_off(stage, folder, monkeypatch):
    monkeypatch.setattr(file_source, "PAGE", 1)
    await stage.publish()
    enqueue, calls = stage.engine.dispatcher.enqueue, []

    async def breaks(op):
        calls.append(op)
        if len(calls) == 2:
            raise RuntimeError("gone")
        return await enqueue(op)

    monkeypatch.setattr(stage.engine.dispatcher, "enqueue", breaks)
    with pytest.raises(RuntimeError, match="gone"):
        await backfill(stage, "in/*.csv")
    assert len(stage.runs()) == 1
    assert (await backfill(stage, "in/*.csv"))["count"] == 2
    assert (await stage.balance())["observed"] == 3


async def test_files_go_together_where_batches_are_made(stage, folder):
    await stage.publish(batch=2, window_s=3600.0)
    dry = await backfill(stage, "in/*.csv", dry_run=True)
    answer = await backfill(stage, "in/*.csv")
    assert (dry["count"], answer["count"], answer["bytes"]) == (2, 2, 15)
    assert [len(one["files"]) for one in data(stage, answer)] == [2, 1]
    assert (await stage.balance())["pending"] == 3
    assert (await backfill(stage, "in/*.csv"))["count"] == 0


async def test_what_was_passed_over_is_a_batch_of_one_where_batches_are_made(busy, folder):
    await busy.publish(on=("in/*.csv settle=0s existing=skip batch=2",))
    await busy.until(lambda: busy.states() == ["skipped"] * 3)
    assert (await backfill(busy, "in/*.csv"))["count"] == 3
    assert [len(given.event["files"]) for given in await busy.sent(2)] == [1, 1]
    assert (await busy.balance())["pending"] == 3


async def test_only_what_the_filter_takes(stage, folder):
    await stage.publish(filter='{"name":["1.csv"]}')
    dry = await backfill(stage, "in/*.csv", dry_run=True)
    answer = await backfill(stage, "in/*.csv")
    assert (dry["count"], dry["bytes"], answer["count"], answer["bytes"]) == (1, 5, 1, 5)
    assert (await stage.balance())["skipped"] == 2


async def test_publishing_the_trigger_later_goes_on_with_the_ledger(stage, folder):
    await stage.publish()
    await backfill(stage, "in/*.csv settle=0s")
    await stage.publish("f", OTHER, on=("in/*.csv settle=0s",))
    (trigger,) = [one for one in stage.triggers() if one.uri == "in/*.csv settle=0s"]
    assert (trigger.state, trigger.alias) == ("active", "live")
    write(folder, "3.csv")
    await stage.engine.poller.refresh()
    await stage.until(lambda: len(stage.runs()) == 4)


# --- code


@pytest.mark.parametrize(("code", "version"), [("latest", 2), ("1", 1), ("old", 1)])
async def test_the_code_is_what_live_points_at_or_a_version_or_an_alias(stage, folder, code, version):
    await stage.publish()
    await stage.publish("f", OTHER)
    await stage.engine.operations.set_alias("f", "old", {"1": 1})
    assert {run.version for run in made(stage, await backfill(stage, "in/*.csv", code=code))} == {version}


async def test_what_makes_no_sense_is_refused_and_leaves_nothing(stage, folder):
    await stage.publish()
    for error, on, how in (
        (NotFound, "in/*.csv", {"code": "7"}),
        (BadTrigger, "in", {}),
        (BadTrigger, "in/*.csv setle=1s", {}),
        (BadValue, "in/*.csv", {"since": "yesterday"}),
        (BadValue, "cron(0 6 * * *)", {"since": "2026-01-01"}),
    ):
        with pytest.raises(error):
            await backfill(stage, on, **how)
    assert (stage.triggers(), stage.runs()) == ([], [])


# --- topics, functions, schedules


async def test_a_topic_from_its_start_up_to_where_the_live_trigger_is(stage):
    await stage.publish()
    await stage.engine.invocations.emit("t", [{"value": n} for n in range(5)])
    await stage.publish("f", OTHER, on=("topic:t start=latest batch=2",))
    await stage.until(lambda: stage.trigger().position == 5)
    await stage.engine.invocations.emit("t", [{"value": n} for n in range(5, 7)])
    await stage.until(lambda: len(stage.runs()) == 1)
    answer = await backfill(stage, "topic:t")
    assert [[one["value"] for one in page["records"]] for page in data(stage, answer)] == [[0, 1], [2, 3], [4]]
    assert (await backfill(stage, "topic:t"))["count"] == 0
    audit = await stage.balance()
    assert (audit["observed"], audit["pending"]) == (7, 7)


async def test_another_topic_goes_on_where_its_backfill_has_ended(stage):
    await stage.publish()
    await stage.engine.invocations.emit("t", [{"value": n} for n in range(3)])
    assert (await backfill(stage, "topic:t batch=2"))["count"] == 2
    await stage.engine.invocations.emit("t", [{"value": 3}])
    assert (await backfill(stage, "topic:t batch=2"))["count"] == 1
    await stage.engine.invocations.emit("t", [{"value": 4}])
    await stage.publish("f", OTHER, on=("topic:t batch=2",))
    await stage.until(lambda: len(stage.runs()) == 4)
    await stage.quiet()
    found = [stage.read(events.get, run.event_id).data["records"] for run in stage.runs()]
    assert [record["value"] for records in found for record in records] == [0, 1, 2, 3, 4]


async def test_what_another_function_has_done_before(busy):
    await busy.publish("other")
    run_id = await busy.invoke("other")
    (given,) = await busy.sent(1)
    busy.executor.succeed(given, {"rows": 1})
    await busy.ended(run_id)
    await busy.publish(on=("fn:other",))
    await busy.until(lambda: busy.trigger().position)
    assert [one["data"] for one in data(busy, await backfill(busy, "fn:other"))] == [{"rows": 1}]
    assert (await backfill(busy, "fn:other"))["count"] == 0
    assert (await backfill(busy, "fn:other on=failure"))["count"] == 0


async def test_every_fire_time_of_a_span(stage):
    await stage.publish(on=("cron(0 6 * * *)",))
    await stage.until(lambda: stage.trigger().position)
    span = {"since": "2026-01-01", "until": "2026-01-04"}
    answer = await backfill(stage, "cron(0 6 * * *)", **span)
    assert [one["scheduled_for"][:13] for one in data(stage, answer)] == [f"2026-01-0{day}T06" for day in (1, 2, 3)]
    assert data(stage, answer)[0]["interval_start"].startswith("2025-12-31T06")
    assert (await backfill(stage, "cron(0 6 * * *)", **span))["count"] == 0
    assert (await backfill(stage, "cron(0 6 * * *) tz=Asia/Tokyo", **span))["count"] == 3
    assert sorted(trigger.state for trigger in stage.triggers()) == ["active", "ended"]


async def test_the_estimate_is_what_runs_have_cost(busy, folder):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given)
    (run,) = await busy.ended(given.run_id)
    answer = await backfill(busy, "in/*.csv", dry_run=True)
    assert float(answer["estimated_cost_usd"]) == pytest.approx(3 * float(run.cost_usd))


async def test_a_backfill_or_a_replay_under_way_is_no_overlap(busy):
    await busy.publish(on=("rate(1h) overlap=skip",), concurrency=1)
    await busy.until(lambda: busy.trigger().position)
    span = {"since": iso(busy.clock() - 2 * 3600.0), "until": iso(busy.clock())}
    assert (await backfill(busy, "rate(1h)", **span))["count"] == 2
    trigger = busy.trigger()
    fired = NewEvent(key="now", type="schedule.fired", source="rate(1h)", time=busy.clock(), data={})
    await busy.engine.poller.admit(trigger, Poll(events=[fired], position=trigger.position))
    assert [run.reason for run in busy.runs()] == ["", "", ""]
