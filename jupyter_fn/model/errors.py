"""The one exception tree. Every error says what happened (`cause`) and what to do next (`remedy`).

::

    FnError
     ├ UsageError                 wrong words: exit code 2, HTTP 400
     │  ├ UnknownOption           --memroy            nearest one named
     │  ├ BadValue                --memory 12 parsecs
     │  └ BadTrigger              unknown scheme or key, nearest one named
     │     └ MissingExtra         the trigger's client library is not installed
     ├ CaptureError               the cell cannot become a version
     │  ├ BadSource               not Python, or its text cannot be found
     │  ├ NoHandler               no function, or several and none is named
     │  ├ UndefinedName           a free name this kernel does not define
     │  ├ UnshippableValue        a captured value that cannot be pickled
     │  ├ ValueTooLarge           a captured value over the limit
     │  ├ PackageMismatch         missing, or another version, on the worker
     │  ├ RequirementsUnmet       --requirements that cannot be resolved or installed
     │  └ LoopRefused             the handler writes where its trigger looks
     ├ SourceUnreachable          a trigger cannot look where it should; tried again
     ├ NotFound                   function, version, alias, run: HTTP 404
     ├ Conflict                   same run_key with another payload, …: HTTP 409
     ├ ServiceError
     │  ├ ServiceNotRunning       nothing answers at home/service.json
     │  ├ ServiceOwnedElsewhere   another service owns this home
     │  ├ Unauthorized            the bearer token is missing or wrong: HTTP 401
     │  ├ HomeRefused             home on a network filesystem, not writable
     │  │  └ PayloadLost          a large value is missing or damaged where it lies
     │  └ StoreUnreachable        the database server does not answer, or lets nobody in
     └ RunError                   a run did not succeed; carries the remote traceback
        ├ HandlerFailed           user code raised
        ├ LoadFailed              the version could not be loaded (fatal: no retry)
        ├ ResultNotSerializable   the handler's value is not JSON (fatal)
        ├ RunTimedOut             killed at the time limit
        ├ OutOfMemory             killed at the memory limit; limit and peak
        ├ LimitExceeded           killed at another limit of its worker: processes, scratch, output
        ├ EnvironmentDied         exit or signal inside the handler
        ├ WorkerLost              the worker went away (infrastructure)
        ├ RunCancelled            killed on request
        ├ BatchFailed             items of the batch failed, its handler says
        ├ BadBatchAnswer          the handler's word on its items cannot be read (fatal)
        ├ Throttled               the handler asks to come back later; counts against no retry
        ├ EventTooOld             given up because of its age
        ├ ZeroConcurrency         its function may run nothing at once
        ├ ValueLost               what it needs of the store is missing or damaged (fatal)
        ├ LoopDetected            its events go round
        ├ EffectRefused           a `context.effect` that may not begin; nothing of it was done
        └ RunUnknown              ended behind an effect barrier
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, ClassVar


class FnError(Exception):
    """Base of every error of this package: one line of cause, one line of remedy.

    `exit_code` is what the command line ends with, `status` the HTTP status that carries the error.
    """

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}\n{self.remedy}" if self.remedy else self.cause

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.cause, self.remedy), self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a stack: two lines."""
        return [f"{type(self).__name__}: {self.cause}", *([self.remedy] if self.remedy else [])]

    def to_dict(self) -> dict[str, Any]:
        """`{"type", "message", "remedy"}` and, for run errors, `"traceback"`."""
        return {"type": type(self).__name__, "message": self.cause, "remedy": self.remedy}


class UsageError(FnError):
    """The words of a call are wrong."""

    exit_code = 2
    status = 400


class UnknownOption(UsageError):
    """An option that does not exist."""


class BadValue(UsageError):
    """An option that exists, with a value that does not fit."""


class BadTrigger(UsageError):
    """A trigger text that no source understands."""


class MissingExtra(BadTrigger):
    """It exists, but its client library is not installed."""


class CaptureError(FnError):
    """A cell or function that cannot become a version."""

    status = 422


class BadSource(CaptureError):
    """A source that is not Python, or whose text cannot be found."""


class NoHandler(CaptureError):
    """No handler, or several candidates."""


class UndefinedName(CaptureError):
    """A free name of the source that the kernel does not define."""


class UnshippableValue(CaptureError):
    """A captured value that cannot be pickled."""


class ValueTooLarge(CaptureError):
    """A captured value over the size limit."""


class PackageMismatch(CaptureError):
    """A package missing on the worker, or there in another version."""


class RequirementsUnmet(CaptureError):
    """Requirements that cannot be resolved, or whose environment cannot be made."""


class LoopRefused(CaptureError):
    """A handler that writes files that its own trigger would pick up."""


class SourceUnreachable(FnError):
    """A trigger cannot look where it should: no permission, no credentials, no connection. It is tried again."""

    status = 503


class NotFound(FnError):
    """A function, version, alias, trigger or run that does not exist."""

    status = 404


