"""Past events and failures, as they are found in the ledger."""

import pytest

from jupyter_fn.model.run import State
from jupyter_fn.policy.again import Selection, Span
from jupyter_fn.store import failures, lanes, past, runs, triggers


def again(store, run, name, **fields):
    """A run that `run` has become again."""
    fresh = {"parent": run.id, "state": State.QUEUED, "token": 0, "attempts": 0, "reason": "", "ended": None}
    (made,) = store.write(runs.insert_all, [run.replace(**{**fresh, "id": name, **fields})])
    return made


def seqs(store, **which):
    return store.read(past.chosen, "f", Selection(**which))


@pytest.fixture
def four(store):
    """One that succeeded, one that is dead, one that is under way, one that was skipped; in two triggers."""
    store.listen("t", "u")
    one, two, three = store.admit("a", "b", "c", now=10.0)
    (four,) = store.admit("d", trigger="u", now=20.0)
    store.end(store.claim(one))
    two = store.end(store.claim(two), State.DEAD)
    store.claim(three)
    store.change(four, state=State.SKIPPED, reason="existing", ended=20.0)
    store.one, store.two, store.three, store.four = one, two, three, four
    return store


def keys_at(store, found):
    return [event.key for event in store.read(past.events_of, found)]


def test_past_is_what_has_run_to_its_end(four):
    assert keys_at(four, seqs(four)) == ["a", "b"]
    assert keys_at(four, seqs(four, failed=True)) == ["b"]
    assert keys_at(four, seqs(four, last=1)) == ["b"]
    assert keys_at(four, seqs(four, trigger="u")) == []
    assert keys_at(four, seqs(four, span=Span(since=11.0))) == []
    assert keys_at(four, seqs(four, span=Span(since=10.0, until=10.5))) == ["a", "b"]
    assert keys_at(four, seqs(four, key="a")) == ["a"]
    assert keys_at(four, seqs(four, path="a.*")) == ["a", "b"]
    assert four.read(past.chosen, "nobody", Selection()) == []


def test_the_newest_run_is_the_newest_that_is_no_replay(four):
    redriven = again(four, four.two, "redriven")
    again(four, four.two, "replayed", replay="x")
    newest = four.read(past.newest_runs, [four.one.event_id, four.two.event_id])
    assert {run.id for run in newest.values()} == {four.one.id, redriven.id}


def test_a_replay_has_one_run_of_an_event(four):
    made = [four.two.replace(id=name, parent=four.two.id, replay="x") for name in ("x1", "x2")]
    assert [run.id for run in four.write(past.replay, made[:1])] == ["x1"]
    assert [run.id for run in four.write(past.replay, made)] == ["x2"]
    assert [run.id for run in four.read(runs.list_runs, replay="x")] == ["x2", "x1"]
    assert four.read(runs.list_runs, "f", "queued", replay="x") == []


def test_a_failure_is_one_until_it_is_redriven_and_a_replay_is_none(four):
    ids = [run.id for run in four.read(failures.failures, "f")]
    assert ids == [four.two.id]
    again(four, four.two, "replayed", replay="x", state=State.DEAD)
    assert {run.id for run in four.read(failures.failures, "f")} == {four.two.id, "replayed"}
    again(four, four.two, "redriven", state=State.UNKNOWN)
    assert [run.id for run in four.read(failures.failures, "f")] == ["redriven", "replayed"]
    assert four.read(failures.among, [four.one.id, four.two.id, "redriven", "nobody"]) == {"redriven"}


def test_the_last_runs_to_go_by_have_ended(four):
    assert [run.id for run in four.read(past.recent, "f")] == [four.two.id, four.one.id]
    assert [run.id for run in four.read(past.recent, "f", last=1)] == [four.two.id]


def test_what_a_trigger_has_not_run_is_unknown_or_was_passed_over(four):
    new = four.new("a", "d", "e")
    unknown, passed = four.read(past.missing, "u", new)
    assert ([one.key for one in unknown], [one.key for one in passed]) == (["a", "e"], ["d"])
    (taken,) = four.write(past.take_up, "u", ["d", "e"], make_run=four.run_of, now=30.0)
    assert (taken.parent, taken.event_id, taken.created) == (four.four.id, four.four.event_id, 30.0)
    assert four.read(past.missing, "u", new)[1] == []
    assert sorted(four.read(past.keys, "t")) == ["a", "b", "c"]


def test_a_trigger_that_nobody_follows_is_published_with_its_ledger(store):
    store.write(triggers.keep, store.a_trigger("w"))
    store.write(triggers.set_position, "w", 7)
    store.write(triggers.keep, store.a_trigger("w"))
    assert store.read(triggers.get, "w").state == "ended"
    assert "w" not in [trigger.id for trigger in store.read(triggers.list_active)]
    (trigger,) = store.listen("w")
    assert (trigger.state, trigger.alias, trigger.position) == ("active", "live", 7)
    store.write(triggers.remove_all, "f")
    store.write(triggers.keep, store.a_trigger("w"))
    assert store.read(triggers.get, "w").state == "ended"


def test_lanes_are_let_go_and_counted(store):
    one, two = store.admit("a", "b", lane="l", rank="1")
    assert store.read(lanes.first_of, "f", "l") == one.id
    store.write(lanes.park, one, 1.0)
    assert store.write(lanes.release, "f", ["other"]) == 0
    assert store.write(lanes.release, "f") == 1
    store.end(store.claim(one))
    assert (store.read(lanes.first_of, "f", "l"), store.read(lanes.first_of, "f", "m")) == (two.id, "")
