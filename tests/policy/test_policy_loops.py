"""Chains that go round."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.event import MAX_HOPS, NewEvent
from jupyter_fn.model.units import iso
from jupyter_fn.policy.loops import Writer, file_of, goes_round, loop_error, named, place_of, trace


def test_the_limit_is_sixteen_runs() -> None:
    assert MAX_HOPS == 16
    assert not goes_round(16)
    assert goes_round(17)


@pytest.mark.parametrize(
    ("chain", "loop"),
    [
        (["a", "b", "a", "b", "a"], "a → b → a"),
        (["x", "a", "b", "c", "a"], "a → b → c → a"),
        (["a", "a", "a"], "a → a"),
        (["a", "b", "c"], "a → b → c"),
        ([], ""),
    ],
)
def test_a_loop_is_named_by_its_functions(chain: list[str], loop: str) -> None:
    assert named(chain) == loop


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20))
def test_what_is_named_comes_back_to_the_last_function_once_or_is_the_whole_chain(chain: list[str]) -> None:
    loop = named(chain).split(" → ")
    assert loop == chain[len(chain) - len(loop) :]
    assert loop.count(chain[-1]) == (2 if chain.count(chain[-1]) > 1 else 1)


def test_the_error_says_how_far_and_through_what() -> None:
    error = loop_error(17, ["a", "b", "a"])
    assert error.cause == "The event is 17 runs away from what began its chain, 16 is the limit: a → b → a."
    assert error.remedy


# --- files


def a_file(path: str = "/in/a.csv", modified: float = 100.0, **fields: Any) -> NewEvent:
    data = {"path": path, "modified": iso(modified)}
    return NewEvent(**{"key": path, "type": "file.created", "source": "/in", "time": modified, "data": data, **fields})


def traced(event: NewEvent, function: str = "f", *, allow_loop: bool = False, **writer: Any) -> NewEvent:
    known = Writer(**{"run_id": "r1", "function": "g", "hops": 2, "at": 100.0, **writer})
    (event,) = trace([event], {"/in/a.csv": known}, function=function, allow_loop=allow_loop)
    return event


def test_a_file_has_the_run_that_wrote_it_as_cause_and_is_one_run_further() -> None:
    event = traced(a_file())
    assert (event.cause, event.hops, event.skip) == ("r1", 3, "")


def test_a_file_that_somebody_else_has_written_since_has_no_cause() -> None:
    event = traced(a_file(modified=161.0))
    assert (event.cause, event.hops) == ("", 0)


def test_a_file_that_its_own_function_wrote_is_skipped_unless_it_asked_for_it() -> None:
    assert traced(a_file(), "g").skip == "OwnOutput"
    assert traced(a_file(), "g", allow_loop=True).skip == ""


def test_when_it_may_be_somebody_elses_it_is_run_and_counted() -> None:
    event = traced(a_file(modified=100.5), "g")
    assert (event.skip, event.hops) == ("", 3)


def test_a_reason_to_skip_that_was_there_stays() -> None:
    assert traced(a_file(skip="existing"), "g").skip == "existing"
    assert traced(a_file(skip="existing"), hops=MAX_HOPS).skip == "existing"


def test_what_goes_round_is_marked_whatever_carries_it() -> None:
    assert traced(a_file(), hops=MAX_HOPS - 1).skip == ""
    assert traced(a_file(), hops=MAX_HOPS).skip == "LoopDetected"
    record = NewEvent(key="1", type="stream.batch", source="topic:t", time=0.0, data={}, hops=MAX_HOPS + 1)
    assert traced(record).skip == "LoopDetected"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/in/a", "/in/a"),
        ("file:///in/a", "/in/a"),
        ("s3a://b/a", "s3://b/a"),
        ("s3://b/a", "s3://b/a"),
        ("gcs://b/a", "gs://b/a"),
        ("sftp://h/a", "sftp://h/a"),
    ],
)
def test_a_file_has_one_name(path: str, place: str) -> None:
    assert place_of(path) == place
    assert file_of(a_file(path)) == place


def test_what_is_no_file_has_no_name() -> None:
    assert file_of(NewEvent(key="1", type="stream.batch", source="t", time=0.0, data={"path": "/in/a"})) == ""
