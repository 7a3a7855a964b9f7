"""What handlers say of the items of their batch that failed, and what is made of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn import Failures, Throttled
from jupyter_fn.model.errors import BadBatchAnswer, ResultNotSerializable
from jupyter_fn.runtime.failures import Answer, answer_of, speaks_of_items

RECORDS = {"type": "stream.batch", "records": [{"id": f"t-{n}", "value": n} for n in range(3)]}
FILES = {
    "type": "file.batch",
    "files": [
        {"path": "/in/a.csv", "name": "a.csv"},
        {"path": "/in/x/b.csv", "name": "b.csv"},
        {"path": "/in/y/b.csv", "name": "b.csv"},
    ],
}
EVENTS = {"type": "batch", "events": [{"id": "e1", "data": 1}, {"id": "e2", "data": 2}]}


def aws(*ids: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": one} for one in ids]}


def read(value: Any, event: dict[str, Any] = RECORDS, batch_size: int = 3) -> Answer:
    return answer_of(value, event, batch_size=batch_size)


@pytest.mark.parametrize(
    ("value", "event", "failed"),
    [
        (aws("t-1"), RECORDS, (1,)),
        (Failures({"t-1": ValueError("no")}), RECORDS, (1,)),
        (Failures(["t-2", "t-0"]), RECORDS, (0, 2)),
        (Failures({"t-0"}), RECORDS, (0,)),
        (aws("t-1", "t-1"), RECORDS, (1,)),
        (aws("/in/a.csv"), FILES, (0,)),
        (aws("a.csv"), FILES, (0,)),
        (aws("/in/y/b.csv", "a.csv"), FILES, (0, 2)),
        (aws("e2"), EVENTS, (1,)),
    ],
)
def test_the_items_that_failed_are_known_by_their_places(value: Any, event: dict[str, Any], failed: Any) -> None:
    items = event[{"stream.batch": "records", "file.batch": "files", "batch": "events"}[event["type"]]]
    answer = read(value, event, batch_size=len(items))
    assert answer.failed == failed
    assert answer.error is not None
    assert answer.error["class"] == "BatchFailed"
    assert answer.error["message"].startswith(f"{len(failed)} of {len(items)} items of the batch failed: ")


@pytest.mark.parametrize("value", [aws(), {"batchItemFailures": None}, Failures(), Failures([]), None, {}, [1], "x"])
def test_no_failures_are_a_success(value: Any) -> None:
    answer = read(value)
    assert (answer.failed, answer.error) == ((), None)


def test_the_result_has_awss_shape_with_what_was_said_of_each() -> None:
    said = Failures({"t-0": ValueError("no"), "t-1": "too long", "t-2": None})
    assert said.rows() == {
        "batchItemFailures": [
            {"itemIdentifier": "t-0", "error": "ValueError: no"},
            {"itemIdentifier": "t-1", "error": "too long"},
            {"itemIdentifier": "t-2"},
        ]
    }
    said = Failures()
    said.add("t-1", KeyError("k"))
    answer = read(said)
    assert answer.result == {"batchItemFailures": [{"itemIdentifier": "t-1", "error": "KeyError: 'k'"}]}
    assert answer.error is not None
    assert answer.error["message"] == "1 of 3 items of the batch failed: t-1 (KeyError: 'k')."


@pytest.mark.parametrize("key", ["error", "message", "errorMessage"])
def test_a_row_may_say_more_and_its_words_are_in_the_error(key: str) -> None:
    row = {"itemIdentifier": "t-1", key: "too long", "other": 1}
    answer = read({"batchItemFailures": [row], "done": 2})
    assert answer.result == {"batchItemFailures": [row], "done": 2}
    assert answer.error is not None
    assert "t-1 (too long)" in answer.error["message"]


def test_only_the_first_few_are_named() -> None:
    event = {"type": "stream.batch", "records": [{"id": n} for n in range(100)]}
    answer = read(Failures(range(50)), event, batch_size=100)
    assert answer.error is not None
    assert answer.error["message"] == "50 of 100 items of the batch failed: 0, 1, 2, 3, 4, …."
    assert answer.failed == tuple(range(50))


def test_when_all_items_failed_the_attempt_has_failed() -> None:
    answer = read(Failures(["t-0", "t-1", "t-2"]))
    assert (answer.result, answer.failed) == (None, ())
    assert answer.error is not None
    assert answer.error["message"].startswith("3 of 3 items")
    assert "as a whole" in answer.error["remedy"]


@pytest.mark.parametrize("event", [RECORDS, {"records": RECORDS["records"]}, {"files": FILES["files"]}])
def test_a_batch_that_the_service_knows_nothing_of_fails_as_a_whole(event: dict[str, Any]) -> None:
    answer = read(aws("t-1" if "records" in event else "a.csv"), event, batch_size=1)
    assert (answer.result, answer.failed) == (None, ())
    assert answer.error is not None
    assert answer.error["message"].startswith("1 of 3 items")


@pytest.mark.parametrize(
    ("failures", "named"),
    [
        ("t-1", "'t-1'"),
        ({"t-1": "x"}, "{'t-1': 'x'}"),
        (["t-1"], "'t-1'"),
        ([{"id": "t-1"}], "{'id': 't-1'}"),
        ([{"itemIdentifier": ""}], "{'itemIdentifier': ''}"),
        ([{"itemIdentifier": None}], "{'itemIdentifier': None}"),
        ([{"itemIdentifier": True}], "True"),
        ([{"itemIdentifier": ["t-1"]}], "['t-1']"),
        ([{"itemIdentifier": "t-1"}, {"itemIdentifier": "t-9"}], "'t-9'"),
        (True, "True"),
    ],
)
def test_what_cannot_be_read_is_named_and_no_retry_helps(failures: Any, named: str) -> None:
    with pytest.raises(BadBatchAnswer) as refused:
        read({"batchItemFailures": failures})
    assert named in refused.value.cause
    assert refused.value.remedy
    assert refused.value.fatal


def test_the_nearest_id_is_named() -> None:
    with pytest.raises(BadBatchAnswer, match="Did you mean 't-1'") as refused:
        read(Failures(["t-1x"]))
    assert "'t-1x'" in refused.value.cause


def test_a_name_that_several_files_have_does_not_say_which() -> None:
    with pytest.raises(BadBatchAnswer) as refused:
        read(aws("b.csv"), FILES)
    assert "2 files of that name; give the path." in refused.value.remedy


@pytest.mark.parametrize(
    "event", [{"type": "invoke", "x": 1}, {"records": []}, {"files": "none"}, {"path": "/in/a.csv"}]
)
@pytest.mark.parametrize("value", [aws("t-1"), Failures(["t-1"])])
def test_ids_for_an_event_that_is_no_batch_are_refused(event: dict[str, Any], value: Any) -> None:
    with pytest.raises(BadBatchAnswer, match="no batch"):
        read(value, event, batch_size=1)


def test_an_item_that_is_there_twice_has_failed_twice() -> None:
    event = {"type": "stream.batch", "records": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}
    assert read(Failures(["a"]), event).failed == (0, 2)


def test_the_first_exception_gives_the_traceback_and_the_longest_wait_counts() -> None:
    try:
        nothing: dict[str, Any] = {}
        nothing["missing"]
    except KeyError as caught:
        error = caught
    answer = read(Failures({"t-0": error, "t-1": Throttled(retry_after=7)}))
    assert answer.error is not None
    assert "in test_the_first_exception" in answer.error["traceback"]
    assert answer.error["retry_after"] == 7.0


def test_long_words_are_cut() -> None:
    answer = read(Failures({"t-0": "x" * 100_000}))
    assert len(answer.result["batchItemFailures"][0]["error"]) < 2_000


def test_a_value_that_is_no_json_is_still_refused() -> None:
    with pytest.raises(ResultNotSerializable):
        read({"batchItemFailures": [], "it": open})


def test_a_text_is_no_list_of_ids() -> None:
    with pytest.raises(TypeError, match="'t-1'"):
        Failures("t-1")
    assert repr(Failures(["a"])) == "Failures({'a': None})"


@pytest.mark.parametrize(("value", "speaks"), [(Failures(), True), (aws(), True), ({"a": 1}, False), ([], False)])
def test_only_what_speaks_of_items_has_to_be_read(value: Any, speaks: bool) -> None:
    assert speaks_of_items(value) is speaks


_IDS = st.lists(st.integers(0, 9), min_size=1, max_size=10).map(lambda numbers: [f"i{n}" for n in numbers])


@given(_IDS, st.data())
def test_no_item_is_lost_and_none_is_blamed_for_another(ids: list[str], data: st.DataObject) -> None:
    event = {"type": "stream.batch", "records": [{"id": one} for one in ids]}
    bad = data.draw(st.lists(st.sampled_from(ids), max_size=12))
    answer = read(Failures(bad) if data.draw(st.booleans()) else aws(*bad), event, batch_size=len(ids))
    wanted = {place for place, one in enumerate(ids) if one in bad}
    assert (answer.error is None) == (not wanted)
    assert set(answer.failed) == (wanted if len(wanted) < len(ids) else set())
    assert list(answer.failed) == sorted(answer.failed)
