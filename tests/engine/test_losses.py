"""Workers that go, attempts that nobody waits for any more, runs that are cancelled, a store that refuses."""

import pytest

from jupyter_fn.engine import transitions
from jupyter_fn.model.errors import HomeRefused, NotFound

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """What is tried again after a second is tried again at once."""
    monkeypatch.setattr("jupyter_fn.engine.transitions._AGAIN_S", 0.01)
    monkeypatch.setattr("jupyter_fn.engine.dispatcher._AGAIN_S", 0.01)


# --- workers go ---


async def test_what_a_lost_worker_held_is_done_by_another_one(busy):
    first, second = await busy.invoked(2)
    busy.executor.lose("w1-1")
    busy.executor.join("w2")
    again = await busy.sent(2)
    assert [(given.run_id, given.token) for given in again] == [(first.run_id, 2), (second.run_id, 2)]
    for given in again:
        busy.executor.succeed(given)
    for run in await busy.ended(first.run_id, second.run_id):
        assert (run.state, run.attempts, run.lost) == ("succeeded", 2, 1)
        assert [attempt.state for attempt in busy.attempts(run.id)] == ["lost", "succeeded"]


async def test_a_lost_attempt_costs_nothing_and_takes_no_retry(busy):
    (given,) = await busy.invoked(1, retries=0)
    busy.executor.lose("w1-1")
    busy.executor.join()
    (again,) = await busy.sent(1)
    busy.executor.succeed(again, ms=10.0)
    (run,) = await busy.ended(given.run_id)
    json = (await busy.engine.questions.runs("f", "", None))[0]
    assert (run.state, run.billed_ms, json["attempts"]) == ("succeeded", 10, 1)


async def test_a_run_that_loses_three_workers_is_dead_and_says_so(busy):
    (given,) = await busy.invoked(1)
    for number in range(3):
        (given,) = await busy.sent(1)
        assert given.token == number + 1
        busy.executor.lose(busy.run(given.run_id).worker)
        busy.executor.join()
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.reason, run.lost, run.cost_usd) == ("dead", "WorkerLost", 3, "0")
    assert "went away" in run.error["message"]
    assert (await busy.balance())["dead"] == 1


async def test_a_worker_that_is_gone_when_runs_are_sent_costs_them_nothing(busy):
    busy.executor.unreachable.add("w1-1")
    await busy.invoked(1)
    run = busy.runs()[0]
    assert (run.attempts, run.lost) == (0, 0)
    busy.executor.lose("w1-1")
    busy.executor.join("w2")
    (given,) = await busy.sent(1)
    assert given.attempt == 1
    busy.executor.succeed(given)
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.attempts, run.lost) == ("succeeded", 1, 0)


async def test_a_worker_that_goes_while_it_is_chosen_holds_nothing_up(busy):
    """The claim is on its way to the store when the worker goes."""
    await busy.publish()
    made = busy.invoke()
    busy.engine.dispatcher.wake()
    run_id = await made
    busy.executor.lose("w1-1")
    busy.executor.join("w2")
    await busy.until(lambda: run_id in [given.run_id for given in busy.executor.waiting])
    given = busy.executor.of(run_id)
    busy.executor.succeed(given)
    (run,) = await busy.ended(run_id)
    assert (run.state, run.worker) == ("succeeded", "w2-2")


async def test_losing_a_worker_leaves_the_runs_of_others_alone(busy):
    first, second = await busy.invoked(2)
    busy.executor.join("w2")
    third = await busy.invoke()
    await busy.sent(3)
    busy.executor.lose("w2-2")
    await busy.quiet()
    assert [(run.id, run.state, run.lost) for run in busy.runs()] == [
        (first.run_id, "claimed", 0),
        (second.run_id, "claimed", 0),
        (third, "queued", 1),
    ]


async def test_files_of_a_run_that_has_won_are_put_in_place_also_when_its_worker_goes(busy, gate):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given, staged=(busy.staged(given, "out.txt"),))
    await busy.until(lambda: busy.states() == ["publishing"])
    busy.executor.lose("w1-1")
    await busy.quiet()
    gate.set()
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.lost) == ("succeeded", 0)
    assert (busy.folder / "out.txt").read_text() == "whole"


# --- outcomes that nobody waits for ---


