"""What went wrong, as the error of an outcome: `RunError.to_dict()` with the handler's own traceback."""

from __future__ import annotations

import math
import signal
import traceback
from pathlib import Path
from typing import Any

from ..model.errors import (
    BadBatchAnswer,
    EnvironmentDied,
    FnError,
    HandlerFailed,
    LimitExceeded,
    LoadFailed,
    LoopRefused,
    OutOfMemory,
    ResultNotSerializable,
    RunCancelled,
    RunError,
    RunTimedOut,
    Throttled,
    WorkerLost,
)
from ..model.units import format_duration

CUT_OFF = 76  # EX_PROTOCOL: how an environment ends that cannot speak to its owner any more
_OWN = str(Path(__file__).parent.parent) + "/"
_MOST_MESSAGE = 8_192
_MOST_TRACEBACK = 65_536
_UNFORGIVING = (BadBatchAnswer, LoadFailed, ResultNotSerializable)  # ours, and no retry helps


class CellFailed(Exception):
    """A cell of a notebook raised, in its kernel: told in the kernel's own words."""

    def __init__(self, kind: str, cause: str, traceback: str, remedy: str) -> None:
        super().__init__(f"{kind}: {cause}")
        told = Throttled if kind == Throttled.__name__ else HandlerFailed
        self.told = told(cause, remedy, kind=kind, traceback=traceback)


def handler_failed(error: BaseException, *, limit_mb: int, peak_mb: int) -> dict[str, Any]:
    """What a handler raised: its own type, message and traceback; `retry_after` (seconds) where it has one."""
    if isinstance(error, MemoryError):
        return {**out_of_memory(limit_mb, peak_mb), "traceback": traceback_of(error)}
    if isinstance(error, _UNFORGIVING):
        return {**error.to_dict(), "traceback": traceback_of(error)}
    if isinstance(error, LoopRefused):  # as an error that no retry helps, too
        kind = type(error).__name__
        return LoadFailed(error.cause, error.remedy, kind=kind, traceback=traceback_of(error)).to_dict()
    if isinstance(error, CellFailed):
        return error.told.to_dict()
    told = Throttled if isinstance(error, Throttled) else HandlerFailed
    failed = told(message_of(error), _remedy(error), kind=type(error).__name__, traceback=traceback_of(error))
    wait_s = retry_after_of(error)
    return {**failed.to_dict(), **({} if wait_s is None else {"retry_after": wait_s})}


def retry_after_of(error: BaseException) -> float | None:
    """The seconds to wait that an exception asks for by its attribute `retry_after`."""
    wait_s = getattr(error, "retry_after", None)
    return float(wait_s) if isinstance(wait_s, int | float) and math.isfinite(wait_s) else None


def load_failed(error: BaseException, function: str) -> dict[str, Any]:
    """The version could not be loaded; the cause names the exception, or our own finding."""
    ours = isinstance(error, FnError)
    cause = error.cause if isinstance(error, FnError) else f"{type(error).__name__}: {message_of(error)}"
    remedy = (
        error.remedy if isinstance(error, FnError) else "The traceback shows the line; correct it and publish again."
    )
    kind = type(error).__name__ if ours else ""
    return LoadFailed(
        f"{function} cannot be loaded. {cause}", remedy, kind=kind, traceback=traceback_of(error)
    ).to_dict()


def load_timed_out(function: str, limit_s: float) -> dict[str, Any]:
    """Loading the version took too long."""
    cause = f"{function} cannot be loaded: its top level was not done after {format_duration(limit_s)}."
    return LoadFailed(cause, "Move slow work from the top of the cell into the handler.").to_dict()


def timed_out(timeout_s: float) -> dict[str, Any]:
    """Killed at the time limit."""
    cause = f"The run timed out after {format_duration(timeout_s)} and was killed."
    return RunTimedOut(cause, "Give it more with --timeout, or smaller events.").to_dict()


