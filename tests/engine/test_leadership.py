"""Several services on one store: each function is led by one, any of them takes orders for all, and none is missed when it
dies, stands still or leaves."""

import asyncio
import random
from itertools import count

import pytest
from sqlalchemy import text

from jupyter_fn.model.run import State
from jupyter_fn.policy.partitions import PARTITIONS, partition_of
from jupyter_fn.store import leases, records

pytestmark = pytest.mark.anyio
LEASE_S = 60.0  # nothing runs out here before a test says so


RAN_OUT = ("UPDATE services SET beat = 0 WHERE id = :id", "UPDATE leases SET until = 0 WHERE owner = :id")


@pytest.fixture
async def services(open_stage, postgres_url):
    """`await services()` → one more service on the store."""
    opened = []

    async def more(*, wait=True, **options):
        settings = {"store": postgres_url, "service_beat_s": 0.02, "service_lease_s": LEASE_S}
        clock = opened[0].clock if opened else None

        def prepare(executor):
            executor._numbers = count(100 * len(opened))  # no two workers have the same id, wherever they are

        opened.append(await open_stage(most=1, clock=clock, prepare=prepare, **{**settings, **options}))
        if wait:
            await shared_out(opened)
        return opened[-1]

    yield more
    for stage in opened:
        if getattr(stage, "gone", False):
            stage.database.close()


async def shared_out(stages):
    """Every living service leads its share, and knows it."""
    living = [stage for stage in stages if not getattr(stage, "gone", False)]
    led = lambda: [stage.engine.leadership._acted_on.led for stage in living]  # noqa: E731
    await living[0].until(
        lambda: (
            sum(map(len, led())) == PARTITIONS == len(frozenset().union(*led()))
            and max(map(len, led())) - min(map(len, led())) <= 1
        ),
        "the sharing out",
    )


@pytest.fixture
async def two(services):
    return await services(), await services()


def led_by(stage, *, besides=()):
    """The name of a function that this service leads."""
    names = (f"f{n}" for n in count())
    return next(name for name in names if stage.engine.leadership.leads(name) and name not in besides)


def die(stage):
    """Killed: nothing of it reaches the store any more, and it does not say so."""
    stand_still(stage)
    stage.database.dead = stage.gone = True


def stand_still(stage):
    """It does not beat; everything else goes on."""
    watch, stage.engine.leadership._watch = stage.engine.leadership._watch, None
    if watch is not None:
        watch.close(leave=False)


async def wait_for_takeover(stage, after):
    """The lease of the other one has run out."""
    past = {"id": after.engine.leadership.service}
    for ran_out in RAN_OUT:
        stage.database.write(lambda conn, ran_out=ran_out: conn.execute(text(ran_out), past))
    await stage.until(lambda: len(stage.engine.leadership._acted_on.led) == PARTITIONS, "the take-over")


# --- any of them takes orders


async def test_a_run_that_is_asked_for_anywhere_runs_where_its_function_is_led(two):
    here, there = two
    name = led_by(there)
    await here.publish(name)
    run_id = await here.invoke(name)
    (assignment,) = await there.sent(1)
    there.executor.succeed(assignment, result=41, log="said\n")
    answer = await here.engine.invocations.wait(run_id, 30.0)
    assert (answer["state"], answer["result"]) == ("succeeded", 41)
    assert "said" in answer["log"]
    assert here.executor.sent == []


async def test_events_of_a_trigger_come_once_whoever_published_and_whoever_emits(two):
    here, there = two
    name = led_by(there)
    await here.publish(name, on=("topic:orders",))
    for stage in (here, there, here):
        await stage.engine.invocations.emit("orders", [{"value": 1}])
    await there.until(lambda: len(there.runs(name)) >= 1)
    await there.until(lambda: sum(run.batch_size for run in there.runs(name)) == 3, "the records")
    assert {run.worker for run in there.runs(name)} <= {"", *(seat.worker.id for seat in there.engine.bench.workers)}


async def test_functions_follow_functions_of_other_services(two):
    here, there = two
    first, second = led_by(here), led_by(there)
    await here.publish(first)
    await here.publish(second, on=(f"fn:{first}",))
    await there.invoke(first)
    (assignment,) = await here.sent(1)
    here.executor.succeed(assignment, result=1)
    (followed,) = await there.sent(1)
    assert followed.event["data"] == 1


async def test_a_pause_and_a_resume_are_heeded_wherever_they_are_said(two):
    here, there = two
    name = led_by(there)
    await here.publish(name)
    await here.engine.operations.set_state(name, "paused")
    run_id = await here.invoke(name)
    await there.quiet()
    assert there.run(run_id).state is State.QUEUED
    await here.engine.operations.set_state(name, "active")
    assert [assignment.run_id for assignment in await there.sent(1)] == [run_id]


