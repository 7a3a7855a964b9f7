"""Which things go together, and when."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.event import Event
from jupyter_fn.policy.batching import Bounds, Closing, Item, close, compose, event_item, waits_on
from jupyter_fn.policy.expressions import parse_expression

NOW = 1000.0


def waiting(*sizes: int, since: float = NOW, keys: str = "") -> list[Item]:
    return [Item(since, size, keys[place : place + 1]) for place, size in enumerate(sizes)]


def lengths(closing: Closing) -> list[int]:
    return [end - first for first, end in closing.groups]


def file_event(path: str, *, size: int = 1, admitted: float = NOW, **fields: Any) -> Event:
    known = {"type": "file.created", "source": "/in", "time": admitted, "data": {"path": path, "size": size}, **fields}
    return Event(id=f"id of {path}", seq=1, function="f", trigger="t", key=f"{path}@1", admitted=admitted, **known)


# --- what closes a batch


def test_by_count_and_what_is_there_goes_together() -> None:
    assert lengths(close(waiting(*[1] * 5), Bounds(count=2), NOW)) == [2, 2, 1]
    assert close([], Bounds(count=2), NOW) == Closing((), None)


def test_by_age_the_rest_waits_for_its_oldest_item() -> None:
    bounds = Bounds(count=2, window_s=10.0)
    assert close(waiting(1, 1, 1), bounds, NOW + 9) == Closing(((0, 2),), NOW + 10)
    assert close(waiting(1, 1, 1), bounds, NOW + 10) == Closing(((0, 2), (2, 3)), None)


def test_what_is_there_since_before_the_clock_was_set_back_has_waited_long_enough() -> None:
    bounds = Bounds(count=100, window_s=10.0)
    assert lengths(close(waiting(1, 1), bounds, NOW - 700)) == [2]
    assert not waits_on(2, NOW, bounds, NOW - 700)


def test_clocks_of_several_machines_may_differ_a_little() -> None:
    bounds = Bounds(count=100, window_s=10.0)
    assert close(waiting(1, 1), bounds, NOW - 0.9) == Closing((), NOW + 10)
    assert waits_on(2, NOW, bounds, NOW - 0.9)


def test_age_closes_nothing_while_more_is_about_to_come() -> None:
    assert close(waiting(1, 1, 1), Bounds(count=2), NOW, more=True) == Closing(((0, 2),), NOW)
    assert close(waiting(1, 1), Bounds(count=2), NOW, more=True) == Closing(((0, 2),), None)


def test_by_bytes_and_what_is_larger_goes_alone() -> None:
    bounds = Bounds(count=100, window_s=10.0, bytes=10)
    assert close(waiting(4, 4, 4), bounds, NOW) == Closing(((0, 2),), NOW + 10)
    assert lengths(close(waiting(6, 4), bounds, NOW)) == [2]
    assert lengths(close(waiting(1, 99, 1, 99), bounds, NOW)) == [1, 1, 1, 1]


def test_by_a_key_that_changes() -> None:
    bounds = Bounds(count=100, window_s=10.0)
    assert close(waiting(1, 1, 1, 1, keys="aaba"), bounds, NOW) == Closing(((0, 2), (2, 3)), NOW + 10)


@given(
    st.lists(st.builds(Item, st.just(NOW), st.integers(0, 20), st.sampled_from("ab"))),
    st.builds(
        Bounds, count=st.integers(1, 5), window_s=st.sampled_from([0.0, 9.0]), bytes=st.none() | st.integers(1, 30)
    ),
    st.sampled_from([NOW, NOW + 9]),
    st.booleans(),
)
def test_groups_follow_each_other_within_all_limits_and_only_an_unfilled_rest_waits(
    items: list[Item], bounds: Bounds, now: float, more: bool
) -> None:
    closing = close(items, bounds, now, more=more)
    places = [place for first, end in closing.groups for place in range(first, end)]
    assert places == list(range(len(places)))
    rest = items[len(places) :]
    for group in [*(items[first:end] for first, end in closing.groups), *([rest] if rest else [])]:
        assert_within(group, bounds)
    assert (closing.due is None) == (not rest)
    assert not rest or len(rest) < bounds.count
    assert more or not rest or now < NOW + bounds.window_s


def assert_within(group: Sequence[Item], bounds: Bounds) -> None:
    assert 0 < len(group) <= bounds.count
    assert len({item.key for item in group}) == 1
    assert bounds.bytes is None or len(group) == 1 or sum(item.bytes for item in group) <= bounds.bytes


@given(st.lists(st.builds(Item, st.just(NOW), st.integers(0, 9), st.sampled_from("ab"))), st.integers(1, 4))
def test_what_comes_bit_by_bit_is_cut_as_what_comes_at_once(items: list[Item], count: int) -> None:
    bounds = Bounds(count=count, window_s=9.0, bytes=12)
    pending: list[Item] = []
    cut: list[list[Item]] = []
    for item in items:
        pending.append(item)
        groups = close(pending, bounds, NOW).groups
        cut += [pending[first:end] for first, end in groups]
        pending = pending[groups[-1][1] :] if groups else pending
    assert cut == [items[first:end] for first, end in close(items, bounds, NOW).groups]


@given(
    st.lists(st.builds(Item, st.just(NOW), st.integers(0, 9), st.sampled_from("ab")), min_size=1),
    st.builds(
        Bounds, count=st.integers(1, 5), window_s=st.sampled_from([0.0, 9.0]), bytes=st.none() | st.integers(1, 30)
    ),
    st.sampled_from([NOW, NOW + 9]),
)
def test_what_is_said_to_wait_on_waits_on(items: list[Item], bounds: Bounds, now: float) -> None:
    if waits_on(len(items), NOW, bounds, now):
        same_key = [Item(item.since, item.bytes) for item in items]
        assert close(same_key, bounds, now) == Closing((), NOW + bounds.window_s)


def test_without_looking_at_each_it_is_only_told_by_count_and_age() -> None:
    assert waits_on(4, NOW, Bounds(count=5, window_s=9.0), NOW)
    assert not waits_on(5, NOW, Bounds(count=5, window_s=9.0), NOW)
    assert not waits_on(4, NOW, Bounds(count=5, window_s=9.0), NOW + 9)
    assert not waits_on(1, NOW, Bounds(count=5, window_s=9.0, bytes=100), NOW)
    assert not waits_on(1, NOW, Bounds(count=5, window_s=9.0, key=parse_expression("event.n")), NOW)


# --- single events


def test_a_file_counts_by_its_bytes_and_anything_else_by_its_json() -> None:
    assert event_item(file_event("a", size=77), Bounds(count=2)) == Item(NOW, 77, "")
    other = file_event("a", type="function.succeeded", data={"data": "ä"})
    assert event_item(other, Bounds(count=2)).bytes == len('{"data":"ä"}'.encode())


def test_a_key_is_an_expression_over_the_event() -> None:
    bounds = Bounds(count=2, key=parse_expression("event.path[:1]"))
    assert event_item(file_event("abc"), bounds).key == "a"


def test_files_become_one_event_with_all_of_them() -> None:
    first, second = file_event("a", time=5.0, hops=2, cause="run"), file_event("b", time=9.0)
    batch = compose([first, second])
    assert batch.data == {
        "files": [{"id": "id of a", "path": "a", "size": 1}, {"id": "id of b", "path": "b", "size": 1}]
    }
    assert (batch.type, batch.source, batch.time, batch.size) == ("file.batch", "/in", 9.0, 2)
    assert (batch.cause, batch.hops) == ("run", 2)


def test_other_events_become_one_event_with_what_each_of_them_says() -> None:
    batch = compose([file_event("a", type="function.succeeded", data={"data": 1, "run": "r"})])
    assert batch.type == "batch"
    assert batch.data["events"] == [
        {"id": "id of a", "source": "/in", "type": "function.succeeded", "time": "1970-01-01T00:16:40.000000Z"}
        | {"data": 1, "run": "r"}
    ]


def test_the_same_members_are_the_same_batch_and_others_are_another() -> None:
    a, b = file_event("a"), file_event("b")
    assert compose([a, b]).key == compose([a, b]).key
    assert len({compose(members).key for members in ([a, b], [a], [b, a])}) == 3