def out_of_memory(limit_mb: int, peak_mb: int) -> dict[str, Any]:
    """Over the memory limit: killed, or refused more by the kernel."""
    cause = f"The run needed more memory than its limit of {limit_mb} MB (peak {peak_mb} MB)."
    return OutOfMemory(cause, f"Give it more, such as --memory {_roomier(limit_mb, peak_mb)}MB.").to_dict()


def too_many_processes(limit: int) -> dict[str, Any]:
    """Killed at the worker's limit of processes."""
    cause = f"The run had more than {limit} processes at once, the limit of its worker, and was killed."
    return LimitExceeded(cause, "Start fewer at once, or set max_processes of the service higher.").to_dict()


def too_much_scratch(limit_mb: int, used_mb: int) -> dict[str, Any]:
    """Killed at the worker's limit of scratch."""
    cause = f"The run had {used_mb} MB in its scratch folder, where its worker allows {limit_mb} MB, and was killed."
    remedy = "Remove what is not needed any more, write to another place, or set scratch_mb of the service higher."
    return LimitExceeded(cause, remedy).to_dict()


def too_much_logged(limit_mb: int, used_mb: int) -> dict[str, Any]:
    """Killed at the worker's limit of output."""
    cause = f"The run printed {used_mb} MB, where its worker allows {limit_mb} MB, and was killed."
    return LimitExceeded(cause, "Print less, or set log_mb of the service higher.").to_dict()


def _roomier(limit_mb: int, peak_mb: int) -> int:
    """A power of two above both."""
    return 1 << max(limit_mb, peak_mb).bit_length()


def died(status: int | None) -> dict[str, Any]:
    """The environment's process ended inside the handler: `status` is its exit code, or minus the signal's number."""
    if status is None:
        return WorkerLost("This worker could not start a process.", "Look at the worker's own log.").to_dict()
    if status < 0:
        cause = f"The handler's process was killed by {_signal_name(-status)}."
        remedy = "The log ends with where it was, if Python could still say it."
        if -status == signal.SIGKILL:
            remedy = "Nobody here did that: the machine may be out of memory."
        return EnvironmentDied(cause, remedy).to_dict()
    if status == CUT_OFF:
        cause = "The handler closed or took the connection between its process and its worker, so nobody can know its value."
        remedy = "Close the files that the handler has opened, not every descriptor (os.closerange, daemonize)."
        return EnvironmentDied(cause, remedy).to_dict()
    cause = f"The handler's process ended itself with exit code {status}."
    return EnvironmentDied(cause, "A handler must return or raise, not leave by os._exit.").to_dict()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def cancelled() -> dict[str, Any]:
    """Killed because somebody asked."""
    return RunCancelled("The run was cancelled.", "Invoke it again if it is still wanted.").to_dict()


def not_startable(reason: str) -> dict[str, Any]:
    """This worker has no environments to offer: not the handler's fault."""
    return WorkerLost(f"This worker cannot run environments: {reason}.", "Look at the worker's own log.").to_dict()


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, without this package's own frames; "" for an error of ours that has no others."""
    story = traceback.TracebackException.from_exception(error)
    _trim(story, set())
    if isinstance(error, FnError) and not story.stack and error.__cause__ is None:
        return ""
    text = "".join(story.format())
    if len(text) <= _MOST_TRACEBACK:
        return text
    half = _MOST_TRACEBACK // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _trim(story: traceback.TracebackException | None, seen: set[int]) -> None:
    if story is None or id(story) in seen:
        return
    seen.add(id(story))
    story.stack = traceback.StackSummary.from_list([f for f in story.stack if not f.filename.startswith(_OWN)])
    for other in (story.__cause__, story.__context__, *(getattr(story, "exceptions", None) or ())):
        _trim(other, seen)


def message_of(error: BaseException) -> str:
    """What an exception says, cut where it goes on for too long."""
    if isinstance(error, RunError | FnError):
        return error.cause
    try:
        text = str(error)
    except Exception:  # a __str__ that fails must not hide the error itself
        text = f"<{type(error).__name__} without a message>"
    return text if len(text) <= _MOST_MESSAGE else f"{text[:_MOST_MESSAGE]}…"


def _remedy(error: BaseException) -> str:
    return error.remedy if isinstance(error, FnError) else ""
