"""A remote error is raised here as if it had happened here."""

import pickle

import pytest

from jupyter_fn.client.remote import remote_error, run_error
from jupyter_fn.model.errors import HandlerFailed, OutOfMemory, RunCancelled, RunError, RunUnknown

TRACE = 'Traceback (most recent call last):\n  File "<fn f>", line 2, in handler\nZeroDivisionError: division by zero\n'


def failed(kind, cls="HandlerFailed", message="m", traceback=TRACE):
    return {"type": kind, "class": cls, "message": message, "remedy": "", "traceback": traceback}


def test_the_builtin_of_that_name_catches_it():
    with pytest.raises(ZeroDivisionError) as caught:
        raise remote_error(failed("ZeroDivisionError", message="division by zero"))
    assert isinstance(caught.value, HandlerFailed)
    assert type(caught.value).__name__ == "ZeroDivisionError"
    assert str(caught.value) == "division by zero"
    assert caught.value._render_traceback_() == TRACE.splitlines()


def test_a_type_of_the_users_own_keeps_its_name():
    error = remote_error(failed("BadRow"))
    assert type(error).__name__ == "BadRow"
    assert isinstance(error, HandlerFailed)


def test_an_error_of_this_package_is_itself():
    assert type(remote_error(failed("OutOfMemory", "OutOfMemory", "peak 600 MB"))) is OutOfMemory


@pytest.mark.parametrize("kind", ["KeyError", "OSError", "ImportError", "StopIteration", "SyntaxError", "ValueError"])
def test_every_builtin_with_a_layout_of_its_own_works(kind):
    error = remote_error(failed(kind))
    assert isinstance(error, __builtins__[kind] if isinstance(__builtins__, dict) else getattr(__builtins__, kind))
    assert error.kind == kind


@pytest.mark.parametrize("kind", ["UnicodeDecodeError", "ExceptionGroup", "SystemExit", "KeyboardInterrupt", "print"])
def test_what_cannot_or_must_not_be_raised_here_is_a_run_error_only(kind):
    error = remote_error(failed(kind))
    assert isinstance(error, HandlerFailed)
    assert error.kind == kind
    assert not isinstance(error, SystemExit | KeyboardInterrupt | UnicodeDecodeError)


def test_a_user_type_called_like_one_of_ours_does_not_become_it():
    assert type(remote_error(failed("WorkerLost", "HandlerFailed"))) is HandlerFailed


def test_without_a_class_it_is_the_handlers_fault():
    error = remote_error({"type": "KeyError", "message": "'x'"})
    assert isinstance(error, KeyError)
    assert isinstance(error, HandlerFailed)


def test_it_travels_through_pickle():
    error = pickle.loads(pickle.dumps(remote_error(failed("ZeroDivisionError"))))
    assert isinstance(error, ZeroDivisionError)
    assert error.traceback == TRACE
    assert error.to_dict()["class"] == "HandlerFailed"


@pytest.mark.parametrize(
    ("state", "cls"), [("cancelled", RunCancelled), ("unknown", RunUnknown), ("dead", RunError), ("failed", RunError)]
)
def test_a_run_that_did_not_succeed_is_an_error_even_when_nothing_was_recorded(run_json, state, cls):
    error = run_error(run_json(state=state, error=None, reason="EventAgeExceeded"))
    assert type(error) is cls
    assert "EventAgeExceeded" in error.cause


@pytest.mark.parametrize("state", ["succeeded", "queued", "running", "skipped", "split"])
def test_a_run_that_succeeded_or_goes_on_is_no_error(run_json, state):
    assert run_error(run_json(state=state, error=None)) is None


def test_an_error_of_an_attempt_before_the_last_is_not_the_runs_error(run_json):
    assert run_error(run_json(state="succeeded", error=failed("ValueError"))) is None
