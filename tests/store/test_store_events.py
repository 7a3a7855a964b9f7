"""Admission: each event once, with its run and the position, in one transaction."""

import random
import string

import pytest

from jupyter_fn.model.errors import Conflict
from jupyter_fn.model.event import BY_HAND
from jupyter_fn.model.run import State
from jupyter_fn.store import events, runs, triggers


def admit(store, new, *, trigger="t", position=None, now=10.0):
    return store.write(events.admit, trigger, "f", new, position=position, make_run=store.run_of, now=now)


def invoke(store, data, **options):
    return store.write(events.invoke, "f", data, make_run=store.run_of, now=10.0, **options)


def test_events_runs_and_position_come_together(store):
    admitted = admit(store, store.new("a", "b"), position={"page": 2})
    assert [event.key for event, _ in admitted] == ["a", "b"]
    assert [run.event_id for _, run in admitted] == [event.id for event, _ in admitted]
    assert store.read(triggers.get, "t").position == {"page": 2}
    for event, run in admitted:
        assert store.read(events.get, event.id) == event
        assert store.read(runs.get, run.id) == run
        assert (event.admitted, event.function, event.trigger) == (10.0, "f", "t")


def test_sequence_numbers_grow_in_the_order_given(store):
    admitted = admit(store, store.new(*(str(n) for n in range(300, 0, -1))))
    assert [event.key for event, _ in admitted] == [str(n) for n in range(300, 0, -1)]
    for seqs in ([event.seq for event, _ in admitted], [run.seq for _, run in admitted]):
        assert seqs == list(range(seqs[0], seqs[0] + 300))


def test_a_key_is_admitted_once_per_trigger(store):
    store.listen("t", "u")
    admit(store, store.new("a"))
    assert [event.key for event, _ in admit(store, store.new("a", "b"), position=1)] == ["b"]
    assert [event.key for event, _ in admit(store, store.new("a"), trigger="u")] == ["a"]
    assert store.read(triggers.get, "t").position == 1


def test_of_two_with_one_key_the_first_counts(store):
    twice = [*store.new("a", data={"n": 1}), *store.new("a", data={"n": 2})]
    assert [event.data for event, _ in admit(store, twice)] == [{"n": 1}]


def test_no_events_still_move_the_position(store):
    assert admit(store, [], position=9) == []
    assert store.read(triggers.get, "t").position == 9


def test_a_trigger_that_was_removed_meanwhile_admits_nothing(store):
    store.write(triggers.remove_all, "f")
    assert admit(store, store.new("a"), position=9) == []
    assert store.read(events.by_key, "t", "a") is None
    assert store.read(triggers.get, "t").position is None


def test_when_a_run_cannot_be_made_nothing_is_stored(store):
    def fails(event):
        raise KeyError(event.key)

    with pytest.raises(KeyError):
        store.write(events.admit, "t", "f", store.new("a"), position=5, make_run=fails, now=1.0)
    assert store.read(events.by_key, "t", "a") is None
    assert store.read(triggers.get, "t").position is None


def test_an_event_to_skip_is_in_the_ledger_and_never_run(store):
    ((_, run),) = admit(store, store.new("a", skip="our own output"))
    assert (run.state, run.reason) == (State.SKIPPED, "our own output")
    assert store.read(runs.get, run.id) == run
    assert store.claimable() == []
    assert admit(store, store.new("a")) == []


def test_an_event_comes_back_with_its_cause_and_its_hops(store):
    ((event, _),) = admit(store, store.new("a", cause="r1", hops=3, data={"nested": {"ü": [1.5, None]}}))
    assert store.read(events.by_key, "t", "a") == event
    assert (event.cause, event.hops, event.data) == ("r1", 3, {"nested": {"ü": [1.5, None]}})


def test_large_data_is_kept_whole(open_database, store):
    data = {"records": ["x" * 100] * 2000}
    ((event, _),) = admit(store, store.new("a", data=data))
    assert store.read(events.get, event.id).data == data


def test_a_name_that_is_not_utf8_is_admitted_once(store):
    odd = b"in/\xff.csv".decode("utf-8", "surrogateescape")
    ((event, _),) = admit(store, store.new(odd, data={"path": odd}, skip=f"{odd} is our own"))
    assert admit(store, store.new(odd)) == []
    assert store.read(events.by_key, "t", odd) == event
    assert store.read(events.keys_of, "t", [odd, "other"]) == {odd}


def test_the_ledger_tells_which_keys_it_has(store):
    admit(store, store.new(*(f"k{n}" for n in range(0, 12_000, 2))))
    asked = [f"k{n}" for n in range(12_000)]
    assert store.read(events.keys_of, "t", asked) == {f"k{n}" for n in range(0, 12_000, 2)}
    assert store.read(events.keys_of, "u", asked) == set()
    assert store.read(events.keys_of, "t", []) == set()


def test_by_hand_every_call_is_an_event(store):
    first, second = invoke(store, {"n": 1}), invoke(store, {"n": 1})
    assert first[0].id != second[0].id
    assert (first[0].trigger, first[0].data) == (BY_HAND, {"n": 1})


def test_the_same_run_key_and_event_give_the_existing_run(store):
    event, run = invoke(store, {"when": (1, 2)}, run_key="k")
    again, same = invoke(store, {"when": (1, 2)}, run_key="k")
    assert (again.id, same.id) == (event.id, run.id)


def test_the_same_run_key_with_another_event_is_a_conflict(store):
    invoke(store, {"n": 1}, run_key="k")
    with pytest.raises(Conflict, match="'k'"):
        invoke(store, {"n": 2}, run_key="k")


def test_two_functions_may_use_the_same_run_key(store):
    store.publish("g")
    _, run = invoke(store, {"n": 1}, run_key="k")
    _, other = store.write(events.invoke, "g", {"n": 2}, make_run=store.run_of, now=1.0, run_key="k")
    assert (run.function, other.function) == ("f", "g")


def test_many_by_hand_are_all_new(store):
    made = store.write(events.invoke_all, "f", [{"n": n} for n in range(250)], make_run=store.run_of, now=1.0)
    assert [event.data["n"] for event, _ in made] == list(range(250))
    assert len({run.id for _, run in made}) == 250


def test_several_events_are_read_at_once(store):
    admitted = admit(store, store.new("a", "b"))
    wanted = {event.id: event for event, _ in admitted}
    assert store.read(events.get_all, [*wanted, "unknown"]) == wanted
    assert store.read(events.get, "unknown") is None


ODD = ["a\0b", "\0", "ü\0", "a\udcffb", "".join(random.Random(1).choices(string.ascii_letters, k=10_000)), "ü" * 3000]


@pytest.mark.parametrize("key", ODD, ids=range(len(ODD)))
def test_a_key_may_be_odd_or_very_long_and_is_still_admitted_once(store, key):
    assert len(store.admit(key, f"{key}!")) == 2
    assert store.admit(key) == []
    assert store.read(events.keys_of, "t", [key, "other"]) == {key}
    assert store.read(events.by_key, "t", key) is not None


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_a_lane_may_have_any_name(store, name):
    runs_of_it = store.admit("a", lane=name, concurrency_key=name, rank="1")
    assert [run.id for run in store.claimable()] == [run.id for run in runs_of_it]