async def test_a_limit_holds_from_its_publication_on_wherever_that_was(two):
    here, there = two
    name = led_by(there)
    await here.publish(name)
    await here.publish(name, concurrency=1)
    for _ in range(3):
        await here.invoke(name)
    await there.sent(1)
    await there.quiet()
    assert len(there.executor.waiting) == 1
    assert there.most_held[name] == 1


async def test_a_run_is_stopped_wherever_it_goes_on(two):
    here, there = two
    name = led_by(there)
    await here.publish(name)
    run_id = await here.invoke(name)
    (assignment,) = await there.sent(1)
    cancelling = asyncio.ensure_future(here.engine.cancellations.cancel(run_id))
    await there.until(lambda: there.executor.cancelled, "the kill")
    there.executor.killed(assignment)
    assert (await cancelling)["state"] == "cancelled"


# --- they come, die, stand still and leave


async def test_what_runs_when_a_service_joins_ends_where_it_is(services):
    first = await services()
    names = {
        partition: next(f"f{n}" for n in count() if partition_of(f"f{n}") == partition)
        for partition in range(PARTITIONS)
    }
    for name in names.values():
        await first.publish(name)
    ids = [await first.invoke(name) for name in names.values()]
    held = await first.sent(2)
    second = await services()
    for assignment in held:
        first.executor.succeed(assignment, result="first")
    while any(not first.run(run_id).state.terminal for run_id in ids):
        for stage in (first, second):
            for assignment in stage.executor.waiting:
                stage.executor.succeed(assignment, result="later")
        await first.quiet()
    assert all(len(first.attempts(run_id)) == 1 for run_id in ids)
    assert [first.run(assignment.run_id).result for assignment in held] == ["first", "first"]
    assert {assignment.terms.function for _, assignment in second.executor.sent}


async def test_what_a_dead_service_held_and_had_to_do_is_done_by_the_other(two):
    here, there = two
    name = led_by(there)
    await here.publish(name, retries=0)
    ids = [await here.invoke(name) for _ in range(5)]
    held = await there.sent(2)
    die(there)
    await wait_for_takeover(here, there)
    while any(not here.run(run_id).state.terminal for run_id in ids):
        for assignment in here.executor.waiting:
            here.executor.succeed(assignment, result="other")
        await here.quiet()
    assert {here.run(run_id).result for run_id in ids} == {"other"}
    assert {here.run(assignment.run_id).lost for assignment in held} == {1}
    assert here.finishes() == dict.fromkeys(ids, 1)
    await here.balance(name)


async def test_the_triggers_of_a_dead_service_are_followed_from_where_it_was(two):
    here, there = two
    name = led_by(there)
    await here.publish(name, on=("topic:orders",))
    await here.engine.invocations.emit("orders", [{"value": 1}])
    await here.until(lambda: len(here.runs(name)) == 1)
    die(there)
    await here.engine.invocations.emit("orders", [{"value": 2}])
    await wait_for_takeover(here, there)
    await here.until(lambda: len(here.runs(name)) == 2)
    assert (await here.balance(name))["observed"] == 2


async def test_a_service_that_stood_still_past_its_lease_claims_nothing_and_what_it_says_is_fenced(two):
    here, there = two
    name = led_by(there)
    await here.publish(name, on=("topic:orders",), retries=0)
    run_id = await here.invoke(name)
    (stale,) = await there.sent(1)
    stand_still(there)
    await wait_for_takeover(here, there)
    (fresh,) = await here.sent(1)
    more = [await there.invoke(name) for _ in range(5)]
    await there.engine.invocations.emit("orders", [{"value": 1}])
    there.engine.dispatcher.wake()
    there.executor.succeed(stale, result="stale")
    await there.quiet()
    assert len(there.executor.sent) == 1
    assert fresh.token > stale.token
    assert here.run(run_id).state in (State.CLAIMED, State.RUNNING)
    while any(not here.run(i).state.terminal for i in (run_id, *more)) or len(here.runs(name)) < 7:
        for assignment in here.executor.waiting:
            here.executor.succeed(assignment, result="fresh")
        await here.quiet()
    assert here.run(run_id).result == "fresh"
    assert here.finishes()[run_id] == 1
    await here.balance(name)


async def test_a_service_that_leaves_is_followed_at_once(two):
    here, there = two
    name = led_by(there)
    await here.publish(name)
    run_id = await here.invoke(name)
    await there.sent(1)
    await there.close()
    await here.until(lambda: len(here.engine.leadership._acted_on.led) == PARTITIONS, "the take-over")
    assert [assignment.run_id for assignment in await here.sent(1)] == [run_id]
    assert here.read(leases.listed) == [here.engine.leadership._service]


async def test_a_new_service_with_the_runs_of_a_dead_one_waits_for_its_leases(services):
    first = await services()
    await first.publish("f")
    run_id = await first.invoke("f")
    await first.sent(1)
    die(first)
    second = await services(wait=False)
    await second.quiet()
    assert second.executor.sent == []
    await wait_for_takeover(second, first)
    assert [assignment.run_id for assignment in await second.sent(1)] == [run_id]


