"""Batches that go on in parts, and what else may become of a run: throttled, too old, unknown, parked."""

from collections.abc import Callable, Iterator
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import (
    BadBatchAnswer,
    BatchFailed,
    HandlerFailed,
    RunTimedOut,
    Throttled,
    WorkerLost,
)
from jupyter_fn.model.run import Outcome, Reason, Run, Staged, State, Usage
from jupyter_fn.policy.instructions import Deliver, Finished, Halt, MakeRuns, Park, PublishFiles, WakeAt
from jupyter_fn.policy.lifecycle import advance
from jupyter_fn.policy.retry import parse_backoff
from jupyter_fn.policy.splitting import parts_of, pick, places
from jupyter_fn.policy.stimuli import Claimed, EffectEntered, Ended, GivenUp, Lost, Published, Recovered, Started
from jupyter_fn.policy.verdict import Rules

NOW = 1_000.0
RULES = Rules(retries=2, backoff=parse_backoff("fixed(10s)"))
FILES = (Staged(staged="out/.a.staged", target="out/a", size=3),)


def batch(size: int = 1, **changes: object) -> Run:
    base = {"id": "r1", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e1"}
    return Run(**{**base, "created": NOW, "memory_mb": 512, "batch_size": size, **changes})


def told(run: Run, **changes: object) -> Ended:
    base = {"run_id": run.id, "token": run.token, "started": NOW, "ended": NOW + 1, "usage": Usage(duration_ms=5.0)}
    return Ended(Outcome(**{**base, **changes}))


def ended(run: Run, rules: Rules = RULES, now: float = NOW, **changes: object):
    """The run after a claim and an outcome, and the instructions of its end."""
    held = advance(run, Claimed("w"), now, rules)[0]
    return advance(held, told(held, **changes), now, rules)


def failed(error=None, **changes: object) -> dict:
    return {"error": (error or HandlerFailed("no", kind="ValueError")).to_dict(), **changes}


def children(instructions) -> tuple[Run, ...]:
    return next((i.runs for i in instructions if isinstance(i, MakeRuns)), ())


def items(run: Run) -> list[int]:
    return [place for first, end in parts_of(run) for place in range(first, end)]


def handled(root: Run, fate: Callable[[Run], dict], rules: Rules = RULES) -> Iterator[tuple[int, Run]]:
    """Every run that the tree of splits ends in, with its depth; each goes on until it is terminal."""
    waiting = [(0, root)]
    while waiting:
        depth, run = waiting.pop()
        instructions = ()
        while not run.state.terminal:
            run, instructions = ended(run.replace(due=0.0), rules, **fate(run))
        if run.state is not State.SPLIT:
            yield depth, run
        waiting += [(depth + 1, child) for child in children(instructions)]


# --- bisecting


@given(st.integers(1, 400), st.sets(st.integers(0, 399), max_size=4))
def test_a_batch_ends_with_its_poisoned_items_dead_and_all_others_done(size: int, poisoned: set[int]) -> None:
    poisoned = {place for place in poisoned if place < size}
    leaves = list(handled(batch(size), lambda run: failed() if poisoned & set(items(run)) else {}))
    assert sorted(place for _, run in leaves for place in items(run)) == list(range(size))
    dead = [run for _, run in leaves if run.state is State.DEAD]
    assert sorted(place for run in dead for place in items(run)) == sorted(poisoned)
    assert {run.batch_size for run in dead} <= {1}
    assert max(depth for depth, _ in leaves) <= ceil(log2(size)) if size > 1 else True
    assert len({run.id for _, run in leaves}) == len(leaves)


def test_one_of_a_thousand_is_found_in_eleven_rounds() -> None:
    leaves = list(handled(batch(1000), lambda run: failed() if 617 in items(run) else {}))
    done = sum(run.batch_size for _, run in leaves if run.state is State.SUCCEEDED)
    (dead,) = [run for _, run in leaves if run.state is State.DEAD]
    assert (done, items(dead), dead.reason) == (999, [617], Reason.RETRIES_EXHAUSTED)
    assert max(depth for depth, _ in leaves) + 1 <= ceil(log2(1000)) + 1


@pytest.mark.parametrize("error", [RunTimedOut("no"), HandlerFailed("no")])
def test_halves_keep_what_the_batch_was(error) -> None:
    root = batch(5, rank="0007", lane="x", concurrency_key="k", priority=2, hops=3, replay="p", data={"records": []})
    run, instructions = ended(root, **failed(error))
    first, second = children(instructions)
    assert (run.state, run.ended, Finished() in instructions, WakeAt(NOW) in instructions) == (
        State.SPLIT,
        NOW,
        True,
        True,
    )
    assert (items(first), items(second)) == ([0, 1, 2], [3, 4])
    assert first.rank < second.rank
    assert first.rank > root.rank
    for child in (first, second):
        assert (child.state, child.parent, child.event_id, child.attempts) == (State.QUEUED, "r1", "e1", 0)
        assert (child.lane, child.concurrency_key, child.priority, child.hops) == ("x", "k", 2, 3)
        assert (child.replay, child.data, child.batch_size) == ("p", {"records": []}, len(items(child)))


def test_a_batch_is_not_split_for_what_no_item_is_to_blame_for() -> None:
    for error, state in ((WorkerLost("no"), State.QUEUED), (Throttled("later"), State.WAITING)):
        assert ended(batch(9), **failed(error))[0].state is state
    assert ended(batch(9), **failed(BadBatchAnswer("what?")))[0].state is State.DEAD


# --- items that the handler names


def test_named_items_are_tried_again_and_the_others_are_done() -> None:
    root = batch(10, parts=((0, 4), (6, 12)))
    run, instructions = ended(root, result={"rows": 8}, failed=(1, 5), **failed(BatchFailed("2 of 10 failed")))
    done, left = children(instructions)
    assert (run.state, run.result) == (State.SPLIT, None)
    assert (items(done), done.state, done.result, done.ended) == (
        [0, 2, 3, 6, 8, 9, 10, 11],
        State.SUCCEEDED,
        {"rows": 8},
        NOW,
    )
    assert (items(left), left.state, left.due, left.tried) == ([1, 7], State.WAITING, NOW + 10, 1)
    assert WakeAt(NOW + 10) in instructions


def test_named_items_have_the_retries_of_any_run() -> None:
    rounds, run = [], batch(10)
    while True:
        run, instructions = ended(run.replace(due=0.0), failed=(0,), **failed(BatchFailed("one failed")))
        made = children(instructions)
        if not made:
            break
        rounds.append(made[0].batch_size)
        run = made[1]
        if run.batch_size == 1:
            break
    for _ in range(2):
        run, _ = ended(run.replace(due=0.0), **failed(BatchFailed("all failed")))
    assert (rounds, run.state, run.reason, run.batch_size) == ([9], State.DEAD, Reason.RETRIES_EXHAUSTED, 1)


def test_without_retries_named_items_are_dead_at_once() -> None:
    rules = Rules(retries=0, then=("x",), on_failure=("y",))
    _, instructions = ended(batch(3), rules, failed=(2,), **failed(BatchFailed("one failed")))
    done, left = children(instructions)
    assert (done.state, left.state, left.reason) == (State.SUCCEEDED, State.DEAD, Reason.RETRIES_EXHAUSTED)
    assert [i for i in instructions if isinstance(i, Deliver)] == [Deliver(done, ("x",)), Deliver(left, ("y",))]


def test_files_of_a_batch_are_put_in_place_before_it_is_set_apart() -> None:
    run, instructions = ended(batch(3), failed=(2,), staged=FILES, **failed(BatchFailed("one failed")))
    assert (run.state, children(instructions), PublishFiles(FILES) in instructions) == (State.PUBLISHING, (), True)
    run, instructions = advance(run, Published(1), NOW, RULES)
    assert (run.state, [child.batch_size for child in children(instructions)]) == (State.SPLIT, [2, 1])


@given(st.integers(1, 30), st.data())
def test_positions_are_places_among_the_runs_own_items(size: int, data) -> None:
    chosen = sorted(data.draw(st.sets(st.integers(0, 39), min_size=size, max_size=size)))
    run = batch(size, parts=tuple((place, place + 1) for place in chosen))
    picked = data.draw(st.sets(st.integers(0, size - 1)))
    named = [place for first, end in places(run, picked) for place in range(first, end)]
    assert named == [chosen[position] for position in sorted(picked)]
    assert pick(list(range(40)), run.parts) == chosen


# --- throttling, age


def test_throttled_attempts_use_up_no_retry() -> None:
    run = batch()
    for count in range(1, 8):
        run, _ = ended(run.replace(due=0.0), **failed(Throttled("later")))
        assert (run.state, run.throttled, run.attempts) == (State.WAITING, count, count)
    for _ in range(2):
        run, _ = ended(run.replace(due=0.0), **failed())
        assert run.state is State.WAITING
    assert ended(run.replace(due=0.0), **failed())[0].reason == Reason.RETRIES_EXHAUSTED


def test_a_retry_that_would_come_too_late_is_given_up_now() -> None:
    rules = Rules(retries=5, backoff=parse_backoff("fixed(10s)"), max_age_s=60.0)
    assert ended(batch(), rules, now=NOW + 50, **failed())[0].state is State.WAITING
    run, instructions = ended(batch(), rules, now=NOW + 50.1, **failed())
    assert (run.state, run.reason, run.error["type"]) == (State.DEAD, Reason.EVENT_AGE_EXCEEDED, "EventTooOld")
    assert "ValueError: no" in run.error["message"]
    assert Finished() in instructions


def test_a_run_that_is_too_old_is_not_begun() -> None:
    rules = Rules(max_age_s=60.0, on_failure=("x",))
    run, instructions = advance(batch(), Claimed("w"), NOW + 61, rules)
    assert (run.state, run.reason, run.token, run.attempts) == (State.DEAD, Reason.EVENT_AGE_EXCEEDED, 0, 0)
    assert Deliver(run, ("x",)) in instructions


def test_what_is_given_up_before_it_begins_is_dead() -> None:
    stimulus = GivenUp(Reason.ZERO_CONCURRENCY, {"type": "X"})
    assert advance(batch(), stimulus, NOW, RULES)[0].reason == Reason.ZERO_CONCURRENCY
    held = advance(batch(), Claimed("w"), NOW, RULES)[0]
    assert advance(held, stimulus, NOW, RULES) == (held, ())


# --- effect barriers


def behind_barrier() -> Run:
    held = advance(batch(), Claimed("w"), NOW, RULES)[0]
    return advance(held, EffectEntered(1, "charge"), NOW, RULES)[0]


@pytest.mark.parametrize(
    "end",
    [Lost("w"), Recovered(), told(behind_barrier(), **failed()), told(behind_barrier(), **failed(RunTimedOut("no")))],
)
def test_whatever_ends_behind_a_barrier_is_unknown_and_not_tried_again(end) -> None:
    run, instructions = advance(behind_barrier(), end, NOW, RULES)
    assert (run.state, run.reason, Finished() in instructions) == (State.UNKNOWN, Reason.EFFECT, True)
    assert "charge" in run.error["message"]


def test_of_a_batch_behind_a_barrier_the_items_that_failed_are_unknown_and_the_others_done() -> None:
    held = advance(batch(3), Claimed("w"), NOW, RULES)[0]
    behind = advance(held, EffectEntered(1, "charge"), NOW, RULES)[0]
    run, instructions = advance(behind, told(behind, **failed(BatchFailed("1 of 3"), failed=(1,))), NOW, RULES)
    done, left = children(instructions)
    assert (run.state, done.state, left.state) == (State.SPLIT, State.SUCCEEDED, State.UNKNOWN)
    assert (items(done), items(left)) == ([0, 2], [1])
    assert "charge" in left.error["message"]


def test_success_behind_a_barrier_is_success() -> None:
    run = behind_barrier()
    assert advance(run, told(run), NOW, RULES)[0].state is State.SUCCEEDED


def test_a_barrier_is_for_the_attempt_that_is_under_way() -> None:
    held = advance(batch(), Claimed("w"), NOW, RULES)[0]
    assert advance(held, EffectEntered(2, "charge"), NOW, RULES) == (held, ())
    lost = advance(held, Lost("w"), NOW, RULES)[0]
    assert advance(lost, EffectEntered(1, "charge"), NOW, RULES) == (lost, ())
    started = advance(held, Started(1, NOW), NOW, RULES)[0]
    assert advance(started, EffectEntered(1, "charge"), NOW, RULES)[0].barrier == "charge"


# --- ordered lanes


@pytest.mark.parametrize(("choice", "kind"), [("park", Park), ("halt", Halt), ("skip", None)])
def test_a_dead_run_stops_its_ordered_lane_as_was_chosen(choice: str, kind) -> None:
    rules = Rules(retries=0, on_poison=choice)
    run, instructions = ended(batch(rank="1", lane="x"), rules, **failed())
    stops = [i for i in instructions if isinstance(i, Park | Halt)]
    assert stops == ([kind(run)] if kind else [])
    run, instructions = ended(batch(lane="x"), rules, **failed())
    assert [i for i in instructions if isinstance(i, Park | Halt)] == []
