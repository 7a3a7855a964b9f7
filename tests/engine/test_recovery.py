"""A service that is killed, and the next one on the same home: everything ends, and nothing twice."""

import threading

import pytest

from jupyter_fn.store import queue

pytestmark = pytest.mark.anyio


def joins(*names):
    """A worker is there from the start on."""
    return lambda executor: executor.joins_at_start.extend(names)


async def finish_all(stage, result=None):
    """Whatever is sent succeeds, until all runs have ended."""
    while not all(run.state.terminal for run in stage.runs()):
        await stage.quiet()
        for given in list(stage.executor.waiting):
            stage.executor.succeed(given, result)
        await stage.quiet()


def once(stage):
    """Each run has ended once, and succeeded once."""
    assert stage.finishes() == {run.id: 1 for run in stage.runs()}
    for run in stage.runs():
        assert [attempt.state for attempt in stage.attempts(run.id)].count("succeeded") == 1


async def test_runs_that_were_claimed_are_done_by_the_next_service(busy):
    await busy.invoked(2)
    await busy.crash()
    await busy.open(joins("w2"))
    given = await busy.sent(2)
    assert [assignment.token for assignment in given] == [2, 2]
    await finish_all(busy)
    once(busy)
    assert {(run.attempts, run.lost, run.interrupted) for run in busy.runs()} == {(2, 1, 1)}


async def test_a_run_that_went_on_is_started_again(busy):
    (given,) = await busy.invoked(1)
    busy.executor.started(given)
    await busy.until(lambda: busy.states() == ["running"])
    await busy.crash()
    await busy.open()
    assert busy.states() == ["queued"]
    busy.executor.join()
    await finish_all(busy)
    once(busy)


async def test_a_run_that_was_putting_files_in_place_is_not_run_again(busy, monkeypatch):
    killed = threading.Event()
    (given,) = await busy.invoked(1)
    with monkeypatch.context() as dying:
        dying.setattr("jupyter_fn.runtime.outputs.publish", lambda staged: killed.wait(60))
        busy.executor.succeed(given, 7, staged=(busy.staged(given, "out.txt"),))
        await busy.until(lambda: busy.states() == ["publishing"])
        await busy.crash()
        killed.set()
    assert not (busy.folder / "out.txt").exists()
    await busy.open(joins("w2"))
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.result, run.attempts) == ("succeeded", 7, 1)
    assert (busy.folder / "out.txt").read_text() == "whole"
    assert busy.executor.sent == []
    once(busy)


async def test_files_that_were_in_place_already_when_it_died_are_fine(busy, gate):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given, staged=(busy.staged(given, "out.txt"),))
    await busy.until(lambda: busy.states() == ["publishing"])
    await busy.crash()
    gate.set()  # put in place, and nobody lived to tell
    await busy.until((busy.folder / "out.txt").exists)
    await busy.open()
    (run,) = await busy.ended(given.run_id)
    assert run.state == "succeeded"
    assert (busy.folder / "out.txt").read_text() == "whole"
    once(busy)


async def test_a_run_that_waited_goes_on_waiting_until_it_is_due(busy):
    (given,) = await busy.invoked(1, backoff="fixed(20ms)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.states() == ["waiting"])
    await busy.crash()
    await busy.open(joins("w2"))
    await busy.quiet()
    assert busy.states() == ["waiting"]
    busy.clock.advance(0.02)
    await busy.sent(1)
    await finish_all(busy)
    once(busy)
    assert busy.run(given.run_id).lost == 0


async def test_a_run_that_was_to_be_cancelled_is_cancelled(busy, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.cancellations._LIMIT_S", 0.01)
    (given,) = await busy.invoked(1)
    await busy.engine.cancellations.cancel(given.run_id)
    await busy.crash()
    await busy.open(joins("w2"))
    (run,) = await busy.ended(given.run_id)
    assert run.state == "cancelled"
    assert busy.executor.sent == []


@pytest.mark.parametrize("end", ["crash", "close"])
async def test_a_long_run_survives_any_number_of_services(busy, end):
    """Neither the end of a service nor its death is a loss that counts against a run."""
    (given,) = await busy.invoked(1, retries=0)
    for _ in range(5):
        await (busy.crash() if end == "crash" else busy.close())
        await busy.open(joins("w"))
        await busy.sent(1)
    run = busy.run(given.run_id)
    assert (run.state, run.lost, run.interrupted) == ("claimed", 5, 5)
    await finish_all(busy)
    (run,) = busy.runs()
    json = (await busy.engine.questions.runs("f", "", None))[0]
    assert (run.state, run.billed_ms, json["attempts"]) == ("succeeded", 10, 1)
    once(busy)


async def test_workers_that_are_there_when_the_service_starts_lose_nothing(stage):
    """What they are given while it starts is not taken for what an earlier service has left."""
    await stage.publish()
    run_id = await stage.invoke()
    await stage.restart(joins("w1"))
    await stage.sent(1)
    await stage.quiet()
    run = stage.run(run_id)
    assert (run.state, run.token, run.lost, len(stage.executor.sent)) == ("claimed", 1, 0, 1)


async def test_an_outcome_of_the_dead_service_s_worker_is_not_taken(busy):
    (old,) = await busy.invoked(1)
    await busy.crash()
    await busy.open(joins("w2"))
    (new,) = await busy.sent(1)
    busy.executor.succeed(old, "old")
    await busy.quiet()
    assert busy.states() == ["claimed"]
    busy.executor.succeed(new, "new")
    (run,) = await busy.ended(old.run_id)
    assert run.result == "new"


async def test_every_kind_of_run_at_once(busy, gate):
    """One of each state at the moment of death."""
    await busy.publish(backoff="fixed(1ms)", concurrency=4)
    busy.executor.join("w2")
    ids = [await busy.invoke() for _ in range(6)]
    await busy.sent(4)
    publishing, waiting, running, claimed = (busy.executor.of(run_id) for run_id in ids[:4])
    busy.executor.fail(waiting)
    await busy.until(lambda: busy.run(waiting.run_id).state in ("waiting", "claimed"))
    busy.executor.started(running)
    busy.executor.succeed(publishing, staged=(busy.staged(publishing, "out.txt"),))
    await busy.until(lambda: busy.run(publishing.run_id).state == "publishing")
    await busy.quiet()
    assert {"publishing", "running", "claimed"} <= set(busy.states())
    await busy.crash()
    gate.set()
    busy.clock.advance(1.0)
    await busy.open(joins("w1", "w2"))
    await finish_all(busy)
    assert busy.states() == ["succeeded"] * 6
    once(busy)
    assert (await busy.balance())["done"] == 6
    assert busy.most_held["f"] <= 4
    assert busy.run(claimed.run_id).interrupted == 1


async def test_a_service_that_starts_finds_nothing_left_under_way(busy):
    await busy.invoked(2)
    await busy.crash()
    await busy.open()
    assert busy.read(queue.unfinished) == []


async def test_durations_that_were_measured_are_known_to_the_next_service(busy):
    (given,) = await busy.invoked(1)
    busy.clock.now = given_at = busy.clock()
    busy.executor.succeed(given, ms=1500.0)
    await busy.ended(given.run_id)
    await busy.restart()
    assert busy.engine.bench.durations_s == {("f", 1): pytest.approx(1.5)}
    assert busy.clock() == given_at
