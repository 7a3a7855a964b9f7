"""What destinations are told, under which names, and when again."""

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BatchFailed, EventTooOld, HandlerFailed
from jupyter_fn.model.run import Reason, Run, State
from jupyter_fn.policy.destinations import (
    GIVE_UP_S,
    Refusal,
    absolute,
    event_for,
    invocation_record,
    judge_answer,
    next_try,
    path_for,
)

ENDED = 1_573_755_365.568  # 2019-11-14T18:16:05.568Z
EVENT = {"ORDER_IDS": ["9e07af03"]}


def ended(**fields: Any) -> Run:
    common: dict[str, Any] = {"id": "r-1", "function": "f", "version": 3, "alias": "live", "trigger": "t"}
    common |= {"event_id": "e", "created": 1.0, "memory_mb": 512, "state": State.SUCCEEDED, "attempts": 1}
    return Run(**{**common, "ended": ENDED, **fields})


def dead(reason: str = Reason.RETRIES_EXHAUSTED, **fields: Any) -> Run:
    error = HandlerFailed("no", kind="ValueError", traceback="Traceback:\n  line 1\nValueError: no\n").to_dict()
    return ended(**{"state": State.DEAD, "reason": reason, "attempts": 3, "error": error, **fields})


# --- the record


def test_a_success_is_told_as_aws_tells_it() -> None:
    assert invocation_record(ended(result={"rows": 12}), EVENT) == {
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "r-1",
            "functionArn": "arn:jupyter-fn:lambda:local:0:function:f:3",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": EVENT,
        "responseContext": {"statusCode": 200, "executedVersion": "3"},
        "responsePayload": {"rows": 12},
    }


def test_a_failure_is_told_as_aws_tells_it() -> None:
    record = invocation_record(dead(), EVENT)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert "reason" not in record["requestContext"]
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "3", "functionError": "Unhandled"}
    assert record["responsePayload"] == {
        "errorMessage": "no",
        "errorType": "ValueError",
        "stackTrace": ["Traceback:", "  line 1", "ValueError: no"],
    }


@pytest.mark.parametrize("reason", [Reason.EVENT_AGE_EXCEEDED, Reason.ZERO_CONCURRENCY])
def test_a_run_that_was_never_begun_has_no_response_and_the_condition_of_aws(reason: Reason) -> None:
    record = invocation_record(dead(reason, attempts=0, error=EventTooOld("old").to_dict()), EVENT)
    assert record["requestContext"]["condition"] == reason.value
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record
    assert record["responsePayload"]["errorMessage"] == "old"


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.OUT_OF_MEMORY, Reason.FATAL, Reason.LOOP, Reason.EFFECT])
def test_where_aws_has_no_word_ours_stands_beside_the_nearest(reason: Reason) -> None:
    context = invocation_record(dead(reason), EVENT)["requestContext"]
    assert (context["condition"], context["reason"]) == ("RetriesExhausted", reason.value)


def test_items_that_the_handler_itself_reported_are_a_handled_error() -> None:
    record = invocation_record(dead(error=BatchFailed("2 items failed").to_dict()), EVENT)
    assert record["responseContext"]["functionError"] == "Handled"


def test_attempts_that_were_lost_are_not_counted_those_of_the_whole_batch_are() -> None:
    context = invocation_record(dead(attempts=4, lost=2, tried=3), EVENT)["requestContext"]
    assert context["approximateInvokeCount"] == 5


# --- names


def test_a_function_that_is_told_has_the_run_as_cause_and_is_one_hop_further() -> None:
    trigger, event = event_for("repair", dead(hops=4), {"version": "1.0"})
    assert trigger == "on-failure:f"
    assert (event.type, event.key, event.cause, event.hops) == ("destination.failure", "repair/r-1", "r-1", 5)
    assert event_for("next", ended(), {})[0] == "then:f"


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/work/failures/{function}-{run}.json", "/work/failures/f-r-1.json"),
        ("s3://b/{date}/{function}/{run}.txt", "s3://b/2019-11-14/f/r-1.txt"),
    ],
)
def test_a_file_is_named_after_its_run_and_nothing_else_that_changes(pattern: str, path: str) -> None:
    assert path_for(pattern, function="f", run_id="r-1", moment=ENDED) == path


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("failures/", "/work/failures/{function}-{run}.json"),
        ("../dead", "/dead/{function}-{run}.json"),
        ("file:///var/dead/", "/var/dead/{function}-{run}.json"),
        ("/var/dead/", "/var/dead/{function}-{run}.json"),
        ("s3://b/dead/", "s3://b/dead/{function}-{run}.json"),
        ("repair", "fn:repair"),
        ("topic:dead", "topic:dead"),
        ("https://example.org/x", "https://example.org/x"),
    ],
)
def test_a_target_is_in_its_functions_folder_and_stays_where_it_is_when_read_again(text: str, target: str) -> None:
    assert absolute(text, "/work") == target
    assert absolute(target, "/elsewhere") == target


# --- again


@pytest.mark.parametrize(("status", "final"), [(500, False), (503, False), (408, False), (425, False), (429, False)])
def test_answers_after_which_it_is_tried_again(status: int, final: bool) -> None:
    assert judge_answer(status, {}, 0.0) == Refusal(f"It answered {status}.", final=final)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410, 422])
def test_answers_that_no_repetition_changes_are_final(status: int) -> None:
    refusal = judge_answer(status, {}, 0.0)
    assert refusal is not None
    assert refusal.final
    assert next_try(refusal, delivery="d", tries=1, created=0.0, now=0.0) is None


@pytest.mark.parametrize("status", [200, 202, 204])
def test_answers_that_say_that_it_was_taken(status: int) -> None:
    assert judge_answer(status, {}, 0.0) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), (formatdate(1_060.0, usegmt=True), 60.0), ("soon", None), ("", None), ("-5", None)],
)
def test_a_time_that_the_other_side_asks_for_is_read(text: str, seconds: float | None) -> None:
    refusal = judge_answer(503, {"retry-after": text}, 1_000.0)
    assert refusal is not None
    assert refusal.retry_after_s == seconds


def test_a_time_that_the_other_side_asks_for_is_kept() -> None:
    refusal = Refusal("busy", retry_after_s=90.0)
    assert next_try(refusal, delivery="d", tries=1, created=1_000.0, now=1_000.0) == 1_090.0


@given(st.integers(1, 200), st.floats(0, 2 * GIVE_UP_S), st.none() | st.floats(0, 1e9))
def test_it_is_tried_again_within_a_day_and_within_five_minutes_unless_asked_otherwise(
    tries: int, age_s: float, asked: float | None
) -> None:
    refusal = Refusal("no", retry_after_s=asked)
    due = next_try(refusal, delivery="d", tries=tries, created=0.0, now=age_s)
    if due is None:
        assert age_s + max(asked or 0.0, 300.0) > GIVE_UP_S
    else:
        assert age_s + (asked or 0.0) <= due <= min(GIVE_UP_S, age_s + max(asked or 0.0, 300.0))
