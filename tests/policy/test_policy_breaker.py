"""The circuit breaker: by story and by property."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.event import BY_HAND
from jupyter_fn.model.run import Attempt, Reason, Run, State, Usage
from jupyter_fn.policy.breaker import Breaker, Fuse, Position, counts, has_failed, judge, let_through, replayed, weigh

FUSE = Fuse()
NOW = 1_000.0


def after(verdicts: Iterable[bool], breaker: Breaker | None = None, *, now: float = NOW, fuse: Fuse = FUSE) -> Breaker:
    breaker = breaker or Breaker()
    for failed in verdicts:
        breaker = weigh(breaker, failed, now, fuse)
    return breaker


def a_run(state: State, reason: str = "", trigger: str = "t") -> Run:
    common = {"id": "r", "function": "f", "version": 1, "alias": "live", "event_id": "e", "created": 0.0}
    return Run(**common, memory_mb=512, trigger=trigger, state=state, reason=reason)  # type: ignore[arg-type]


def an_attempt(state: str) -> Attempt:
    return Attempt(
        run_id="r", number=1, token=1, worker="w", started=0.0, ended=1.0, state=state, usage=Usage(), billed_ms=1
    )


# --- stories


def test_half_of_a_full_window_opens_it_and_no_run_less() -> None:
    assert after([False] * 10 + [True] * 9).position(NOW) is Position.CLOSED
    opened = after([False] * 10 + [True] * 10)
    assert opened.position(NOW) is Position.OPEN
    assert opened.error == "10 of the last 20 runs failed."


def test_a_window_that_is_not_full_opens_nothing() -> None:
    assert after([True] * 19).position(NOW) is Position.CLOSED
    assert after([True] * 20).position(NOW) is Position.OPEN


def test_a_success_opens_nothing_whatever_came_before() -> None:
    assert after([True] * 19 + [False]).position(NOW) is Position.CLOSED


def test_after_its_pause_one_run_is_let_through() -> None:
    opened = after([True] * 20)
    assert opened.position(NOW + 29.9) is Position.OPEN
    assert opened.position(NOW + 30.0) is Position.HALF_OPEN


def test_its_success_closes_it_and_the_window_is_forgotten() -> None:
    closed = after([False], after([True] * 20), now=NOW + 31)
    assert closed == Breaker(since=NOW + 31)
    assert after([True] * 19, closed).position(NOW) is Position.CLOSED


def test_its_failure_opens_it_again_for_twice_as_long_five_minutes_at_most() -> None:
    breaker, now, pauses = after([True] * 20), NOW, []
    for _ in range(6):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker = weigh(breaker, True, now, FUSE)
    assert pauses == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]


def test_a_pause_that_is_set_longer_than_five_minutes_is_kept() -> None:
    opened = after([True] * 20, fuse=Fuse(pause_s=600.0))
    assert opened.until == NOW + 600.0


def test_what_ends_while_it_is_open_changes_nothing() -> None:
    opened = after([True] * 20)
    assert after([False, True, True], opened) is opened


def test_it_can_be_made_ready_before_its_time() -> None:
    opened = after([True] * 20).ready(NOW + 1)
    assert opened.position(NOW + 1) is Position.HALF_OPEN
    assert opened.error == "20 of the last 20 runs failed."


def test_a_clock_that_was_set_back_makes_its_pause_no_longer() -> None:
    opened = after([True] * 20)
    assert opened.set_back(NOW - 700).until == NOW - 700 + 30
    assert opened.set_back(NOW) is opened
    assert opened.set_back(NOW + 700) is opened


def test_without_a_window_it_never_opens() -> None:
    assert after([True] * 100, fuse=Fuse(runs=0)) == Breaker()


# --- what counts


def test_runs_by_hand_are_neither_counted_nor_held_back() -> None:
    assert not counts(a_run(State.DEAD, trigger=BY_HAND))
    assert counts(a_run(State.DEAD, trigger="then:g"))


@pytest.mark.parametrize(
    ("state", "reason", "failed"),
    [
        (State.SUCCEEDED, "", False),
        (State.DEAD, Reason.RETRIES_EXHAUSTED, True),
        (State.DEAD, Reason.FATAL, True),
        (State.UNKNOWN, Reason.EFFECT, True),
        (State.DEAD, Reason.EVENT_AGE_EXCEEDED, None),
        (State.DEAD, Reason.ZERO_CONCURRENCY, None),
        (State.DEAD, Reason.LOOP, None),
        (State.SKIPPED, "", None),
        (State.CANCELLED, Reason.CANCELLED, None),
        (State.SPLIT, "", None),
        (State.WAITING, "", None),
    ],
)
def test_only_what_was_begun_and_has_ended_tells_of_a_function(state: State, reason: str, failed: bool | None) -> None:
    assert has_failed(state, reason) is failed


def test_a_half_open_breaker_does_not_wait_for_the_retries_of_its_run() -> None:
    opened = after([True] * 20)
    waiting = a_run(State.WAITING)
    assert judge(opened, waiting, an_attempt("failed"), opened.until) is True
    assert judge(opened, waiting, an_attempt("throttled"), opened.until) is None
    assert judge(Breaker(), waiting, an_attempt("failed"), NOW) is None


# --- properties


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 25), st.floats(0.1, 1.0))
def test_it_is_open_exactly_when_a_full_window_had_its_share_of_failures(
    verdicts: list[bool], runs: int, share: float
) -> None:
    fuse = Fuse(runs=runs, share=share)
    full = [verdicts[max(0, end - runs) : end] for end in range(runs, len(verdicts) + 1)]
    trips = any(window[-1] and sum(window) >= share * runs for window in full)
    assert bool(after(verdicts, fuse=fuse).trips) is trips


@given(
    st.lists(st.tuples(st.sampled_from(list(State)), st.sampled_from(list(Reason))), max_size=60), st.integers(1, 25)
)
def test_a_breaker_whose_window_was_lost_stands_where_it_stood(endings: list[tuple[State, str]], runs: int) -> None:
    fuse = Fuse(runs=runs)
    verdicts = [failed for ending in endings if (failed := has_failed(*ending)) is not None]
    assert replayed(Breaker(), endings, NOW, fuse) == after(verdicts, fuse=fuse)


def test_one_that_is_open_does_not_count_again_what_opened_it() -> None:
    opened = after([True] * 20)
    assert replayed(opened, [(State.DEAD, "")] * 20, opened.until, FUSE) is opened


MADE = st.lists(st.tuples(st.sampled_from("fg"), st.sampled_from([BY_HAND, "t"])), max_size=30)


@given(MADE, st.sets(st.sampled_from("fg")))
def test_of_functions_that_are_tried_one_run_is_let_through_and_all_by_hand(
    made: list[tuple[str, str]], probing: set[str]
) -> None:
    runs = [a_run(State.QUEUED, trigger=trigger).replace(function=name) for name, trigger in made]
    passed = let_through(runs, probing)
    assert [run for run in passed if run.function not in probing] == [r for r in runs if r.function not in probing]
    assert [run for run in passed if not counts(run)] == [run for run in runs if not counts(run)]
    assert {(run.function, counts(run)) for run in passed} == {(run.function, counts(run)) for run in runs}
    for name in probing:
        assert len([run for run in passed if run.function == name and counts(run)]) <= 1
