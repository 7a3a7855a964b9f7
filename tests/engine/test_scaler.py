"""How many workers there are, and what they cost: from none to as many as are wanted, and back."""

import pytest

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.run import Usage
from jupyter_fn.store import costs

SIX_SECONDS = Usage(duration_ms=6000.0)
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    """The scaler looks as often as it can."""
    monkeypatch.setattr("jupyter_fn.engine.scaler._LOOK_S", 0.005)
    monkeypatch.setattr("jupyter_fn.engine.scaler._REST_S", 0.001)


async def cluster(stage):
    """What was taken down of the cluster's time, up to now."""
    await stage.engine.scaler.take_down()
    await stage.quiet()
    return stage.read(costs.cluster, None, stage.clock())


async def looks(stage, number=3):
    """Until the scaler has looked so many times more."""
    before = stage.looked
    await stage.until(lambda: stage.looked >= before + number, "the scaler's next look")


@pytest.fixture
async def elastic(open_stage):
    """A service whose cluster grows to three workers of two slots."""
    stage = await open_stage(most=3, idle_timeout_s=60.0)
    look = stage.engine.scaler.look
    stage.looked = 0

    async def counted():
        await look()
        stage.looked += 1

    stage.engine.scaler.look = counted
    return stage


def there(stage):
    return len(stage.executor.workers())


async def test_without_work_there_is_no_worker(elastic):
    await elastic.publish()
    await elastic.quiet()
    assert (there(elastic), elastic.executor.scaled) == (0, [])


async def test_the_first_run_brings_the_first_worker(elastic):
    await elastic.publish()
    run_id = await elastic.invoke()
    (given,) = await elastic.sent(1)
    assert (given.run_id, there(elastic)) == (run_id, 1)


async def test_while_nobody_knows_how_long_runs_take_each_gets_a_slot(elastic):
    await elastic.publish()
    await elastic.engine.invocations.map("f", [{}] * 4)
    await elastic.sent(4)
    assert there(elastic) == 2


async def test_there_are_never_more_workers_than_the_cluster_can_have(elastic):
    await elastic.publish()
    await elastic.engine.invocations.map("f", [{}] * 40)
    await elastic.sent(6)
    await looks(elastic)
    assert there(elastic) == 3
    assert max(wanted for wanted, _ in elastic.executor.scaled) == 3


async def test_a_limit_wants_no_more_workers_than_it_can_use(elastic):
    await elastic.publish(concurrency=1)
    await elastic.engine.invocations.map("f", [{}] * 10)
    await elastic.sent(1)
    await looks(elastic)
    assert there(elastic) == 1


async def test_a_paused_function_wants_no_worker(elastic):
    await elastic.publish()
    await elastic.engine.operations.set_state("f", "paused")
    await elastic.engine.invocations.map("f", [{}] * 3)
    await elastic.quiet()
    assert there(elastic) == 0
    await elastic.engine.operations.set_state("f", "active")
    await elastic.sent(3)


async def test_an_idle_worker_goes_after_its_time_and_not_before(elastic):
    await elastic.publish()
    await elastic.invoke()
    (given,) = await elastic.sent(1)
    elastic.executor.succeed(given)
    await elastic.ended(given.run_id)
    elastic.clock.advance(59.9)
    await looks(elastic)
    assert there(elastic) == 1
    elastic.clock.advance(0.2)
    await elastic.until(lambda: there(elastic) == 0, "the worker to go")


