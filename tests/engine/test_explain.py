"""Why a run, an event or a path did or did not run."""

import time

import pytest

from jupyter_fn.model.errors import NotFound
from jupyter_fn.model.units import iso
from jupyter_fn.store import batches

pytestmark = pytest.mark.anyio


async def explained(stage, subject, name="f"):
    answer = await stage.engine.explanations.explain(name, str(subject))
    assert answer["subject"] == str(subject)
    assert answer["sentences"]
    return " ".join(answer["sentences"]), [run["id"] for run in answer["runs"]]


@pytest.fixture
async def watching(open_stage, tmp_path):
    """A service in real time that watches a folder with one file, which was admitted."""
    stage = await open_stage(clock=time.time)
    (tmp_path / "in").mkdir()
    await stage.publish(on=("in/*.csv settle=0s",))
    (tmp_path / "in" / "a.csv").write_text("x")
    await stage.until(lambda: len(stage.runs()) == 1)
    return stage


async def test_a_run_by_its_id(busy):
    (given,) = await busy.invoked(1, retries=0)
    said, runs = await explained(busy, given.run_id)
    assert (runs, "is given to worker w1-1" in said) == ([given.run_id], True)
    busy.executor.fail(given, "no rows")
    await busy.ended(given.run_id)
    said, _ = await explained(busy, given.run_id)
    assert "had no retry left" in said
    assert "ValueError: no rows" in said
    assert f"redrive f --ids {given.run_id}" in said


