"""What a failed attempt means for its run: tried again, split, given up, or nobody can know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.cost import AWS_X86, PriceBook
from ..model.errors import EventTooOld, FnError, RunUnknown, ValueLost, ZeroConcurrency
from ..model.function import Options
from ..model.run import Reason, Run, State
from ..model.units import format_duration
from .admission import MAX_LOST
from .attempt import class_of, is_fatal
from .instructions import Finished, Instruction, MakeRuns, WakeAt
from .retry import EXPONENTIAL, Backoff, parse_backoff, retry_delay_s
from .splitting import halves

RETRY_PRIORITY = 1
THROTTLED = "Throttled"
FINISHED = (Finished(),)
_REASONS: Mapping[str, Reason] = {
    "RunTimedOut": Reason.TIMEOUT,
    "OutOfMemory": Reason.OUT_OF_MEMORY,
    "EnvironmentDied": Reason.ENVIRONMENT_DIED,
}
_OF_ITEMS = frozenset(
    {"HandlerFailed", "LimitExceeded", *_REASONS}
)  # one item may be to blame, so a batch is split to find it

Changes = dict[str, Any]
Verdict = tuple[Changes, tuple[Instruction, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a version's options and the service's settings say about its runs."""

    retries: int = 2
    backoff: Backoff = EXPONENTIAL
    book: PriceBook = AWS_X86
    max_lost: int = MAX_LOST
    max_age_s: float | None = None
    on_poison: str = "park"
    then: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()


def rules_of(options: Options, *, book: PriceBook = AWS_X86) -> Rules:
    """The rules of a version. Raises BadValue when its backoff text cannot be read."""
    same = {name: getattr(options, name) for name in ("retries", "max_age_s", "on_poison", "then", "on_failure")}
    return Rules(**same, backoff=parse_backoff(options.backoff), book=book)


def judge(run: Run, error: Mapping[str, Any], now: float, rules: Rules) -> Verdict:
    """What changes in a run whose attempt failed, and what has to be done about it."""
    if run.cancel_requested:
        return cancelled(now) | {"error": error}, FINISHED
    if run.barrier:
        return unknown(run, error, now), FINISHED
    kind = class_of(error)
    if kind == THROTTLED:
        return _later(run, error, now, rules, {"throttled": run.throttled + 1}, times=run.throttled + 1)
    if is_fatal(kind):
        return {"state": State.DEAD, "reason": Reason.FATAL, "error": error, "ended": now}, FINISHED
    if run.batch_size > 1 and kind in _OF_ITEMS:
        split = {"state": State.SPLIT, "reason": _REASONS.get(kind, Reason.NONE), "error": error, "ended": now}
        return split, (MakeRuns(halves(run)), WakeAt(now), *FINISHED)
    failures = _failures(run)
    if failures <= rules.retries:
        return _later(run, error, now, rules, {}, times=failures)
    reason = _REASONS.get(kind, Reason.RETRIES_EXHAUSTED)
    return {"state": State.DEAD, "reason": reason, "error": error, "ended": now}, FINISHED


def _later(run: Run, error: Mapping[str, Any], now: float, rules: Rules, counts: Changes, *, times: int) -> Verdict:
    """It is tried again, unless its event would be too old by then."""
    due = now + _delay_s(run, error, rules, times)
    if is_too_old(run, due, rules):
        return counts | too_old(run, now, rules, error), FINISHED
    waiting = {"state": State.WAITING, "due": due, "priority": max(run.priority, RETRY_PRIORITY)}
    reason = _REASONS.get(class_of(error), Reason.NONE)
    return counts | waiting | {"error": error, "reason": reason}, (WakeAt(due),)


def due_at_latest(run: Run, now: float, rules: Rules) -> float:
    """When a run that waits is tried again, were its wait to begin now. It may be due later than that only when the clock
    was set back since it failed."""
    error = run.error or {}
    times = run.throttled if class_of(error) == THROTTLED else _failures(run)
    return now + _delay_s(run, error, rules, times)


def _failures(run: Run) -> int:
    return run.tried + run.attempts - run.lost - run.throttled


def _delay_s(run: Run, error: Mapping[str, Any], rules: Rules, times: int) -> float:
    return retry_delay_s(rules.backoff, times, seed=f"{run.id}:{run.attempts}", error=error)


def is_too_old(run: Run, at: float, rules: Rules) -> bool:
    """Whether the run's event is older than `--max-age` at that moment."""
    return rules.max_age_s is not None and at - run.created > rules.max_age_s


def too_old(run: Run, now: float, rules: Rules, error: Mapping[str, Any] | None = None) -> Changes:
    """Given up because of its age; its last error is told with it."""
    last = error or run.error
    cause = f"The event is given up: it may be {format_duration(rules.max_age_s or 0.0)} old at most."
    cause += f" Its last error: {last.get('type')}: {last.get('message')}" if last else ""
    told = EventTooOld(cause, "Give it more with --max-age, and redrive it.").to_dict()
    return {"state": State.DEAD, "reason": Reason.EVENT_AGE_EXCEEDED, "error": told, "ended": now}


def may_run_nothing(run: Run) -> dict[str, Any]:
    """The error of a run whose function has `--concurrency 0`, as AWS gives up events of a function whose reserved
    concurrency is zero."""
    cause = f"{run.function} may run nothing at once: it is published with --concurrency 0."
    remedy = f"Publish it with more, or without; then: jupyter fn redrive {run.function} --ids {run.id}"
    return ZeroConcurrency(cause, remedy).to_dict()


def value_lost(what: str, error: FnError) -> dict[str, Any]:
    """The error of a run that needs something of the store that is missing or damaged."""
    return ValueLost(
        f"{what} cannot be read any more. {error.cause}", f"{error.remedy} Then redrive the run."
    ).to_dict()


def unknown(run: Run, error: Mapping[str, Any], now: float) -> Changes:
    """It ended behind an effect barrier, and is not tried again by itself."""
    cause = (
        f"The run ended behind its effect {run.barrier!r}, which may have happened. {error.get('message', '')}".strip()
    )
    traceback = str(error.get("traceback") or "").rstrip()
    told = RunUnknown(
        cause,
        "Look whether it happened; redrive the run if it did not.",
        traceback=f"{traceback}\n\n{RunUnknown.__name__}: {cause}" if traceback else "",
    )
    return {"state": State.UNKNOWN, "reason": Reason.EFFECT, "error": told.to_dict(), "ended": now}


def cancelled(now: float) -> Changes:
    """Stopped because somebody asked."""
    return {"state": State.CANCELLED, "reason": Reason.CANCELLED, "ended": now}
