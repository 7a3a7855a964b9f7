"""Chains that would go round for ever, through topics, functions, destinations and files."""

import json
import os
from pathlib import Path

import pytest

from jupyter_fn.model.event import MAX_HOPS
from jupyter_fn.model.run import Reason
from jupyter_fn.policy.loops import Writer
from jupyter_fn.store import deliveries, events, outputs

pytestmark = pytest.mark.anyio


async def round_and_round(stage, act):
    """`act` on each assignment that comes, until nothing is under way; the last run is then dead."""
    for _ in range(MAX_HOPS + 1):
        (assignment,) = await stage.sent(1)
        act(assignment)
        await stage.ended(assignment.run_id)
    await stage.until(lambda: any(run.reason == Reason.LOOP for run in stage.runs()), "the end of the loop")
    await stage.quiet()
    assert stage.executor.waiting == []
    (dead,) = [run for run in stage.runs() if run.reason == Reason.LOOP]
    assert dead.state.value == "dead"
    assert dead.hops == MAX_HOPS + 1
    assert dead.error["type"] == "LoopDetected"
    return dead


def succeed(stage, **fields):
    return lambda assignment: stage.executor.succeed(assignment, **fields)


def named_in(run):
    return run.error["message"].rpartition(": ")[2]


# --- what carries them


async def test_functions_that_tell_each_other(busy):
    await busy.publish("a", then=("b",))
    await busy.publish("b", then=("a",))
    await busy.invoke("a")
    dead = await round_and_round(busy, succeed(busy))
    assert named_in(dead) == "b → a → b."
    await busy.balance("b")


async def test_functions_that_follow_each_other(busy):
    await busy.publish("a", on=("fn:b",))
    await busy.publish("b", on=("fn:a",))
    await busy.invoke("a")
    dead = await round_and_round(busy, succeed(busy))
    assert named_in(dead) == "b → a → b."


async def test_failures_that_are_told_to_each_other(busy):
    await busy.publish("a", retries=0, on_failure=("b",))
    await busy.publish("b", retries=0, on_failure=("a",))
    await busy.invoke("a")
    await round_and_round(busy, busy.executor.fail)


async def test_a_topic_that_is_read_and_written_by_one(busy):
    await busy.publish("a", on=("topic:t batch=1",), then=("topic:t",))
    await busy.invoke("a")
    assert named_in(await round_and_round(busy, succeed(busy))) == "a → a."


async def test_files_that_are_staged(open_stage, tmp_path):
    """`a` writes where `b` looks, and `b` where `a` does."""
    stage = await looking(open_stage, tmp_path)

    def write(assignment):
        to = "in_b" if assignment.terms.function == "a" else "in_a"
        stage.executor.succeed(assignment, staged=(stage.staged(assignment, f"{to}/{assignment.run_id}.csv"),))

    await stage.invoke("a")
    assert named_in(await round_and_round(stage, write)) == "b → a → b."


async def test_files_that_are_written_directly_also_by_runs_that_fail(open_stage, tmp_path):
    stage = await looking(open_stage, tmp_path, retries=0)

    def write(assignment):
        path = tmp_path / ("in_b" if assignment.terms.function == "a" else "in_a") / f"{assignment.run_id}.csv"
        path.write_text("x")
        stage.executor.fail(assignment, wrote=(str(path),))

    await stage.invoke("a")
    await round_and_round(stage, write)


async def test_records_in_a_folder_that_the_function_watches_itself_are_skipped(open_stage, tmp_path):
    stage = await open_stage(poll_s=0.01)
    stage.executor.join("w1")
    (tmp_path / "in").mkdir()
    await stage.publish("a", on=("in/*.json settle=0s",), retries=0, on_failure=("in/",))
    run_id = await stage.invoke("a")
    (assignment,) = await stage.sent(1)
    stage.executor.fail(assignment)
    await stage.ended(run_id)
    await stage.until(lambda: len(stage.runs("a")) == 2)
    assert [run.reason for run in stage.runs("a")][1] == Reason.OWN_OUTPUT


async def looking(open_stage, tmp_path, **options):
    stage = await open_stage(poll_s=0.01)
    stage.executor.join("w1")
    for name in ("a", "b"):
        (tmp_path / f"in_{name}").mkdir()
        await stage.publish(name, on=(f"in_{name}/*.csv settle=0s",), **options)
    return stage


# --- files and their causes


async def test_a_file_that_a_run_wrote_has_it_as_cause(open_stage, tmp_path):
    stage = await looking(open_stage, tmp_path)
    run_id = await stage.invoke("a")
    (assignment,) = await stage.sent(1)
    stage.executor.succeed(assignment, staged=(stage.staged(assignment, "in_b/x.csv"),))
    await stage.until(lambda: stage.runs("b"))
    (run,) = stage.runs("b")
    event = stage.read(events.get, run.event_id)
    assert (event.cause, event.hops, run.hops) == (run_id, 1, 1)


