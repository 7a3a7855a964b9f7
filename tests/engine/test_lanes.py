"""Which runs wait for which others: keys, order, turns, and lanes that rest."""

import pytest

from jupyter_fn.store import lanes

pytestmark = pytest.mark.anyio


def customers(stage, assignments):
    return [assignment.event["customer"] for assignment in assignments]


async def map_over(stage, texts, name="f"):
    return await stage.engine.invocations.map(name, [{"customer": text, "n": n} for n, text in enumerate(texts)])


async def test_a_limit_per_key_lets_other_keys_go_on(busy):
    await busy.publish(concurrency_key="event.customer")
    await map_over(busy, "aaab")
    await busy.quiet()
    assert sorted(customers(busy, busy.executor.waiting)) == ["a", "b"]
    (a,) = [given for given in busy.executor.waiting if given.event["customer"] == "a"]
    busy.executor.succeed(a, ms=5000.0)
    await busy.quiet()
    assert sorted(customers(busy, busy.executor.waiting)) == ["a", "b"]


async def test_a_limit_of_the_key_and_one_of_the_function(open_stage):
    stage = await open_stage(most=1, slots=8)
    await stage.publish(concurrency_key="event.customer limit=2", concurrency=3)
    await map_over(stage, "aaaabb")
    stage.executor.join()
    await stage.quiet()
    assert sorted(customers(stage, stage.executor.waiting)) == ["a", "a", "b"]
    assert stage.most_held["f"] == 3


async def test_events_of_one_value_go_in_their_order_and_retries_keep_it(busy):
    await busy.publish(order_by="event.customer", retries=1, backoff="fixed(10s)")
    await map_over(busy, "aaab")
    await busy.quiet()
    first, other = busy.executor.waiting
    assert customers(busy, [first, other]) == ["a", "b"]
    busy.executor.succeed(other, ms=5000.0)
    busy.executor.fail(first)
    await busy.quiet()
    assert busy.executor.waiting == []  # the first of a waits for its retry, and the others of a for it
    busy.clock.advance(10.0)
    busy.engine.dispatcher.wake()
    await busy.quiet()
    order = []
    while busy.executor.waiting:
        (given,) = busy.executor.waiting
        order.append(given.event["n"])
        busy.executor.succeed(given, ms=5000.0)
        await busy.quiet()
    assert order == [0, 1, 2]


async def test_a_poisoned_value_is_parked_and_the_others_go_on(busy):
    await busy.publish(order_by="event.customer", retries=0)
    await map_over(busy, "aabb")
    await busy.quiet()
    poisoned = next(given for given in busy.executor.waiting if given.event["customer"] == "a")
    busy.executor.fail(poisoned)
    for _ in range(2):
        await busy.quiet()
        for given in busy.executor.waiting:
            busy.executor.succeed(given, ms=5000.0)
    await busy.quiet()
    assert busy.states() == ["dead", "queued", "succeeded", "succeeded"]
    assert [one.lane for one in busy.read(lanes.parked_of, "f")] == ["a"]


async def test_with_skip_the_value_goes_on_and_with_halt_the_function_stops(busy):
    for name, choice, states in (("s", "skip", ["dead", "claimed"]), ("h", "halt", ["dead", "queued"])):
        await busy.publish(name, order_by="event.customer", retries=0, on_poison=choice)
        await map_over(busy, "aa", name)
        await busy.quiet()
        busy.executor.fail(next(given for given in busy.executor.waiting if given.terms.function == name))
        await busy.quiet()
        assert busy.states(name) == states
    facts = await busy.engine.questions.function("h")
    assert facts["state"] == "paused"


async def test_a_long_line_of_one_key_does_not_hold_up_another(open_stage):
    stage = await open_stage(most=1, slots=2)
    await stage.publish(concurrency_key="event.customer limit=9")
    await map_over(stage, "a" * 600 + "bc")
    stage.executor.join()
    served = []
    for _ in range(3):
        await stage.quiet()
        given = stage.executor.waiting[0]
        served += customers(stage, [given])
        stage.executor.succeed(given, ms=5000.0)
    await stage.quiet()
    served += customers(stage, stage.executor.waiting)
    assert {"b", "c"} <= set(served)


async def test_a_run_that_lost_two_workers_is_alone_on_its_third(open_stage):
    stage = await open_stage(most=0, slots=2)
    await stage.publish()
    suspect = await stage.invoke()
    for _ in range(2):
        worker = stage.executor.join()
        await stage.quiet()
        stage.executor.lose(worker.id)
    worker = stage.executor.join()
    await stage.quiet()
    await stage.invoke()
    await stage.quiet()
    assert [given.run_id for given in stage.executor.waiting] == [suspect]
    stage.executor.join()
    await stage.quiet()
    assert len(stage.executor.waiting) == 2
    stage.executor.lose(worker.id)
    (run,) = await stage.ended(suspect)
    assert (run.state, run.reason) == ("dead", "WorkerLost")