async def test_the_outcome_of_an_old_token_is_ignored_and_its_files_are_removed(busy):
    (old,) = await busy.invoked(1)
    left_behind = busy.staged(old, "out.txt", "old")
    busy.executor.lose("w1-1")
    busy.executor.join()
    (new,) = await busy.sent(1)
    busy.executor.succeed(old, "old", staged=(left_behind,))
    await busy.until(lambda: not (busy.folder / left_behind.staged).exists())
    assert busy.run(old.run_id).state == "claimed"
    busy.executor.succeed(new, "new", staged=(busy.staged(new, "out.txt", "new"),))
    (run,) = await busy.ended(old.run_id)
    assert (run.result, (busy.folder / "out.txt").read_text()) == ("new", "new")
    assert busy.finishes() == {run.id: 1}


async def test_an_outcome_told_twice_is_one(busy):
    (given,) = await busy.invoked(1)
    outcome = busy.executor.succeed(given, 1)
    busy.executor.end(outcome, outcome)
    await busy.quiet()
    assert busy.finishes() == {given.run_id: 1}
    assert [attempt.state for attempt in busy.attempts(given.run_id)] == ["succeeded"]


async def test_an_outcome_with_files_told_twice_leaves_them_in_place(busy):
    (given,) = await busy.invoked(1)
    outcome = busy.executor.succeed(given, staged=(busy.staged(given, "out.txt"),))
    busy.executor.end(outcome)
    await busy.ended(given.run_id)
    busy.executor.end(outcome)
    await busy.quiet()
    assert (busy.folder / "out.txt").read_text() == "whole"
    assert busy.finishes() == {given.run_id: 1}


async def test_the_outcome_of_a_run_that_nobody_knows_harms_nothing(busy):
    (given,) = await busy.invoked(1)
    unknown = busy.executor.outcome(given, run_id="nobody")
    busy.executor.end(unknown, busy.executor.outcome(given, result=1))
    (run,) = await busy.ended(given.run_id)
    assert run.result == 1


async def test_a_start_that_is_heard_after_the_end_changes_nothing(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given)
    busy.executor.started(given)
    await busy.quiet()
    assert busy.states() == ["succeeded"]


async def test_a_failed_attempt_leaves_no_files(busy):
    (given,) = await busy.invoked(1, retries=0)
    staged = busy.staged(given, "out.txt")
    busy.executor.fail(given, staged=(staged,))
    await busy.ended(given.run_id)
    await busy.until(lambda: not list(busy.folder.glob(".*.staged.*")))
    assert not (busy.folder / "out.txt").exists()


async def test_files_that_cannot_be_put_in_place_make_the_attempt_fail(busy):
    (given,) = await busy.invoked(1, retries=1, backoff="none")
    staged = busy.staged(given, "out.txt")
    (busy.folder / staged.staged).unlink()
    busy.executor.succeed(given, 1, staged=(staged,))
    (again,) = await busy.sent(1)
    assert again.attempt == 2
    assert "could not be put in place" in busy.run(given.run_id).error["message"]
    busy.executor.succeed(again, 2, staged=(busy.staged(again, "out.txt"),))
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.result, run.attempts) == ("succeeded", 2, 2)
    assert (await busy.balance())["done"] == 1


# --- cancelling ---


async def test_a_queued_run_is_cancelled_at_once(stage):
    await stage.publish()
    run_id = await stage.invoke()
    answer = await stage.engine.cancellations.cancel(run_id)
    assert (answer["state"], answer["reason"]) == ("cancelled", "Cancelled")
    stage.executor.join()
    await stage.quiet()
    assert stage.executor.sent == []
    assert (await stage.balance())["skipped"] == 1


async def test_a_waiting_run_is_cancelled_at_once(busy):
    (given,) = await busy.invoked(1, backoff="fixed(10ms)")
    busy.executor.fail(given)
    await busy.until(lambda: busy.states() == ["waiting"])
    assert (await busy.engine.cancellations.cancel(given.run_id))["state"] == "cancelled"
    busy.clock.advance(1.0)
    await busy.quiet()
    assert busy.executor.waiting == []


async def test_a_held_run_is_killed_and_cancelled_when_it_is_dead(busy, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.cancellations._LIMIT_S", 0.01)
    (given,) = await busy.invoked(1)
    answer = await busy.engine.cancellations.cancel(given.run_id)
    assert (answer["state"], answer["cancel_requested"]) == ("running", True)
    assert busy.executor.cancelled == [("w1-1", given.run_id, given.token)]
    busy.executor.killed(given)
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.billed_ms) == ("cancelled", 10)
    assert [attempt.state for attempt in busy.attempts(run.id)] == ["cancelled"]