async def test_a_run_that_waits_for_its_retry(busy):
    (given,) = await busy.invoked(1, backoff="fixed(90s)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.states() == ["waiting"])
    said, _ = await explained(busy, given.run_id)
    assert f"is tried again at {iso(busy.clock() + 90)}, in 90 s" in said
    assert "Attempt 1 of at most 3." in said


async def test_a_queued_run_of_a_paused_function(stage):
    await stage.publish()
    await stage.engine.operations.set_state("f", "paused")
    run_id = await stage.invoke()
    said, _ = await explained(stage, run_id)
    assert "f is paused" in said


async def test_a_queued_run_behind_a_limit(busy):
    await busy.publish(concurrency=1)
    await busy.invoke()
    second = await busy.invoke()
    await busy.quiet()
    said, _ = await explained(busy, second)
    assert "1 of at most 1 runs of f are under way" in said


async def test_an_event_by_its_id_names_all_its_runs(busy):
    (given,) = await busy.invoked(1, retries=0)
    busy.executor.fail(given)
    (run,) = await busy.ended(given.run_id)
    (redriven,) = (await busy.engine.redrives.redrive("f", None, code="same", dry_run=False))["runs"]
    _, runs = await explained(busy, run.event_id)
    assert runs == [run.id, redriven]


async def test_a_path_that_was_admitted_names_its_event_and_its_run(watching, tmp_path):
    (run,) = watching.runs()
    said, runs = await explained(watching, tmp_path / "in" / "a.csv")
    assert runs == [run.id]
    assert f"as event {run.event_id}" in said
    assert "is queued since" in said


async def test_a_path_that_was_admitted_and_is_gone_or_another_now_still_names_its_run(watching, tmp_path):
    (run,) = watching.runs()
    await watching.engine.operations.set_state("f", "paused")  # so that the next one is not admitted
    path = tmp_path / "in" / "a.csv"
    path.write_text("something else")
    said, runs = await explained(watching, path)
    assert (runs, f"was admitted earlier by in/*.csv settle=0s as event {run.event_id}" in said) == ([run.id], True), (
        said
    )
    path.unlink()
    said, runs = await explained(watching, path)
    assert (runs, "does not exist" in said, run.event_id in said) == ([run.id], True, True)
    _, runs = await explained(watching, tmp_path / "in" / "a.cs")
    assert runs == []


async def test_a_path_that_matches_no_trigger(watching, tmp_path):
    said, runs = await explained(watching, tmp_path / "in" / "a.txt")
    assert (runs, "does not match in/*.csv" in said) == ([], True)


async def test_a_path_that_does_not_exist(watching, tmp_path):
    said, runs = await explained(watching, tmp_path / "in" / "b.csv")
    assert (runs, "does not exist" in said) == ([], True)


async def test_a_path_that_is_skipped(watching, tmp_path):
    (tmp_path / "in" / ".hidden.csv").write_text("x")
    said, _ = await explained(watching, tmp_path / "in" / ".hidden.csv")
    assert "is skipped" in said or "does not match" in said


async def test_a_path_that_is_not_settled_yet(open_stage, tmp_path):
    stage = await open_stage(clock=time.time)
    (tmp_path / "in").mkdir()
    await stage.publish(on=("in/*.csv settle=1h",))
    (tmp_path / "in" / "a.csv").write_text("x")
    said, runs = await explained(stage, tmp_path / "in" / "a.csv")
    assert (runs, "waits to settle until" in said) == ([], True)


async def test_a_path_of_a_paused_function(watching, tmp_path):
    await watching.engine.operations.set_state("f", "paused")
    (tmp_path / "in" / "b.csv").write_text("x")
    said, runs = await explained(watching, tmp_path / "in" / "b.csv")
    assert runs == []
    assert "is paused; start it again with: jupyter fn resume f" in said, said


async def test_a_moment_of_a_schedule(stage):
    await stage.publish(on=("cron(0 6 * * *)",))
    await stage.until(lambda: stage.trigger().position)
    said, _ = await explained(stage, "2099-01-01T06:30:00")
    assert "is no fire time" in said


async def test_a_function_without_triggers_says_so(stage):
    await stage.publish()
    said, runs = await explained(stage, "/somewhere/a.csv")
    assert (runs, "has no trigger that could take /somewhere/a.csv" in said) == ([], True)


async def test_another_functions_run_is_not_explained_here(busy):
    (given,) = await busy.invoked(1)
    await busy.publish("g")
    _, runs = await explained(busy, given.run_id, "g")
    assert runs == []


async def test_nobodys_why_is_an_error(stage):
    with pytest.raises(NotFound):
        await stage.engine.explanations.explain("nobody", "x")


async def test_a_file_that_waits_for_a_batch_and_then_is_in_one(open_stage, tmp_path):
    stage = await open_stage(clock=time.time)
    (tmp_path / "in").mkdir()
    await stage.publish(on=("in/*.csv settle=0s batch=2 window=1h",), retries=0)
    (tmp_path / "in" / "a.csv").write_text("x")
    trigger = stage.trigger()
    await stage.until(lambda: stage.read(batches.gathering, trigger.id))
    said, runs = await explained(stage, tmp_path / "in" / "a.csv")
    assert "which waits for others to go into a batch with it" in said
    assert runs == []
    (member,) = stage.read(batches.gathering, trigger.id)
    stage.executor.join()
    (tmp_path / "in" / "b.csv").write_text("x")
    (whole,) = await stage.sent(1)
    stage.executor.fail(whole)
    halves = await stage.sent(2)
    await stage.quiet()
    said, runs = await explained(stage, tmp_path / "in" / "a.csv")
    assert f"which went into the batch {whole.event['id']}." in said
    (own,) = (half.run_id for half in halves if half.event["files"][0]["name"] == "a.csv")
    assert runs == [whole.run_id, own]
    assert (await explained(stage, member.id))[1] == runs


# --- lanes, parts, redrives, replays


async def test_a_lane_that_rests_names_the_run_that_died_in_it(busy):
    await busy.publish(order_by="event.customer", retries=0)
    dead, second, third = [await busy.invoke("f", {"customer": "a"}) for _ in range(3)]
    await busy.sent(1)
    said, _ = await explained(busy, second)
    assert f"Runs of 'a' go one after the other; run {dead} is before it." in said
    busy.executor.fail(busy.executor.of(dead))
    await busy.ended(dead)
    await busy.quiet()
    for run_id in (second, third):
        said, _ = await explained(busy, run_id)
        assert f"rests since run {dead} died in it" in said
        assert "jupyter fn resume f --key 'a'" in said


async def test_a_key_at_its_limit_is_named(busy):
    await busy.publish(concurrency_key="event.customer")
    ids = [await busy.invoke("f", {"customer": "a"}) for _ in range(2)]
    await busy.quiet()
    said, _ = await explained(busy, ids[1])
    assert "1 of at most 1 runs of f for 'a' are under way." in said


async def test_a_batch_that_was_split_names_its_parts(busy):
    await busy.publish(on=("topic:t batch=2",), retries=0)
    await busy.engine.invocations.emit("t", [{"value": n} for n in range(2)])
    (given,) = await busy.sent(1)
    busy.executor.fail(given)
    one, two = await busy.sent(2)
    busy.executor.succeed(one, ms=5000.0)
    busy.executor.fail(two)
    await busy.ended(one.run_id, two.run_id)
    said, _ = await explained(busy, given.run_id)
    assert f"Its items are with run {one.run_id} (succeeded), run {two.run_id} (dead)." in said
    said, _ = await explained(busy, two.run_id)
    assert f"It handles 1 of the items of run {given.run_id}, which was split." in said


async def test_a_redrive_and_a_replay_are_told_of_their_origin_and_it_of_them(busy):
    (given,) = await busy.invoked(1, retries=0)
    busy.executor.fail(given)
    await busy.ended(given.run_id)
    edits = {given.run_id: {"n": 2}}
    (redriven,) = (await busy.engine.redrives.redrive("f", None, edits=edits))["runs"]
    (another,) = await busy.sent(1)
    busy.executor.fail(another)
    await busy.ended(redriven)
    (replayed,) = (await busy.engine.replays.replay("f", replay="again"))["runs"]
    said, _ = await explained(busy, given.run_id)
    assert f"It was run again as run {redriven} (dead)." in said
    said, _ = await explained(busy, redriven)
    assert f"It runs the event of run {given.run_id} again, as it was edited." in said
    assert f"Replays ran its event again: run {replayed}" in said
    assert f"jupyter fn redrive f --ids {redriven}" in said
    said, _ = await explained(busy, replayed)
    assert "It belongs to the replay again, apart from the live runs." in said
