"""Effect barriers: `context.effect(name)` from its question to the run that nobody tries again."""

import asyncio
import textwrap
import time

import pytest

from jupyter_fn.store import effects

pytestmark = pytest.mark.anyio


def barriers(stage, run_id):
    return [(one.name, one.token, one.done is not None) for one in stage.read(effects.of_run, run_id)]


def enter(stage, given, name="pay", *, token=None):
    return stage.engine.dispatcher.effect(given.run_id, token or given.token, name)


# --- what the service answers ---


async def test_a_barrier_opens_once_it_is_stored_that_the_run_has_passed_it(busy):
    (given,) = await busy.invoked(1)
    assert await enter(busy, given)
    assert busy.run(given.run_id).barrier == "pay"
    assert barriers(busy, given.run_id) == [("pay", 1, False)]


async def test_a_name_opens_once_for_a_run_and_another_one_opens_too(busy):
    first, second = await busy.invoked(2)
    answers = await asyncio.gather(*(enter(busy, first) for _ in range(5)))
    assert answers.count(True) == 1
    assert await enter(busy, first, "ship")
    assert await enter(busy, second)
    assert [name for name, *_ in barriers(busy, first.run_id)] == ["pay", "ship"]


async def test_an_attempt_that_is_not_the_runs_any_more_passes_nothing(busy):
    (given,) = await busy.invoked(1)
    assert not await enter(busy, given, token=2)
    busy.executor.lose("w1-1")
    busy.executor.join("w2")
    (again,) = await busy.sent(1)
    assert not await enter(busy, given)
    assert await enter(busy, again)
    assert barriers(busy, given.run_id) == [("pay", 2, False)]


async def test_a_run_that_is_to_be_cancelled_or_has_ended_passes_nothing(busy):
    cancelled, done = await busy.invoked(2)
    busy.executor.succeed(done)
    await busy.ended(done.run_id)
    await busy.engine.cancellations.cancel(cancelled.run_id)
    assert not await enter(busy, cancelled)
    assert not await enter(busy, done)
    assert not await busy.engine.dispatcher.effect("no-such-run", 1, "pay")
    assert barriers(busy, cancelled.run_id) == barriers(busy, done.run_id) == []


async def test_what_the_store_refuses_opens_nothing(busy, monkeypatch):
    (given,) = await busy.invoked(1)

    def refuses(*arguments, **more):
        raise OSError("the disk is full")

    monkeypatch.setattr(effects, "enter", refuses)
    assert not await enter(busy, given)
    assert busy.run(given.run_id).barrier == ""
    busy.executor.fail(given)
    await busy.quiet()
    assert busy.run(given.run_id).state == "waiting"


async def test_where_the_store_is_closed_nothing_opens(busy):
    (given,) = await busy.invoked(1)
    await busy.close()
    busy.database.dead = False  # closed, and says so
    assert not await enter(busy, given)
    busy.engine.dispatcher.effect_done(given.run_id, 1, "pay")
    busy.database.dead = True


# --- what becomes of the run ---


async def lost(stage, given):
    stage.executor.lose(stage.run(given.run_id).worker)


async def failed(stage, given):
    stage.executor.fail(given, "no")


async def killed(stage, given):
    await stage.crash()
    await stage.open()


@pytest.mark.parametrize("end", [lost, failed, killed])
@pytest.mark.parametrize("seen_running", [False, True])
async def test_whatever_ends_a_run_behind_a_barrier_it_is_unknown_and_never_sent_again(busy, end, seen_running):
    (given,) = await busy.invoked(1)
    if seen_running:
        busy.executor.started(given)
        await busy.quiet()
    assert await enter(busy, given)
    await end(busy, given)
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.reason, run.error["class"]) == ("unknown", "EffectUnknown", "RunUnknown")
    assert "'pay'" in run.error["message"]
    busy.executor.join()
    busy.clock.advance(1e6)
    await busy.quiet()
    assert busy.executor.waiting == []
    assert (await busy.balance())["balanced"]


async def test_a_run_that_wins_behind_a_barrier_has_won(busy):
    (given,) = await busy.invoked(1)
    assert await enter(busy, given)
    busy.engine.dispatcher.effect_done(given.run_id, given.token, "pay")
    busy.executor.succeed(given, result=5)
    (run,) = await busy.ended(given.run_id)
    assert (run.state, run.result) == ("succeeded", 5)
    assert barriers(busy, given.run_id) == [("pay", 1, True)]


async def test_a_redrive_is_a_run_of_its_own_and_passes_again(busy):
    (given,) = await busy.invoked(1)
    assert await enter(busy, given)
    busy.executor.fail(given)
    await busy.ended(given.run_id)
    assert [run["id"] for run in await busy.engine.redrives.failures("f")] == [given.run_id]
    await busy.engine.redrives.redrive("f", [given.run_id])
    (again,) = await busy.sent(1)
    assert again.run_id != given.run_id
    assert await enter(busy, again)


async def test_it_is_told_what_is_known_of_its_effects(busy):
    (given,) = await busy.invoked(1)
    assert await enter(busy, given, "pay")
    busy.engine.dispatcher.effect_done(given.run_id, given.token, "pay")
    assert await enter(busy, given, "ship")
    busy.executor.fail(given, "no")
    await busy.ended(given.run_id)
    told = (await busy.engine.questions.run(given.run_id))["effects"]
    assert [(one["name"], one["entered"] is not None, one["done"] is not None) for one in told] == [
        ("pay", True, True),
        ("ship", True, False),
    ]
    sentences = (await busy.engine.explanations.explain("f", given.run_id))["sentences"]
    assert "may have happened" in sentences[0]
    assert f"jupyter fn redrive f --ids {given.run_id}" in sentences[0]


# --- with real environments ---

PAYS = textwrap.dedent("""
    import os
    def handler(event, context):
        with context.effect("pay"):
            with open("paid", "a") as file: file.write("x")
            if event.get("dies"): os._exit(1)
            if event.get("fails"): raise ValueError("no")
        return "paid"
""")


@pytest.fixture
async def service(open_stage):
    """A real service but for HTTP and Dask."""
    return await open_stage(here=True, most=2, clock=time.time)


@pytest.mark.parametrize("how", ["dies", "fails"])
async def test_a_handler_that_ends_inside_its_effect_has_begun_it_once(service, tmp_path, how):
    await service.publish("f", PAYS, retries=5, backoff="none")
    run = await service.engine.invocations.invoke("f", {how: True}, wait_s=60.0)
    assert (run["state"], run["attempts"]) == ("unknown", 1)
    assert (tmp_path / "paid").read_text() == "x"
    assert barriers(service, run["id"]) == [("pay", 1, False)]


async def test_a_handler_that_leaves_its_effect_has_paid_and_it_is_written_down(service, tmp_path):
    await service.publish("f", PAYS)
    run = await service.engine.invocations.invoke("f", {}, wait_s=60.0)
    assert (run["state"], run["result"]) == ("succeeded", "paid")
    await service.until(lambda: barriers(service, run["id"]) == [("pay", 1, True)])


async def test_of_a_batch_that_passed_a_barrier_the_failed_items_are_not_tried_again(service):
    source = textwrap.dedent("""
        from jupyter_fn import Failures
        def handler(event, context):
            with context.effect("pay"): pass
            return Failures([event.records[1].id])
    """)
    await service.publish("f", source, on=("topic:orders batch=3",), retries=5, backoff="none")
    await service.engine.invocations.emit("orders", [{"value": n} for n in range(3)])
    await service.until(lambda: sorted(service.states("f")) == ["split", "succeeded", "unknown"])