class Conflict(FnError):
    """The request contradicts what is stored."""

    status = 409


class ServiceError(FnError):
    """The service cannot be reached or cannot start."""

    status = 503


class ServiceNotRunning(ServiceError):
    """Nothing answers at the address in `home/service.json`."""


class ServiceOwnedElsewhere(ServiceError):
    """Another process owns this home."""


class Unauthorized(ServiceError):
    """The bearer token is missing or wrong."""

    status = 401


class HomeRefused(ServiceError):
    """The home folder cannot hold the store."""


class PayloadLost(HomeRefused):
    """A large value is missing or damaged where it lies, so nobody can read it any more."""


class StoreUnreachable(ServiceError):
    """The database server that holds the store does not answer, or does not let this service in."""


class RunError(FnError):
    """A run that did not succeed. `traceback` is the remote one, as text; `fatal` means no retry helps."""

    status = 200
    fatal: ClassVar[bool] = False

    def __init__(self, cause: str, remedy: str = "", *, kind: str = "", traceback: str = "") -> None:
        super().__init__(cause, remedy)
        self.kind = kind or type(self).__name__
        self.traceback = traceback

    def to_dict(self) -> dict[str, Any]:
        """`type` is the user's own exception type where there is one."""
        return {**super().to_dict(), "type": self.kind, "class": type(self).__name__, "traceback": self.traceback}

    @property
    def unsaid_remedy(self) -> str:
        """The remedy, unless the traceback ends with it already: that of one of our own errors does."""
        return "" if self.traceback.rstrip().endswith(self.remedy) else self.remedy

    def _render_traceback_(self) -> list[str]:
        if not self.traceback:
            return super()._render_traceback_()
        return [*self.traceback.rstrip().splitlines(), *([self.unsaid_remedy] if self.unsaid_remedy else [])]


class HandlerFailed(RunError):
    """User code raised; `kind` is its exception's type, `traceback` its own."""


class LoadFailed(RunError):
    """The version could not be loaded in an environment."""

    fatal = True


class ResultNotSerializable(RunError):
    """The handler returned something that JSON cannot say."""

    fatal = True


class RunTimedOut(RunError):
    """Killed at its time limit."""


class OutOfMemory(RunError):
    """Killed at its memory limit."""


class LimitExceeded(RunError):
    """Killed at a limit of its worker: processes, scratch or output. Both numbers are in it."""


class EnvironmentDied(RunError):
    """The process that ran the handler ended by itself or by a signal."""


class WorkerLost(RunError):
    """The worker that held the run went away; not the handler's fault."""


class RunCancelled(RunError):
    """Killed because somebody asked."""


class BatchFailed(RunError):
    """Items of a batch failed, as its handler says; the others are done."""


class BadBatchAnswer(RunError):
    """The handler's word on the items that failed cannot be read, so none of them can be trusted to be done."""

    fatal = True


class Throttled(RunError):
    """Raised by a handler whose counterpart wants it to slow down: the run comes back after `retry_after` seconds, or
    with its backoff, and no retry is used up."""

    def __init__(
        self, cause: str = "Throttled.", remedy: str = "", *, retry_after: float | None = None, **more: Any
    ) -> None:
        super().__init__(cause, remedy, **more)
        self.retry_after = retry_after


class EventTooOld(RunError):
    """Older than `--max-age`, or it would be by the next retry."""


class ZeroConcurrency(RunError):
    """Its function has `--concurrency 0`: it may run nothing at once, so nothing is begun."""


class ValueLost(RunError):
    """What the run needs of the store is missing or damaged."""

    fatal = True


class LoopDetected(RunError):
    """Its events go round from function to function."""

    fatal = True


class EffectRefused(RunError):
    """Raised inside a handler, where its effect would begin: the attempt is not the run's any more, or nobody could be
    asked. Nothing of the effect was done."""


class RunUnknown(RunError):
    """Ended behind an effect barrier: nobody can know whether the effect happened."""


def _tree(root: type[FnError]) -> Iterator[type[FnError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def error_class(name: str) -> type[FnError]:
    """The class of this tree called `name`; `FnError` itself when there is none."""
    return next((c for c in _tree(FnError) if c.__name__ == name), FnError)


def error_from_dict(data: dict[str, Any]) -> FnError:
    """The inverse of `FnError.to_dict`: the same class, cause, remedy and remote traceback."""
    cls = error_class(data.get("class") or data.get("type", ""))
    message, remedy = str(data.get("message", "")), str(data.get("remedy", ""))
    if issubclass(cls, RunError):
        return cls(message, remedy, kind=str(data.get("type", "")), traceback=str(data.get("traceback", "")))
    return cls(message, remedy)


_MOST_NAMES = 30


def nearest(word: str, known: list[str]) -> str:
    """`" Did you mean 'x'?"`, or the list of what there is, as far as one can read it, when nothing is near."""
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    names = sorted(known)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Known: {', '.join(names[:_MOST_NAMES])}{more}."
