"""What went wrong, in words: cause, then remedy."""

import signal
from typing import Any

import pytest

from jupyter_fn.model.codec import to_json
from jupyter_fn.model.errors import BadBatchAnswer, HandlerFailed, ResultNotSerializable, Throttled, UnknownOption
from jupyter_fn.runtime import faults


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as found:
        return found


def failed(error: BaseException) -> dict[str, Any]:
    return faults.handler_failed(caught(error), limit_mb=128, peak_mb=100)


def test_an_exception_keeps_its_type_message_and_traceback() -> None:
    told = failed(KeyError("x"))
    assert (told["class"], told["type"], told["message"]) == ("HandlerFailed", "KeyError", "'x'")
    assert "in caught" in told["traceback"]
    assert "retry_after" not in told


def test_one_of_our_own_keeps_its_remedy() -> None:
    told = failed(UnknownOption("No such option.", "Try another."))
    assert (told["type"], told["message"], told["remedy"]) == ("UnknownOption", "No such option.", "Try another.")


def test_those_that_no_retry_helps_keep_their_class() -> None:
    assert failed(ResultNotSerializable("No JSON."))["class"] == "ResultNotSerializable"
    assert failed(BadBatchAnswer("No list."))["class"] == "BadBatchAnswer"
    assert failed(HandlerFailed("Inner."))["class"] == "HandlerFailed"


class Busy(Throttled):
    """One's own kind of it."""


@pytest.mark.parametrize("error", [Throttled("Later.", retry_after=2), Busy("Later.", retry_after=2)])
def test_throttling_keeps_its_class_and_its_time_to_wait_whatever_it_is_called(error: Throttled) -> None:
    told = failed(error)
    assert (told["class"], told["type"], told["message"]) == ("Throttled", type(error).__name__, "Later.")
    assert told["retry_after"] == 2.0
    assert "retry_after" not in failed(Throttled())


def test_a_notebooks_cell_can_be_throttled_too() -> None:
    assert failed(faults.CellFailed("Throttled", "Later.", "", ""))["class"] == "Throttled"
    assert failed(faults.CellFailed("ValueError", "No.", "", ""))["class"] == "HandlerFailed"


def test_an_error_of_ours_that_no_line_of_the_handler_raised_has_no_traceback() -> None:
    try:
        to_json([open])
    except ResultNotSerializable as error:
        told = faults.handler_failed(error, limit_mb=128, peak_mb=100)
    assert "codec.py" not in told["traceback"]
    assert told["message"].startswith("The value at $[0] is a ")


@pytest.mark.parametrize(("said", "told"), [(5, 5.0), (0.5, 0.5), ("soon", None), (float("nan"), None), (None, None)])
def test_only_a_finite_number_is_a_time_to_wait(said: Any, told: float | None) -> None:
    error = ValueError("later")
    error.retry_after = said  # type: ignore[attr-defined]
    assert failed(error).get("retry_after") == told


def test_running_out_of_memory_names_limit_peak_and_a_better_limit() -> None:
    told = failed(MemoryError())
    assert told["class"] == "OutOfMemory"
    assert "128 MB (peak 100 MB)" in told["message"]
    assert "--memory 256MB" in told["remedy"]
    assert "--memory 1024MB" in faults.out_of_memory(512, 600)["remedy"]


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (3, "EnvironmentDied", "exit code 3"),
        (0, "EnvironmentDied", "exit code 0"),
        (-signal.SIGSEGV, "EnvironmentDied", "SIGSEGV"),
        (-signal.SIGKILL, "EnvironmentDied", "SIGKILL"),
        (-63, "EnvironmentDied", "signal 63"),
        (None, "WorkerLost", "could not start"),
    ],
)
def test_a_death_is_told_by_its_exit_code_or_signal(status: int | None, kind: str, told: str) -> None:
    error = faults.died(status)
    assert error["class"] == kind
    assert told in error["message"]


def test_long_messages_and_tracebacks_are_cut() -> None:
    told = failed(ValueError("x" * 1_000_000))
    assert len(told["message"]) < 10_000
    assert len(told["traceback"]) < 70_000
    assert "characters left out" in told["traceback"]


def test_causes_and_groups_are_told_too() -> None:
    error = ExceptionGroup("both", [caught(ValueError("one")), caught(KeyError("two"))])
    error.__cause__ = caught(RuntimeError("the cause"))
    text = failed(error)["traceback"]
    for part in ("one", "two", "the cause"):
        assert part in text


def test_an_exception_that_caused_itself_is_told_once() -> None:
    error = ValueError("loop")
    error.__context__ = error
    assert "loop" in failed(error)["traceback"]


@pytest.mark.parametrize(
    "error",
    [
        faults.timed_out(60.0),
        faults.load_timed_out("f", 10.0),
        faults.cancelled(),
        faults.not_startable("no memory"),
        faults.load_failed(caught(ValueError("bad")), "f"),
        faults.out_of_memory(1, 2),
        faults.died(1),
    ],
)
def test_every_fault_has_a_cause_and_a_remedy(error: dict[str, Any]) -> None:
    assert error["message"].endswith(".") or "bad" in error["message"]
    assert error["remedy"].endswith(".")
