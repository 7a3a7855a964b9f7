"""What people ask: runs, logs, costs, failures, whether everything is accounted for."""

from decimal import Decimal

import pytest

from jupyter_fn.model.errors import BadValue, NotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lively(busy):
    """A function with a run of every fate: succeeded at once, after a retry and after a loss; dead, cancelled, queued,
    waiting, claimed."""
    await busy.publish(backoff="fixed(1h)", retries=1, memory_mb=769)
    engine, executor = busy.engine, busy.executor

    async def one(*ends, ms=10.0):
        """A run with these attempts, one after the other."""
        run_id = await busy.invoke()
        for number, end in enumerate(ends):
            await busy.until(lambda number=number: busy.run(run_id).token == number + 1)
            await busy.until(lambda: (run_id, busy.run(run_id).token) in executor.open)
            given = executor.of(run_id)
            end(given, ms=ms + number)
            await busy.quiet()
            busy.clock.advance(3600.0)
            busy.engine.dispatcher.wake(look_ahead=True)
        return run_id

    def lost(given, ms):
        executor.lose(busy.run(given.run_id).worker)
        executor.join()

    busy.known = {
        "at once": await one(executor.succeed, ms=700.3),
        "after a retry": await one(executor.fail, executor.succeed, ms=333.1),
        "after a loss": await one(lost, executor.succeed, ms=17.9),
        "dead": await one(executor.fail, executor.fail, ms=1234.56),
        "waiting": await busy.invoke(),
    }
    await busy.until(lambda: busy.known["waiting"] in [given.run_id for given in executor.waiting])
    executor.fail(executor.of(busy.known["waiting"]))
    await busy.until(lambda: busy.run(busy.known["waiting"]).state == "waiting")
    await engine.operations.set_state("f", "paused")
    busy.known["cancelled"] = await busy.invoke()
    await engine.cancellations.cancel(busy.known["cancelled"])
    await engine.operations.set_state("f", "active")
    busy.clock.advance(1.0)
    busy.known["claimed"] = await busy.invoke()
    await busy.until(lambda: busy.known["claimed"] in [given.run_id for given in executor.waiting])
    return busy


# --- cost ---


async def test_the_total_is_the_sum_of_the_runs_to_the_last_digit(lively):
    answer = await lively.engine.questions.cost("", "", "")
    shown = await lively.engine.questions.runs("", "", None)
    assert len(shown) == 7
    assert Decimal(answer["total_usd"]) == sum(Decimal(run["cost_usd"]) for run in shown) > 0
    assert (await lively.engine.questions.function("f"))["cost_usd"] == answer["total_usd"]


@pytest.mark.parametrize("by", ["function", "trigger", "day", "tag", "version"])
async def test_every_way_of_grouping_has_the_same_sum(lively, by):
    total = (await lively.engine.questions.cost("", "", ""))["total_usd"]
    answer = await lively.engine.questions.cost("f", by, "")
    assert sum(Decimal(line["cost_usd"]) for line in answer["by"]) == Decimal(answer["total_usd"]) == Decimal(total)
    assert sum(line["runs"] for line in answer["by"]) == 7


async def test_a_run_costs_what_its_attempts_were_billed_by_the_formula(lively):
    for fate, requests, billed_ms in [("at once", 1, 701), ("after a retry", 2, 334 + 335), ("after a loss", 1, 19)]:
        (run,) = [one for one in await lively.engine.questions.runs("f", "", None) if one["id"] == lively.known[fate]]
        gb_s = Decimal(billed_ms) * 769 / (1000 * 1024)
        price = requests * Decimal("0.20") / 1_000_000 + gb_s * Decimal("0.0000166667")
        assert (run["attempts"], run["billed_ms"], Decimal(run["cost_usd"])) == (requests, billed_ms, price), fate


async def test_waste_is_what_brought_nothing(lively):
    (line,) = (await lively.engine.questions.cost("f", "", ""))["by"]
    dead, waiting, first_try = (2, 1235 + 1236), (1, 10), (1, 334)
    requests, ms = (sum(numbers) for numbers in zip(dead, waiting, first_try, strict=True))
    price = requests * Decimal("0.20") / 1_000_000 + Decimal(ms) * 769 / (1000 * 1024) * Decimal("0.0000166667")
    assert Decimal(line["waste_usd"]) == price


async def test_since_counts_runs_that_were_made_from_then_on(lively):
    newest = (await lively.engine.questions.runs("", "", 1))[0]
    assert (await lively.engine.questions.cost("", "", newest["created"]))["by"][0]["runs"] == 1
    later = await lively.engine.questions.cost("", "", "2099-01-01")
    assert (later["total_usd"], later["by"]) == ("0", [])


async def test_nonsense_about_costs_is_refused(lively):
    with pytest.raises(BadValue, match="'colour'"):
        await lively.engine.questions.cost("", "colour", "")
    with pytest.raises(BadValue, match="'yesterday' is not a time"):
        await lively.engine.questions.cost("", "", "yesterday")
    with pytest.raises(NotFound):
        await lively.engine.questions.cost("nobody", "", "")


# --- audit ---


async def test_every_event_is_accounted_for(lively):
    audit = await lively.balance()
    assert audit == {
        "observed": 7,
        "done": 3,
        "pending": 2,
        "dead": 1,
        "skipped": 1,
        "superseded": 0,
        "balanced": True,
    }


