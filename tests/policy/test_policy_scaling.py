"""How many workers are wanted, and which may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.policy.scaling import Decision, Demand, Standing, mean_duration_s, scale

NOW = 1_000.0


def decide(demands: list[Demand], workers: list[Standing], **changes: object) -> Decision:
    base = {"now": NOW, "slots_per_worker": 4, "target_latency_s": 1.0, "idle_timeout_s": 60.0, "most": 10}
    return scale(demands, workers, **{**base, **changes})


def busy(*names: str) -> list[Standing]:
    return [Standing(id=name, idle_since=None) for name in names]


def idle(name: str, for_s: float) -> Standing:
    return Standing(id=name, idle_since=NOW - for_s)


@pytest.mark.parametrize(
    ("demand", "wanted"),
    [
        (Demand(runs=0), 0),
        (Demand(runs=1), 1),
        (Demand(runs=8), 2),
        (Demand(runs=9), 3),
        (Demand(runs=1000), 10),
        (Demand(runs=1000, limit=1), 1),
        (Demand(runs=1000, limit=0), 0),
        (Demand(runs=1000, mean_s=0.001), 1),
        (Demand(runs=1000, mean_s=0.016), 4),
        (Demand(runs=1, mean_s=3600.0), 1),
        (Demand(runs=1, mean_s=0.0), 1),
        (Demand(runs=1000, mean_s=0.016, limit=4), 1),
    ],
)
def test_the_backlog_says_how_many_workers_are_wanted(demand: Demand, wanted: int) -> None:
    assert decide([demand], []) == Decision(wanted=wanted)


def test_many_small_demands_share_a_worker() -> None:
    assert decide([Demand(runs=1, mean_s=0.001) for _ in range(100)], []).wanted == 1


def test_there_are_always_the_fewest() -> None:
    assert decide([], [], fewest=2).wanted == 2


def test_up_at_once() -> None:
    assert decide([Demand(runs=40)], busy("w1")) == Decision(wanted=10)


def test_workers_that_are_starting_are_not_taken_back() -> None:
    assert decide([], [], starting=2) == Decision(wanted=2)


def test_down_one_by_one_and_the_longest_idle_first() -> None:
    workers = [idle("w1", 70), idle("w2", 90), idle("w3", 10)]
    assert decide([], workers) == Decision(wanted=2, retire=("w2",))


def test_nobody_goes_before_the_idle_timeout() -> None:
    assert decide([], [idle("w1", 59)]) == Decision(wanted=1)


def test_workers_that_are_needed_stay_even_when_idle() -> None:
    assert decide([Demand(runs=8)], [idle("w1", 99), idle("w2", 99)]) == Decision(wanted=2)


def test_a_busy_worker_is_never_retired_not_even_above_the_maximum() -> None:
    assert decide([Demand(runs=12)], busy("w1", "w2", "w3"), most=1) == Decision(wanted=3, drain=("w3", "w2"))


def test_it_comes_to_zero_when_nothing_is_left_to_do() -> None:
    workers, wanted = [idle(f"w{number}", 99) for number in range(5)], 5
    while workers:
        decision = decide([], workers)
        assert decision.wanted == wanted - 1
        wanted = decision.wanted
        workers = [worker for worker in workers if worker.id not in decision.retire]
    assert decide([], workers) == Decision(wanted=0)


DEMANDS = st.lists(
    st.builds(
        Demand, runs=st.integers(0, 500), mean_s=st.none() | st.floats(0, 100), limit=st.none() | st.integers(0, 9)
    )
)
WORKERS = st.lists(st.none() | st.floats(0, NOW), max_size=8).map(
    lambda since: [Standing(id=f"w{number}", idle_since=moment) for number, moment in enumerate(since)]
)


@given(DEMANDS, WORKERS, st.integers(0, 3), st.integers(3, 8), st.integers(0, 3))
def test_a_decision_is_always_one_that_can_be_carried_out(
    demands: list[Demand], workers: list[Standing], fewest: int, most: int, starting: int
) -> None:
    decision = decide(demands, workers, fewest=fewest, most=most, starting=starting)
    there = len(workers) + starting
    working = {worker.id for worker in workers if worker.idle_since is None}
    assert decision.wanted >= min(fewest, most)
    assert decision.wanted <= max(most, there)
    assert there - decision.wanted == len(decision.retire) if decision.wanted < there else not decision.retire
    assert not working & set(decision.retire)
    assert len(decision.retire) <= 1


def test_the_mean_duration_follows_what_is_measured() -> None:
    assert mean_duration_s(None, 3.0) == 3.0
    assert mean_duration_s(1.0, 2.0) == pytest.approx(1.2)


def test_when_the_most_is_lowered_idle_workers_go_at_once_and_busy_ones_take_no_more() -> None:
    workers = [*busy("w1", "w2"), idle("w3", 0.0), *busy("w4")]
    decision = decide([Demand(runs=100)], workers, most=1)
    assert decision == Decision(wanted=3, retire=("w3",), drain=("w4", "w2"))


def test_who_drains_is_not_changed_in_the_middle_of_it() -> None:
    workers = [Standing(id="w1", idle_since=None, draining=True), *busy("w2"), idle("w3", 500.0)]
    assert decide([Demand(runs=100)], workers, most=2) == Decision(wanted=3, drain=("w1",))


@given(
    standings=st.lists(st.tuples(st.one_of(st.none(), st.floats(0, NOW)), st.booleans()), max_size=12),
    most=st.integers(0, 12),
    runs=st.integers(0, 100),
)
def test_no_busy_worker_is_ever_retired_and_what_stays_is_never_more_than_the_most(
    standings: list[tuple[float | None, bool]], most: int, runs: int
) -> None:
    workers = [
        Standing(id=str(n), idle_since=since, draining=draining) for n, (since, draining) in enumerate(standings)
    ]
    decision = decide([Demand(runs=runs)], workers, most=most)
    idle_ones = {worker.id for worker in workers if worker.idle_since is not None}
    assert set(decision.retire) <= idle_ones
    assert not {*decision.drain} & {*decision.retire}
    assert len(workers) - len(decision.retire) - len(decision.drain) <= most
    assert decision.wanted <= max(most, len(workers))