async def test_what_runs_cost_is_known_to_services_that_have_no_such_price_book(services, tmp_path):
    (tmp_path / "ours.toml").write_text('per_million_requests = "1000000"\n')
    first = await services(prices=str(tmp_path / "ours.toml"))
    (first.settings.home / "prices.json").unlink()
    second = await services()
    name = led_by(first)
    await first.publish(name)
    await first.invoke(name)
    (assignment,) = await first.sent(1)
    first.executor.succeed(assignment)
    await first.quiet()
    assert (await second.engine.questions.function(name))["cost_usd"] == "1"


async def test_a_service_that_was_given_up_and_comes_back_keeps_its_workers(two):
    here, there = two
    name = led_by(there)
    await here.publish(name)
    await there.invoke(name)
    (assignment,) = await there.sent(1)
    there.executor.succeed(assignment)
    stand_still(there)
    await wait_for_takeover(here, there)
    own = {seat.worker.id for seat in there.engine.bench.workers}
    assert not own & here.read(leases.attended)
    there.engine.leadership._begin()
    await shared_out([here, there])
    assert own <= here.read(leases.attended)
    run_id = await here.invoke(name)
    assert [one.run_id for one in await there.sent(1)] == [run_id]


async def test_a_service_that_could_not_beat_for_a_while_follows_its_triggers_again(services):
    only = await services()
    await only.publish("f", on=("topic:orders",))
    stand_still(only)
    await only.quiet()
    only.engine.leadership._beaten = 0.0
    await only.publish("g")  # everything that is led is looked up
    await only.engine.invocations.emit("orders", [{"value": 1}])
    await only.quiet()
    assert only.runs("f") == []
    only.engine.leadership._begin()
    await only.until(lambda: only.runs("f"), "its event")


# --- any history


class History:
    """Up to three services; every step is one that its seed draws."""

    def __init__(self, services, seed):
        self.services, self.chance = services, random.Random(seed)
        self.stages, self.runs, self.still = [], [], set()

    @property
    def living(self):
        return [stage for stage in self.stages if not getattr(stage, "gone", False)]

    async def begin(self):
        await self.join()
        for number in range(5):
            await self.stages[0].publish(f"f{number}", on=("topic:orders batch=1",), retries=50, concurrency=3)

    async def join(self):
        if len(self.living) < 3:
            self.stages.append(await self.services(wait=False, breaker_runs=0))

    async def invoke(self):
        name = f"f{self.chance.randrange(5)}"
        self.runs.append(await self.chance.choice(self.living).invoke(name))

    async def emit(self):
        await self.chance.choice(self.living).engine.invocations.emit("orders", [{"value": 1}])

    async def end_some(self):
        for stage in self.living:
            for assignment in stage.executor.waiting:
                fate = self.chance.choice((stage.executor.succeed, stage.executor.succeed, stage.executor.fail, None))
                if fate is not None:
                    fate(assignment)

    async def be_killed(self):
        if len(self.living) > 1:
            victim = self.chance.choice(self.living)
            die(victim)
            self._forget(victim)

    async def stand_still(self):
        moving = [stage for stage in self.living if stage not in self.still]
        if len(moving) > 1:
            victim = self.chance.choice(moving)
            stand_still(victim)
            self.still.add(victim)
            self._forget(victim)

    async def go_on(self):
        for stage in self.still & set(self.living):
            stage.engine.leadership._begin()
        self.still.clear()

    def _forget(self, victim):
        """Sooner or later the others see that its lease has run out."""
        past = {"id": victim.engine.leadership.service}
        for ran_out in RAN_OUT:
            self.living[0].database.write(lambda conn, ran_out=ran_out: conn.execute(text(ran_out), past))

    async def step(self):
        often = [self.invoke, self.emit, self.end_some, self.end_some]
        await self.chance.choice([*often, self.join, self.be_killed, self.stand_still, self.go_on])()
        await self.living[0].quiet()


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_to_services_everything_is_done_once(services, seed, postgres_url):
    history = History(services, seed)
    await history.begin()
    for _ in range(30):
        await history.step()
    await history.go_on()
    last = history.living[0]
    await shared_out(history.stages)

    async def over():
        for stage in history.living:
            for assignment in stage.executor.waiting:
                stage.executor.succeed(assignment)
            stage.engine.dispatcher.wake()
        last.clock.advance(60.0)
        return all(run.state.terminal for run in last.runs())

    await last.until(over, "the end of all runs")
    assert {run.state for run in last.runs()} == {State.SUCCEEDED}
    assert set(last.finishes().values()) == {1}
    emitted = last.read(records.last, "orders")
    for name in {run.function for run in last.runs()}:
        await last.balance(name)
        by_trigger = [run for run in last.runs(name) if run.trigger != "invoke"]
        assert len(by_trigger) == len({run.event_id for run in by_trigger}) == emitted
    assert all(stage.most_held[name] <= 3 for stage in history.stages for name in stage.most_held)
