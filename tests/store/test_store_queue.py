"""Lanes: runs that take turns, and runs that go one after the other."""

from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_fn.model.ids import new_id
from jupyter_fn.model.run import State
from jupyter_fn.policy.admission import take_turns
from jupyter_fn.store import lanes, queue, runs


def line(store, lane, number, *, ordered=False, function="f"):
    """Queued runs of one lane, in this order."""
    (base,) = store.admit(new_id())
    ranks = [f"{place:04d}" if ordered else "" for place in range(number)]
    made = [base.replace(id=new_id(), function=function, lane=lane, rank=rank, due=0.0) for rank in ranks]
    return store.write(runs.insert_all, made)


@pytest.fixture
def queued(store):
    def claimable(limit=10, **how):
        return take_turns(store.read(queue.claimable, 100.0, limit, **how))

    return claimable


def only_lanes(found):
    return [run.lane for run in found if run.lane]


def test_lanes_take_turns_beginning_behind_the_one_that_was_served_last(store, queued):
    line(store, "a", 50), line(store, "b", 2), line(store, "c", 1)
    assert only_lanes(queued(3))[:3] == ["a", "b", "c"]
    assert only_lanes(queued(3, served={"f": "a"}))[:3] == ["b", "c", "a"]
    assert only_lanes(queued(1, served={"f": "c"}))[:1] == ["a"]


def test_a_single_lane_fills_the_room(store, queued):
    made = line(store, "a", 8)
    assert [run.id for run in queued(5) if run.lane] == [run.id for run in made[:5]]


def test_of_an_ordered_lane_only_the_first_may_be_claimed(store, queued):
    first, second, third = line(store, "a", 3, ordered=True)
    assert [run.id for run in queued() if run.lane] == [first.id]
    held = store.claim(first)
    assert only_lanes(queued()) == []
    store.end(held)
    assert [run.id for run in queued() if run.lane] == [second.id]
    waiting = store.change(store.claim(second), state=State.WAITING, due=500.0)
    assert only_lanes(queued()) == []
    assert [run.id for run in take_turns(store.read(queue.claimable, 500.0, 10)) if run.lane] == [waiting.id]
    assert third.id not in {run.id for run in queued()}


def test_what_was_split_goes_on_where_it_stood(store, queued):
    first, second = line(store, "a", 2, ordered=True)
    halves = [first.replace(id=new_id(), rank=f"{first.rank}/{n}", parent=first.id) for n in (0, 1)]
    store.end(store.claim(first), State.SPLIT)
    made = store.write(runs.insert_all, halves)
    order = []
    for _ in range(3):
        (found,) = [run for run in queued() if run.lane]
        order.append(found.id)
        store.end(store.claim(found))
    assert order == [made[0].id, made[1].id, second.id]


def test_a_parked_lane_rests_and_the_others_go_on(store, queued):
    first, second = line(store, "a", 2, ordered=True)
    line(store, "b", 1, ordered=True)
    store.end(store.claim(first), State.DEAD)
    store.write(lanes.park, first, 30.0)
    store.write(lanes.park, first, 40.0)
    assert only_lanes(queued()) == ["b"]
    assert [(one.lane, one.run_id, one.since) for one in store.read(lanes.parked_of, "f")] == [("a", first.id, 30.0)]
    store.write(lanes.release, "f", ["a"])
    assert [run.id for run in queued() if run.lane == "a"] == [second.id]


def test_lanes_that_rest_hold_up_none_behind_them(store, queued):
    for number in range(30):
        (run,) = line(store, f"a{number:02d}", 1, ordered=True)
        store.write(lanes.park, run, 30.0)
    line(store, "z", 1, ordered=True)
    assert only_lanes(queued(4)) == ["z"]
    assert only_lanes(queued(4, served={"f": "a05"})) == ["z"]


def test_of_a_function_that_is_held_back_only_what_was_invoked_by_hand(store, queued):
    line(store, "a", 1)
    (run,) = store.admit("by-hand")
    by_hand = store.write(runs.insert_all, [run.replace(id=new_id(), trigger="invoke", due=0.0)])
    assert [found.id for found in queued(held_back={"f"})] == [by_hand[0].id]
    assert queued(held_back={"f"}, exclude={"f"}) == []


def test_the_backlog_of_an_ordered_lane_is_one_run(store):
    before = store.read(queue.backlog, 100.0).get("f", 0)
    line(store, "a", 5, ordered=True), line(store, "b", 5)
    assert store.read(queue.backlog, 100.0)["f"] - before == 2 + 1 + 5


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.tuples(*[st.integers(0, 4)] * 3), st.lists(st.integers(0, 99), min_size=1, max_size=20))
def test_whatever_ends_when_an_ordered_lane_keeps_its_order_and_comes_to_its_end(open_database, sizes, choices):
    from .conftest import Story

    story = Story(open_database())
    name = f"f{new_id()[-12:]}"
    story.publish(name)
    story.publish()
    story.listen()
    wanted = {lane: line_of(story, name, lane, size) for lane, size in zip("abc", sizes, strict=True)}
    begun: dict[str, list[str]] = {lane: [] for lane in "abc"}
    held = []
    served = ""
    choose = cycle(choices)
    while any(len(begun[lane]) < len(wanted[lane]) for lane in wanted) or held:
        room = next(choose) % 4 + 1
        found = take_turns(story.read(queue.claimable, 100.0, room, served={name: served}))
        for run in [run for run in found if run.function == name][:room]:
            begun[run.lane].append(run.id)
            served = run.lane
            held.append(story.claim(run))
        if held:
            story.end(held.pop(next(choose) % len(held)))
    assert begun == wanted


def line_of(story, name, lane, size):
    (base,) = story.admit(new_id())
    ranks = (f"{place:04d}" for place in range(size))
    made = [base.replace(id=new_id(), function=name, lane=lane, rank=rank) for rank in ranks]
    return [run.id for run in story.write(runs.insert_all, made)]