async def test_an_idle_worker_stays_for_no_longer_when_the_clock_was_set_back(elastic, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.clockwatch._LOOK_S", 0.005)
    await elastic.publish()
    await elastic.invoke()
    (given,) = await elastic.sent(1)
    elastic.executor.succeed(given)
    await elastic.ended(given.run_id)
    now = elastic.clock.advance(-86_400)
    await elastic.until(lambda: elastic.engine.bench.standings()[0].idle_since == now, "the clock to be looked at")
    elastic.clock.advance(60.1)
    await elastic.until(lambda: there(elastic) == 0, "the worker to go")


async def test_a_busy_worker_never_goes(elastic):
    await elastic.publish()
    await elastic.invoke()
    (given,) = await elastic.sent(1)
    elastic.clock.advance(10_000.0)
    await looks(elastic)
    assert there(elastic) == 1
    elastic.executor.succeed(given)
    await elastic.ended(given.run_id)
    await looks(elastic)
    assert there(elastic) == 1, "it has been idle for no time yet"


async def test_of_several_idle_workers_one_goes_at_a_time_and_the_busy_one_stays(elastic):
    await elastic.publish()
    await elastic.engine.invocations.map("f", [{}] * 6)
    given = await elastic.sent(6)
    busy = elastic.executor.sent[0][0]
    done = [assignment for assignment in given if assignment not in elastic.executor.held_by(busy)]
    elastic.executor.end(*[elastic.executor.outcome(assignment) for assignment in done])
    await elastic.ended(*[assignment.run_id for assignment in done])
    elastic.clock.advance(61.0)
    await elastic.until(lambda: there(elastic) == 1, "the idle ones to go")
    assert [worker.id for worker in elastic.executor.workers()] == [busy]
    assert all(len(retired) <= 1 for _, retired in elastic.executor.scaled)


async def test_work_after_the_last_worker_has_gone_brings_one_again(elastic):
    await elastic.publish()
    for number in range(2):
        run_id = await elastic.invoke()
        await elastic.sent(1)
        elastic.executor.succeed(elastic.executor.of(run_id))
        await elastic.ended(run_id)
        elastic.clock.advance(61.0)
        await elastic.until(lambda: there(elastic) == 0, f"the worker to go, round {number}")


async def test_a_worker_that_goes_by_itself_is_replaced_when_its_work_is_left(elastic):
    await elastic.publish()
    run_id = await elastic.invoke()
    await elastic.sent(1)
    elastic.executor.lose(elastic.executor.workers()[0].id)
    (again,) = await elastic.sent(1)
    assert (again.run_id, again.token) == (run_id, 2)


@pytest.mark.parametrize("error", [BadValue("The cluster does not start.", "Check it."), OSError("no")], ids=repr)
async def test_a_cluster_that_cannot_be_scaled_at_first_is_asked_again(elastic, error, caplog):
    elastic.executor.scale_error = error
    await elastic.publish()
    await elastic.invoke()
    await elastic.sent(1)
    assert "The cluster cannot be scaled" in caplog.text


async def test_a_worker_that_was_asked_for_and_never_came_is_asked_for_again(elastic, monkeypatch):
    scale, silent = elastic.executor.scale, [2]

    async def forgetful(wanted, retire=()):
        if silent[0]:
            silent[0] -= 1
        else:
            await scale(wanted, retire)

    monkeypatch.setattr(elastic.executor, "scale", forgetful)
    await elastic.publish()
    await elastic.invoke()
    await elastic.sent(1)


async def four_wide(open_stage, runs):
    """A service with so many runs of a function that nobody knows, on at most four workers of one slot."""
    stage = await open_stage(most=4, slots=1, slots_per_worker=1, idle_timeout_s=60.0)
    await stage.publish()
    await stage.engine.invocations.map("f", [{}] * runs)
    return stage


async def test_long_runs_that_nobody_knows_are_spread_over_all_workers_at_once(open_stage):
    stage = await four_wide(open_stage, 8)
    given = await stage.sent(4)
    assert stage.executor.scaled[0][0] == 4, "all of them are asked for at the first look"
    assert sorted(len(stage.executor.held_by(worker.id)) for worker in stage.executor.workers()) == [1, 1, 1, 1]
    stage.clock.advance(6.0)
    stage.executor.end(*[stage.executor.outcome(assignment, ms=6000.0) for assignment in given])
    await stage.until(lambda: len(stage.executor.waiting) == 4, "the other four")
    assert there(stage) == 4
    assert sorted(len(stage.executor.held_by(worker.id)) for worker in stage.executor.workers()) == [1, 1, 1, 1]


async def test_lowering_the_most_from_four_to_one_runs_nothing_again(open_stage):
    stage = await four_wide(open_stage, 8)
    await stage.sent(4)
    stage.engine.scaler.most = 1
    stage.engine.scaler.want_workers()
    await stage.until(lambda: sum(seat.draining for seat in stage.engine.bench.workers) == 3, "three to drain")
    assert there(stage) == 4
    while "succeeded" not in stage.states() or len(set(stage.states())) > 1:
        (given, *_) = await stage.until(lambda: stage.executor.waiting, "who stays to go on")
        stage.executor.succeed(given, usage=SIX_SECONDS)
        await stage.ended(given.run_id)
    await stage.until(lambda: there(stage) == 1, "three to go")
    assert stage.states() == ["succeeded"] * 8
    assert [run.token for run in stage.runs()] == [1] * 8


# --- what is taken down ---


async def test_the_time_of_a_worker_is_its_own_busy_and_idle_time(stage):
    await stage.publish()
    stage.executor.join()
    stage.clock.advance(10.0)  # idle
    first = await stage.invoke()
    await stage.sent(1)
    stage.clock.advance(5.0)  # busy, with one
    second = await stage.invoke()
    await stage.sent(2)
    stage.clock.advance(5.0)  # busy, with two
    stage.executor.succeed(stage.executor.of(first))
    await stage.ended(first)
    stage.clock.advance(5.0)  # busy, with one
    stage.executor.succeed(stage.executor.of(second))
    await stage.ended(second)
    stage.clock.advance(7.0)  # idle
    time = await cluster(stage)
    assert (time.worker_s, time.busy_s) == (pytest.approx(32.0), pytest.approx(15.0))
    answer = (await stage.engine.questions.cost("", "", ""))["cluster"]
    assert (answer["worker_s"], answer["busy_s"], answer["idle_s"]) == (32.0, 15.0, 17.0)


async def test_busy_time_is_taken_down_while_it_passes_and_each_second_once(stage):
    await stage.publish()
    stage.executor.join()
    await stage.invoke()
    (given,) = await stage.sent(1)
    for _ in range(50):  # across some minutes, for it is kept by the minute
        stage.clock.advance(3.7)
        await stage.engine.scaler.take_down()
    assert (await cluster(stage)).busy_s == pytest.approx(50 * 3.7)
    stage.executor.succeed(given)
    await stage.ended(given.run_id)
    assert (await cluster(stage)).busy_s == pytest.approx(50 * 3.7)


async def test_the_busy_time_of_a_worker_that_is_lost_is_kept(stage):
    await stage.publish()
    stage.executor.join()
    await stage.invoke()
    await stage.sent(1)
    stage.clock.advance(8.0)
    stage.executor.lose(stage.executor.workers()[0].id)
    await stage.quiet()
    stage.clock.advance(100.0)
    time = await cluster(stage)
    assert (time.worker_s, time.busy_s) == (pytest.approx(8.0), pytest.approx(8.0))


async def test_busy_times_of_several_workers_sum(stage):
    await stage.publish()
    for _ in range(3):
        stage.executor.join(slots=1)
    await stage.engine.invocations.map("f", [{}] * 3)
    for assignment in list(await stage.sent(3)):
        stage.clock.advance(4.0)
        stage.executor.succeed(assignment)
        await stage.ended(assignment.run_id)
    time = await cluster(stage)
    assert (time.worker_s, time.busy_s) == (pytest.approx(3 * 12.0), pytest.approx(4.0 + 8.0 + 12.0))


async def test_a_service_that_ends_has_taken_everything_down(stage):
    await stage.publish()
    stage.executor.join()
    await stage.invoke()
    await stage.sent(1)
    stage.clock.advance(6.0)
    await stage.restart()
    stage.clock.advance(50.0)
    time = await cluster(stage)
    assert (time.worker_s, time.busy_s) == (pytest.approx(6.0), pytest.approx(6.0))


async def test_workers_of_a_service_that_was_killed_cost_no_longer_than_their_last_busy_minute(stage):
    await stage.publish()
    stage.executor.join()
    await stage.invoke()
    await stage.sent(1)
    stage.clock.advance(30.0)
    await stage.engine.scaler.take_down()
    await stage.crash()
    stage.clock.advance(10_000.0)
    await stage.open()
    time = await cluster(stage)
    assert time.busy_s == pytest.approx(30.0)
    assert 30.0 <= time.worker_s <= 90.0