async def test_a_run_that_succeeds_before_the_kill_has_succeeded(busy, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.cancellations._LIMIT_S", 0.01)
    (given,) = await busy.invoked(1)
    await busy.engine.cancellations.cancel(given.run_id)
    busy.executor.succeed(given, 1)
    (run,) = await busy.ended(given.run_id)
    assert run.state == "succeeded"


@pytest.mark.parametrize("how", ["fails", "loses its worker"])
async def test_a_run_that_is_to_be_cancelled_is_not_tried_again(busy, monkeypatch, how):
    monkeypatch.setattr("jupyter_fn.engine.cancellations._LIMIT_S", 0.01)
    (given,) = await busy.invoked(1, backoff="none")
    await busy.engine.cancellations.cancel(given.run_id)
    if how == "fails":
        busy.executor.fail(given)
    else:
        busy.executor.lose("w1-1")
        busy.executor.join()
    (run,) = await busy.ended(given.run_id)
    assert run.state == "cancelled"
    assert len(busy.executor.sent) == 1


async def test_a_run_that_puts_files_in_place_is_not_cancelled_any_more(busy, gate, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.cancellations._LIMIT_S", 0.01)
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given, staged=(busy.staged(given, "out.txt"),))
    await busy.until(lambda: busy.states() == ["publishing"])
    await busy.engine.cancellations.cancel(given.run_id)
    gate.set()
    (run,) = await busy.ended(given.run_id)
    assert run.state == "succeeded"


async def test_cancelling_what_has_ended_changes_nothing(busy):
    (given,) = await busy.invoked(1)
    busy.executor.succeed(given)
    await busy.ended(given.run_id)
    assert (await busy.engine.cancellations.cancel(given.run_id))["state"] == "succeeded"


async def test_cancelling_nobodys_run_is_an_error(stage):
    with pytest.raises(NotFound, match="no run 'nothing'"):
        await stage.engine.cancellations.cancel("nothing")


# --- the store refuses ---


@pytest.fixture
def refusals(monkeypatch):
    """`refusals(n)`: the store refuses the next n times what happened to runs."""
    left = [0]
    transit = transitions.transit

    def refusing(*args, **kwargs):
        if left[0]:
            left[0] -= 1
            raise HomeRefused("The disk is full.", "Free some space.")
        return transit(*args, **kwargs)

    monkeypatch.setattr(transitions, "transit", refusing)
    return lambda number: left.__setitem__(0, number)


async def test_an_outcome_that_the_store_refuses_is_told_again(busy, refusals, caplog):
    (given,) = await busy.invoked(1)
    refusals(3)
    busy.executor.succeed(given, {"rows": 1})
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.result, run.attempts) == ("succeeded", {"rows": 1}, 1)
    assert caplog.text.count("The store refused what happened to runs") == 3


async def test_what_comes_while_the_store_refuses_is_told_in_its_order(busy, refusals):
    first, second = await busy.invoked(2)
    refusals(2)
    busy.executor.started(first)
    busy.executor.succeed(second, 2)
    busy.executor.succeed(first, 1)
    runs = await busy.ended(first.run_id, second.run_id)
    assert [run.result for run in runs] == [1, 2]
    assert busy.finishes() == {first.run_id: 1, second.run_id: 1}


async def test_a_claim_that_the_store_refuses_is_tried_again(busy, monkeypatch, caplog):
    claimable = busy.engine.dispatcher._op
    left = [2]

    def refusing(*args):
        if left[0]:
            left[0] -= 1
            raise HomeRefused("The disk is full.", "Free some space.")
        return claimable(*args)

    monkeypatch.setattr(busy.engine.dispatcher, "_op", refusing)
    await busy.publish()
    await busy.invoke()
    (given,) = await busy.sent(1)
    assert given.token == 1
    assert "Runs cannot be claimed" in caplog.text


async def test_what_is_told_by_somebody_who_waits_is_refused_to_him(stage, refusals):
    await stage.publish()
    run_id = await stage.invoke()
    refusals(1)
    with pytest.raises(HomeRefused, match="disk is full"):
        await stage.engine.cancellations.cancel(run_id)
    assert stage.states() == ["queued"]


@pytest.mark.parametrize(
    "strange",
    ["\ud800", {"a": ["x\ud83d", 1]}, "nul \x00", 10**30, float("inf"), {"deep": [[[[[1]]]]]}],
    ids=["a lone surrogate", "one inside", "a zero", "a long number", "infinity", "lists"],
)
async def test_strange_results_hold_nobody_up(busy, strange):
    first, second = await busy.invoked(2)
    busy.executor.end(
        busy.executor.outcome(first, result=strange, log=f"{strange}\n"), busy.executor.outcome(second, result=2)
    )
    runs = await busy.ended(first.run_id, second.run_id)
    assert {run.state for run in runs} == {"succeeded"}
