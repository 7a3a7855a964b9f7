"""Effect barriers that runs have passed."""

import pytest
from sqlalchemy.exc import IntegrityError

from jupyter_fn.model.run import Attempt, State, Usage
from jupyter_fn.store import effects, runs
from jupyter_fn.store.effects import Effect
from jupyter_fn.store.runs import Change


def test_a_barrier_is_passed_once_by_a_run_whatever_its_token(store):
    store.write(effects.enter, "r", 1, "pay", now=5.0)
    store.write(effects.enter, "other", 1, "pay", now=5.0)
    assert store.read(effects.is_entered, "r", "pay")
    assert not store.read(effects.is_entered, "r", "ship")
    with pytest.raises(IntegrityError):
        store.write(effects.enter, "r", 2, "pay", now=6.0)
    assert len(store.read(effects.of_run, "r")) == 1


def test_the_first_time_that_its_block_is_left_counts_and_only_for_its_own_attempt(store):
    store.write(effects.enter, "r", 2, "pay", now=5.0)
    store.write(effects.enter, "r", 2, "ship", now=6.0)
    store.write(effects.leave, "r", 1, "pay", now=7.0)
    assert [one.done for one in store.read(effects.of_run, "r")] == [None, None]
    for now in (8.0, 9.0):
        store.write(effects.leave, "r", 2, "pay", now=now)
    store.write(effects.leave, "r", 2, "unknown", now=9.0)
    assert store.read(effects.of_run, "r") == [
        Effect(name="pay", token=2, entered=5.0, done=8.0),
        Effect(name="ship", token=2, entered=6.0, done=None),
    ]


def test_a_run_that_has_passed_a_barrier_since_it_was_seen_is_read_anew(store):
    (run,) = store.admit("a")
    claimed = run.replace(state=State.CLAIMED, token=1, attempts=1, worker="w")
    store.write(runs.apply, [Change(before=run, after=claimed)], 20.0)
    store.write(runs.apply, [Change(before=claimed, after=claimed.replace(barrier="pay"))], 20.0)
    where = store.read(runs.places, [run.id])
    found = store.read(runs.current, {run.id}, {run.id: claimed}, where)
    assert found[run.id].barrier == "pay"
    known = claimed.replace(barrier="pay")
    assert store.read(runs.current, {run.id}, {run.id: known}, where)[run.id] is known


def test_an_attempt_behind_a_barrier_keeps_its_row(store):
    (run,) = store.admit("a")
    attempt = Attempt(
        run_id=run.id,
        number=1,
        token=1,
        worker="w",
        started=1.0,
        ended=2.0,
        state="failed",
        usage=Usage(),
        billed_ms=1,
    )
    after = run.replace(state=State.UNKNOWN, barrier="pay", ended=2.0)
    assert store.write(runs.apply, [Change(before=run, after=after, attempt=attempt)], 20.0) == [True]
    assert store.read(runs.get, run.id).state is State.UNKNOWN


@pytest.mark.parametrize("name", ["a\0b", "a\udcffb", "ü" * 5000], ids=["nul", "surrogate", "long"])
def test_a_barrier_may_have_any_name(store, name):
    (run,) = store.admit("a")
    store.write(effects.enter, run.id, 1, name, now=1.0)
    store.write(effects.leave, run.id, 1, name, now=2.0)
    assert store.read(effects.is_entered, run.id, name)
    assert [one.done for one in store.read(effects.of_run, run.id)] == [2.0]
    store.change(run, barrier=name)