async def test_files_that_were_not_taken_yet_are_pending(open_stage, tmp_path):
    import time

    stage = await open_stage(clock=time.time)
    (tmp_path / "in").mkdir()
    await stage.publish(on=("in/*.csv settle=0s",))
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.csv").write_text("x")
    await stage.until(lambda: len(stage.runs()) == 2)
    assert (await stage.balance())["pending"] == 2
    await stage.engine.operations.set_state("f", "paused")
    (tmp_path / "in" / "c.csv").write_text("x")
    (tmp_path / "in" / "c.txt").write_text("x")
    audit = await stage.balance()
    assert (audit["observed"], audit["pending"]) == (3, 3)
    await stage.engine.operations.set_state("f", "active")
    await stage.until(lambda: len(stage.runs()) == 3)
    assert (await stage.balance())["observed"] == 3


async def test_nobodys_audit_is_an_error(stage):
    with pytest.raises(NotFound):
        await stage.engine.questions.audit("nobody")


# --- runs, logs, failures ---


async def test_runs_are_newest_first_and_chosen_by_state(lively):
    questions = lively.engine.questions
    shown = [run["id"] for run in await questions.runs("", "", None)]
    assert shown == [run.id for run in lively.runs()][::-1]
    assert [run["id"] for run in await questions.runs("f", "running", None)] == [lively.known["claimed"]]
    assert [run["id"] for run in await questions.runs("f", "dead", 1)] == [lively.known["dead"]]
    assert len(await questions.runs("f", "", 2)) == 2
    with pytest.raises(BadValue, match="'flying' is not a state"):
        await questions.runs("f", "flying", None)
    with pytest.raises(NotFound):
        await questions.runs("nobody", "", None)


async def test_a_run_is_shown_with_its_attempts_and_its_event(lively):
    run = await lively.engine.questions.run(lively.known["after a retry"])
    assert [attempt["state"] for attempt in run["attempts_list"]] == ["failed", "succeeded"]
    assert run["attempts_list"][0]["error"]["message"] == "no"
    assert run["event"]["attempt"] == 2
    assert run["report"].startswith(f"REPORT RequestId: {run['id']}\tDuration: ")
    with pytest.raises(NotFound):
        await lively.engine.questions.run("nothing")


async def test_a_log_has_a_report_line_per_attempt_that_was_made(busy):
    await busy.publish(backoff="none")
    run_id = await busy.invoke()
    (given,) = await busy.sent(1)
    busy.executor.fail(given, log="first\n", ms=10.5)
    (given,) = await busy.sent(1)
    busy.executor.lose("w1-1")
    busy.executor.join()
    (given,) = await busy.sent(1)
    busy.executor.succeed(given, log="third, without an end of line", ms=15.74)
    await busy.ended(run_id)
    lines = (await busy.engine.questions.logs(run_id))["text"].splitlines()
    assert [line.partition(" Request")[0] for line in lines] == [
        "first",
        "REPORT",
        "third, without an end of line",
        "REPORT",
    ]
    assert lines[3] == (
        f"REPORT RequestId: {run_id}\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 512 MB\tMax Memory Used: 40 MB"
    )


async def test_what_is_being_printed_is_in_the_log_and_not_twice_afterwards(busy):
    (given,) = await busy.invoked(1)
    busy.executor.started(given)
    busy.executor.prints(given, "one\n")
    busy.executor.prints(given, "two\n")
    assert await busy.engine.questions.logs(given.run_id) == {"text": "one\ntwo\n", "ended": False}
    busy.executor.succeed(given, log="one\ntwo\nthree\n")
    await busy.ended(given.run_id)
    log = await busy.engine.questions.logs(given.run_id)
    assert (log["ended"], log["text"].splitlines()[:3], len(log["text"].splitlines())) == (
        True,
        ["one", "two", "three"],
        4,
    )


async def test_failures_are_the_dead_that_nobody_has_redriven(lively):
    redrives = lively.engine.redrives
    assert [run["id"] for run in await redrives.failures("f")] == [lively.known["dead"]]
    await lively.engine.redrives.redrive("f", None, code="same", dry_run=False)
    assert await redrives.failures("f") == []
    with pytest.raises(NotFound):
        await redrives.failures("nobody")


async def test_functions_are_shown_with_their_counts(lively):
    (function,) = await lively.engine.questions.functions()
    assert function["runs"] == {"running": 1, "waiting": 1, "succeeded": 3, "dead": 1, "cancelled": 1}
    detail = await lively.engine.questions.function("f", detail=True)
    assert (detail["version"]["number"], detail["version"]["options"]["memory_mb"]) == (1, 769)
    assert (detail["source"], detail["captured"]) == (detail["version"]["source"], detail["version"]["captured"])
    assert await lively.engine.questions.counts() == {"functions": 1, "queued": 1, "running": 1}


async def test_lag_is_what_a_trigger_has_admitted_and_not_ended(busy):
    await busy.publish(on=("topic:t batch=1",))
    await busy.engine.invocations.emit("t", [{"value": n} for n in range(3)])
    await busy.sent(2)
    busy.executor.succeed(busy.executor.waiting[0])
    await busy.until(lambda: "succeeded" in busy.states())
    (trigger,) = (await busy.engine.questions.function("f"))["triggers"]
    assert trigger["lag"] == 2


async def test_workers_are_shown_with_what_they_hold(busy):
    await busy.invoked(2)
    (worker,) = busy.engine.workers()
    assert (worker["id"], worker["slots"], worker["busy"]) == ("w1-1", 2, 2)
