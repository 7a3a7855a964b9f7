"""Topics as a source of batches."""

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_fn.model.event import MAX_HOPS
from jupyter_fn.sources import topic
from jupyter_fn.sources.protocol import Source

Build = Callable[..., Source]
NOW = 1_000_000_000.0


def test_a_batch_holds_its_records_as_the_contract_says(source_of: Build, logs: Any) -> None:
    logs.emit("orders", {"n": 1}, at=NOW)
    logs.emit("orders", "two", at=NOW + 1)
    (event,) = source_of("topic:orders").poll(None, NOW + 2).events
    record = {"id": "r1", "key": "", "value": {"n": 1}, "timestamp": "2001-09-09T01:46:40.000000Z"}
    assert event.data["records"][0] == {**record, "partition": 0, "offset": 1}
    assert [record["value"] for record in event.data["records"]] == [{"n": 1}, "two"]
    assert (event.key, event.type, event.size, event.source) == ("1-2", "stream.batch", 2, "topic:orders")
    assert event.time == NOW + 1


def test_batches_are_cut_by_count_and_the_rest_goes_at_once(source_of: Build, logs: Any) -> None:
    for n in range(5):
        logs.emit("orders", n, at=NOW)
    poll = source_of("topic:orders batch=2").poll(None, NOW)
    assert [event.key for event in poll.events] == ["1-2", "3-4", "5-5"]
    assert (poll.position, poll.more, poll.wake_at) == (5, False, None)


def test_the_rest_waits_for_its_window_or_until_it_is_full(source_of: Build, logs: Any) -> None:
    source = source_of("topic:orders batch=2 window=10s")
    for n in range(3):
        logs.emit("orders", n, at=NOW + n)
    first = source.poll(None, NOW + 5)
    assert [event.key for event in first.events] == ["1-2"]
    assert first.wake_at == NOW + 12
    assert not source.poll(first.position, NOW + 11).events
    assert [event.key for event in source.poll(first.position, NOW + 12).events] == ["3-3"]
    logs.emit("orders", 4, at=NOW + 6)
    full = source.poll(first.position, NOW + 6)
    assert [event.key for event in full.events] == ["3-4"]
    assert full.wake_at is None


def test_batches_are_cut_by_bytes_and_where_the_key_changes(source_of: Build, logs: Any) -> None:
    for n in (1, 1, 2, 2, 2):
        logs.emit("orders", {"shop": n, "text": "x" * 20}, at=NOW)
    by_key = source_of("topic:orders window=1h key=event.value.shop").poll(None, NOW)
    assert ([event.key for event in by_key.events], by_key.position) == (["1-2"], 2)
    by_bytes = source_of("topic:orders bytes=80b").poll(None, NOW)
    assert [event.key for event in by_bytes.events] == ["1-2", "3-4", "5-5"]


def test_what_is_there_goes_together_also_where_it_takes_several_looks(
    source_of: Build, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic, "_READ", 5)
    for n in range(7):
        logs.emit("orders", n, at=NOW)
    source = source_of("topic:orders batch=4")
    first = source.poll(None, NOW)
    assert ([event.key for event in first.events], first.position, first.more) == (["1-4"], 4, True)
    second = source.poll(first.position, NOW)
    assert ([event.key for event in second.events], second.more) == (["5-7"], False)


def test_the_first_look_begins_at_the_start_of_the_topic_or_at_its_end(source_of: Build, logs: Any) -> None:
    logs.emit("orders", "old")
    assert len(source_of("topic:orders").poll(None, NOW).events) == 1
    latest = source_of("topic:orders start=latest")
    first = latest.poll(None, NOW)
    assert not first.events
    seq = logs.emit("orders", "new")
    assert [event.key for event in latest.poll(first.position, NOW).events] == [f"{seq}-{seq}"]