async def test_only_files_that_a_trigger_takes_are_remembered(open_stage, tmp_path):
    stage = await looking(open_stage, tmp_path)
    await stage.invoke("a")
    (assignment,) = await stage.sent(1)
    wrote = [str(tmp_path / name) for name in ("in_b/x.csv", "in_b/x.txt", "elsewhere/x.csv")]
    stage.executor.succeed(assignment, wrote=tuple(wrote))
    await stage.ended(assignment.run_id)
    assert list(stage.read(outputs.writers, wrote)) == [wrote[0]]


async def test_a_function_that_came_later_is_known_too(open_stage, tmp_path):
    stage = await looking(open_stage, tmp_path)
    await stage.publish("c", on=("elsewhere/*.csv",))
    await stage.invoke("a")
    (assignment,) = await stage.sent(1)
    path = str(tmp_path / "elsewhere" / "x.csv")
    stage.executor.succeed(assignment, wrote=(path,))
    await stage.ended(assignment.run_id)
    assert stage.read(outputs.writers, [path])[path].function == "a"


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_functions_own_files_do_not_trigger_it_unless_it_asked_for_it(open_stage, tmp_path, allowed):
    stage = await looking(open_stage, tmp_path, allow_loop=allowed)
    await stage.invoke("a")
    (assignment,) = await stage.sent(1)
    path = tmp_path / "in_a" / "own.csv"
    path.write_text("x")
    stage.executor.succeed(assignment, wrote=(str(path),))
    await stage.ended(assignment.run_id)
    await stage.until(lambda: len(stage.runs("a")) == 2)
    run = stage.runs("a")[1]
    assert (run.state.value == "skipped", run.reason == Reason.OWN_OUTPUT) == (not allowed, not allowed)


async def test_what_somebody_puts_in_its_place_later_is_run(open_stage, tmp_path):
    stage = await looking(open_stage, tmp_path)
    await stage.invoke("a")
    (assignment,) = await stage.sent(1)
    path = tmp_path / "in_a" / "own.csv"
    stage.executor.succeed(assignment, wrote=(str(path),))
    await stage.ended(assignment.run_id)
    path.write_text("by hand")
    later = stage.clock.advance(3600.0)
    os.utime(path, (later, later))
    stage.clock.advance(3600.0)
    (given,) = await stage.sent(1)
    assert given.event["name"] == "own.csv"


# --- who hears of them


async def test_a_loop_is_told_outside_but_not_inside(busy, tmp_path):
    await busy.publish("told")
    await busy.publish("a", on=("topic:t batch=1",), then=("topic:t",), on_failure=("told", "failures/"))
    await busy.invoke("a")
    dead = await round_and_round(busy, succeed(busy))
    busy.engine.outbox.wake()
    await busy.until(lambda: [one.state for one in busy.read(deliveries.of_run, dead.id)] == ["done"])
    record = json.loads(Path(tmp_path / "failures" / f"a-{dead.id}.json").read_text())
    assert record["requestContext"]["reason"] == "LoopDetected"
    assert "a → a" in record["responsePayload"]["errorMessage"]
    assert busy.runs("told") == []


async def test_explain_names_the_loop_and_a_redrive_runs_it(busy):
    await busy.publish("a", on=("topic:t batch=1",), then=("topic:t",))
    await busy.invoke("a")
    dead = await round_and_round(busy, succeed(busy))
    said = " ".join((await busy.engine.explanations.explain("a", dead.id))["sentences"])
    assert "its events go round in a loop" in said
    assert "a → a" in said
    await busy.engine.redrives.redrive("a", [dead.id], code="latest", dry_run=False)
    await busy.sent(1)


async def test_in_a_batch_of_files_one_that_goes_round_takes_no_other_with_it(open_stage, tmp_path):
    stage = await looking(open_stage, tmp_path)
    far = {"run_id": "r", "function": "b", "hops": MAX_HOPS, "at": stage.clock.now}
    path = tmp_path / "in_c" / "far.csv"
    (tmp_path / "in_c").mkdir()
    stage.database.write(lambda conn: outputs.note(conn, [str(path)], Writer(**far)))
    path.write_text("x")
    (tmp_path / "in_c" / "near.csv").write_text("x")
    await stage.publish("c", on=("in_c/*.csv settle=0s batch=10",))
    (given,) = await stage.sent(1)
    assert [file["name"] for file in given.event["files"]] == ["near.csv"]
    assert sorted(run.reason for run in stage.runs("c")) == ["", Reason.LOOP]
