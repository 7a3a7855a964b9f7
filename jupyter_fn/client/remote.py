"""A run's error, raised here as if it had happened here."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from ..model import errors
from ..model.errors import HandlerFailed, RunCancelled, RunError, RunUnknown, error_class
from ..model.run import TERMINAL, State

_OWN_NAMES = frozenset(
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.FnError)
)


def remote_error(data: Mapping[str, Any]) -> RunError:
    """The exception for the `error` of a run's JSON, with the remote traceback.

    Its class is named after the user's exception type, and where that is a builtin it derives from it too, so
    `except ZeroDivisionError` catches what a handler raised with it.
    """
    kind = str(data.get("type") or "")
    base = error_class(str(data.get("class") or (kind if kind in _OWN_NAMES else "")))
    base = base if issubclass(base, RunError) else HandlerFailed
    message, remedy, traceback = (str(data.get(key) or "") for key in ("message", "remedy", "traceback"))
    cls = _twin(base, kind) if kind and kind not in _OWN_NAMES else base
    return cls(message, remedy, kind=kind, traceback=traceback)


_WANT_MORE = (BaseExceptionGroup, UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError)  # than a message
_twins: dict[tuple[str, str], type[RunError]] = {}


def _twin(base: type[RunError], kind: str) -> type[RunError]:
    """One class per pair, so that two errors of one kind are of one class."""
    key = (base.__name__, kind)
    if key not in _twins:
        _twins[key] = _make_twin(base, kind)
    return _twins[key]


def _make_twin(base: type[RunError], kind: str) -> type[RunError]:
    builtin = getattr(builtins, kind, None)
    # Only what `except Exception` catches: a remote SystemExit must not end this process.
    fits = isinstance(builtin, type) and issubclass(builtin, Exception) and not issubclass(builtin, _WANT_MORE)
    bases: tuple[type, ...] = (base, builtin) if fits and builtin is not None else (base,)

    def to_dict(self: RunError) -> dict[str, Any]:
        return {**base.to_dict(self), "class": base.__name__}

    def reduce(self: RunError) -> tuple[Any, ...]:
        return remote_error, (self.to_dict(),)

    return type(kind, bases, {"to_dict": to_dict, "__reduce__": reduce, "__doc__": base.__doc__})


_BY_STATE: Mapping[str, type[RunError]] = {"cancelled": RunCancelled, "unknown": RunUnknown}
_GOOD = frozenset({State.SUCCEEDED, State.SPLIT, State.SKIPPED})


def run_error(run: Mapping[str, Any]) -> RunError | None:
    """Why this run did not succeed, as an exception; None when it did, or has not ended."""
    if run["state"] not in TERMINAL or run["state"] in _GOOD:
        return None
    if run.get("error"):
        return remote_error(run["error"])
    why = f": {run['reason']}" if run.get("reason") else ""
    return _BY_STATE.get(run["state"], RunError)(
        f"Run {run['id']} is {run['state']}{why}.", f"See it with: jupyter fn run {run['id']}"
    )