def test_reading_a_record_that_a_run_emitted_is_one_hop(source_of: Build, logs: Any) -> None:
    logs.emit("orders", 1)
    logs.emit("orders", 2, hops=3, cause="run-a")
    logs.emit("orders", 3, hops=1, cause="run-b")
    (event,) = source_of("topic:orders").poll(None, NOW).events
    assert (event.hops, event.cause, event.skip) == (4, "run-a", "")


def test_records_that_go_round_make_events_of_their_own_and_take_no_other_with_them(
    source_of: Build, logs: Any
) -> None:
    logs.emit("orders", "good")
    logs.emit("orders", "round and round", hops=MAX_HOPS, cause="run-a")
    logs.emit("orders", "good too")
    poll = source_of("topic:orders").poll(None, NOW)
    assert [event.key for event in poll.events] == ["1-1", "2-2", "3-3"]
    assert [event.hops for event in poll.events] == [0, MAX_HOPS + 1, 0]


RED = {"value": ["red"]}


def test_batches_fill_with_the_records_that_the_filter_takes(source_of: Build, logs: Any) -> None:
    for colour in ("red", "blue", "blue", "red", "blue", "red", "blue"):
        logs.emit("orders", colour, at=NOW)
    poll = source_of("topic:orders batch=2", pattern=RED).poll(None, NOW)
    assert [(event.key, event.size) for event in poll.events] == [("1-4", 2), ("6-6", 1)]
    assert (poll.position, poll.more) == (7, False)


def test_the_position_stays_before_what_waits_and_moves_over_what_is_not_wanted(source_of: Build, logs: Any) -> None:
    source = source_of("topic:orders batch=2 window=10s", pattern=RED)
    logs.emit("orders", "blue", at=NOW)
    assert source.poll(None, NOW).position == 1
    for colour in ("blue", "red", "blue"):
        logs.emit("orders", colour, at=NOW)
    first = source.poll(1, NOW)
    assert (list(first.events), first.position, first.wake_at) == ([], 2, NOW + 10)
    late = source.poll(2, NOW + 10)
    assert ([event.key for event in late.events], late.position) == (["3-3"], 4)


def test_rare_records_of_a_long_topic_still_go_together(source_of: Build, logs: Any) -> None:
    for n in range(5000):
        logs.emit("orders", "blue" if n % 1500 else "red", at=NOW)
    source, position, keys = source_of("topic:orders batch=3", pattern=RED), None, []
    for _ in range(20):
        poll = source.poll(position, NOW)
        keys += [event.key for event in poll.events]
        assert poll.position != position or not poll.more
        position = poll.position
    assert (keys, position) == (["1-3001", "4501-4501"], 5000)


def test_what_nobody_wants_is_left_behind_page_by_page(source_of: Build, logs: Any) -> None:
    for _ in range(2500):
        logs.emit("orders", "blue", at=NOW)
    poll = source_of("topic:orders", pattern=RED).poll(None, NOW)
    assert (list(poll.events), poll.position, poll.more) == ([], 1000, True)


def test_a_record_that_is_not_wanted_says_so(source_of: Build, logs: Any) -> None:
    logs.emit("orders", "blue", at=NOW)
    look = source_of("topic:orders", pattern=RED).look("1", NOW)
    assert not look.takes
    assert look.verdict.endswith(
        'the function\'s filter does not take it: value is "blue", which ["red"] does not take.'
    )


def test_a_record_gives_a_hint_until_stopped(source_of: Build, logs: Any) -> None:
    hints: list[int] = []
    stop = source_of("topic:orders").listen(lambda: hints.append(1))
    logs.emit("other", 1)
    logs.emit("orders", 1)
    assert stop is not None
    stop()
    logs.emit("orders", 1)
    assert hints == [1]


def test_look_knows_records_by_their_sequence_number(source_of: Build, logs: Any) -> None:
    logs.emit("orders", 1, at=NOW)
    source = source_of("topic:orders")
    assert source.look("1", NOW).takes
    assert source.look("2", NOW).verdict == "topic:orders has no record 2."
    assert not source.look("in/a.csv", NOW).takes
