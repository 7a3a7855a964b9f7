"""The exception tree: what happened and what to do next, here and on the other side of the wire."""

import pickle
import re

import pytest

from jupyter_fn.model import errors
from jupyter_fn.model.errors import (
    BadBatchAnswer,
    FnError,
    HandlerFailed,
    LoadFailed,
    LoopDetected,
    NotFound,
    ResultNotSerializable,
    RunError,
    UsageError,
    ValueLost,
    error_class,
    error_from_dict,
    nearest,
)


def tree(root: type[FnError]) -> list[type[FnError]]:
    return [
        root,
        *(found for child in root.__subclasses__() if child.__module__ == errors.__name__ for found in tree(child)),
    ]


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^ {4}[ │├└]*([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(cls.__name__ for cls in tree(FnError))


@pytest.mark.parametrize("cls", tree(FnError), ids=lambda cls: cls.__name__)
def test_every_error_survives_the_wire_and_a_pickle(cls: type[FnError]) -> None:
    error = cls("What happened.", "What to do.")
    for again in (error_from_dict(error.to_dict()), pickle.loads(pickle.dumps(error))):
        assert type(again) is cls
        assert (again.cause, again.remedy) == (error.cause, error.remedy)
        assert str(again) == "What happened.\nWhat to do."


def test_a_remote_error_keeps_its_own_type_and_traceback() -> None:
    error = HandlerFailed("no column 'x'", kind="KeyError", traceback="Traceback …\nKeyError: 'x'")
    for again in (error_from_dict(error.to_dict()), pickle.loads(pickle.dumps(error))):
        assert isinstance(again, HandlerFailed)
        assert (again.kind, again.traceback) == ("KeyError", error.traceback)
    assert error.to_dict() == {
        "type": "KeyError",
        "class": "HandlerFailed",
        "message": "no column 'x'",
        "remedy": "",
        "traceback": error.traceback,
    }


def test_a_notebook_shows_two_lines_or_the_remote_traceback() -> None:
    assert NotFound("There is no f.", "See jupyter fn ls.")._render_traceback_() == [
        "NotFound: There is no f.",
        "See jupyter fn ls.",
    ]
    failed = HandlerFailed("no", kind="KeyError", traceback="Traceback\nKeyError: no\n")
    assert failed._render_traceback_() == ["Traceback", "KeyError: no"]
    assert RunError("Killed.")._render_traceback_() == ["RunError: Killed."]


def test_exit_codes_and_statuses() -> None:
    assert {cls.exit_code for cls in tree(UsageError)} == {2}
    assert {cls.exit_code for cls in tree(RunError)} == {1}
    assert all(400 <= cls.status < 600 for cls in tree(FnError) if not issubclass(cls, RunError))


def test_only_what_no_retry_can_help_is_fatal() -> None:
    assert {cls for cls in tree(RunError) if cls.fatal} == {
        LoadFailed,
        ResultNotSerializable,
        BadBatchAnswer,
        LoopDetected,
        ValueLost,
    }


def test_an_unknown_class_is_the_root() -> None:
    assert error_class("Nonsense") is FnError
    assert type(error_from_dict({"type": "Nonsense", "message": "m"})) is FnError


def test_the_nearest_word_is_named_or_else_all_of_them() -> None:
    assert nearest("memroy", ["memory", "timeout"]) == "Did you mean 'memory'?"
    assert nearest("xyz", ["memory", "timeout"]) == "Known: memory, timeout."
    many = nearest("xyz", [f"n{number:02}" for number in range(40)])
    assert many.startswith("Known: n00, n01, ")
    assert many.endswith(", n29 and 10 more.")
