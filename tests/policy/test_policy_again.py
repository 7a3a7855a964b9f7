"""Which past events are meant, how much that is, and what it may cost."""

import pytest

from jupyter_fn.model.event import Event
from jupyter_fn.model.run import Run, State
from jupyter_fn.policy.again import Selection, Span, absolute, after_the_live, bytes_of, estimate_usd


def event(data, **fields):
    base = {"id": "e", "seq": 1, "function": "f", "trigger": "t", "key": "k", "type": "invoke", "source": "s"}
    return Event(**{**base, "time": 0.0, "admitted": 0.0, "data": data, **fields})


def run(cost, **fields):
    base = {"id": "r", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e"}
    given = {"created": 0.0, "memory_mb": 512, "attempts": 1, "state": State.SUCCEEDED, "cost_usd": cost}
    return Run(**{**base, **given, **fields})


@pytest.mark.parametrize(
    ("span", "inside"),
    [(Span(), [1, 2, 3]), (Span(since=2), [2, 3]), (Span(until=2), [1]), (Span(since=2, until=3), [2])],
)
def test_a_span_has_its_beginning_and_not_its_end(span, inside):
    assert [moment for moment in (1, 2, 3) if span.holds(moment)] == inside


def test_a_key_is_that_of_the_event_of_the_caller_or_of_a_record():
    records = event({"records": [{"key": "a", "value": 1}, {"key": "b"}, 3]}, type="stream.batch")
    assert [Selection(key=key).takes(records) for key in ("a", "b", "c", "k")] == [True, True, False, True]
    by_hand = event({}, key="f/nightly")
    assert [Selection(key=key).takes(by_hand) for key in ("nightly", "f/nightly", "night")] == [True, True, False]


def test_a_path_is_that_of_the_file_or_of_one_of_the_files():
    selection = Selection(path="/in/*.csv")
    assert selection.takes(event({"path": "/in/a.csv"}))
    assert not selection.takes(event({"path": "/in/deep/a.csv"}))
    assert not selection.takes(event({"path": 3}))
    assert not selection.takes(event({}))
    assert selection.takes(event({"files": [{"path": "/out/a.csv"}, {"path": "/in/b.csv"}]}))


def test_what_is_not_said_leaves_out_nothing():
    assert Selection().takes(event({}))
    assert not Selection().looks_inside


def test_a_pattern_is_relative_to_the_folder_and_a_url_is_not():
    assert absolute("in/*.csv", "/work") == "/work/in/*.csv"
    assert absolute("../in/**/*.csv", "/work") == "/in/**/*.csv"
    assert absolute("/in/*.csv", "/work") == "/in/*.csv"
    assert absolute("file:///in/*.csv", "/work") == "/in/*.csv"
    assert absolute("s3://bucket/*.csv", "/work") == "s3://bucket/*.csv"
    assert absolute("", "/work") == ""


def test_the_bytes_are_those_of_the_files_or_of_the_event_itself():
    assert bytes_of({"path": "a", "size": 12}) == 12
    assert bytes_of({"files": [{"path": "a", "size": 12}, {"path": "b", "size": 30}]}) == 42
    assert bytes_of({"n": 1}) == len('{"n":1}')
    assert bytes_of({"size": "large"}) == len('{"size":"large"}')


def test_the_estimate_is_the_mean_of_what_has_run():
    assert estimate_usd(4, [run("0.1"), run("0.2"), run("0.9", state=State.RUNNING), run("0", attempts=0)]) == "0.6"
    assert estimate_usd(3, [run("0.00000001"), run("0")]) == "0.000000015"


def test_without_history_nothing_is_known_but_that_nothing_costs_nothing():
    assert estimate_usd(4, []) is None
    assert estimate_usd(0, []) == "0"


def test_a_replay_stands_behind_what_is_live_in_the_order_it_had():
    live = ["0000000000000001", "0000000000000009", "0000000000000009/1"]
    replayed = [after_the_live(rank) for rank in live]
    assert sorted([*replayed, *live]) == [*live, *replayed]
    assert after_the_live("") == ""
