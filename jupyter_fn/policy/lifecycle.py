"""The life of a run as data: `advance(run, stimulus, now, rules) -> (run, instructions)`. No I/O, no clock.

::

    queued ─claim(token+1)→ claimed ─→ running ─→ publishing ─→ succeeded
      ↑                        │          │
      │                        │          ├ error, attempts left → waiting(due)
      └── lost worker ─────────┴──────────┤ error, none left or fatal → dead
                                          └ cancel → killed → cancelled

`_TABLE` holds every pair of state and stimulus that means something; what is not in it changes nothing. A transition is
written to the store by compare-and-set on `(state, token)` of the run it started from, together with those instructions
that are rows (`RecordAttempt`, `EmitRecords`); the other instructions are carried out after that commit.

Counting: `attempts` are those handed to a worker, also while nothing more than that is known, so that `attempts - lost`
are the ones that were really made, each one a billed request and, until one succeeds, a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.cost import AWS_X86, PriceBook
from ..model.function import Options
from ..model.run import Attempt, Outcome, Reason, Record, Run, Staged, State
from .attempt import account, class_of, is_fatal, lost_attempt, lost_error, made_attempt
from .retry import EXPONENTIAL, Backoff, parse_backoff, retry_delay_s

MAX_LOST = 3  # the loss that is one too many
RETRY_PRIORITY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a version's options and the service's settings say about its runs."""

    retries: int = 2
    backoff: Backoff = EXPONENTIAL
    book: PriceBook = AWS_X86
    max_lost: int = MAX_LOST


def rules_of(options: Options, *, book: PriceBook = AWS_X86) -> Rules:
    """The rules of a version. Raises BadValue when its backoff text cannot be read."""
    return Rules(retries=options.retries, backoff=parse_backoff(options.backoff), book=book)


# --- stimuli: what happened ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimed:
    """The run is given to a worker. Ignored before `due`."""

    worker: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The claim never reached its worker; it counts neither as an attempt nor as a loss."""

    token: int


@dataclass(frozen=True, slots=True)
class Started:
    """User code runs, since `at` (epoch seconds). A second start of the same token is ignored."""

    token: int
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The environment's word on one attempt."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Published:
    """All staged files are in place."""

    token: int


@dataclass(frozen=True, slots=True)
class PublishFailed:
    """The staged files cannot be put in place; `error` as `RunError.to_dict()` gives it. Counts as a failed attempt."""

    token: int
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """That worker is gone, with everything it held."""

    worker: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A new service found the run in its store: nobody works on it any more. Never makes a run dead."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody does not want this run any more. Too late once it is publishing."""


Stimulus = Claimed | Returned | Started | Ended | Published | PublishFailed | Lost | Recovered | CancelRequested


# --- instructions: what to do now ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """Append this row, in the transaction of the new run."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class EmitRecords:
    """Append these to their topics, in the transaction of the new run."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class PublishFiles:
    """Put these in place, then say `Published` or `PublishFailed`. May come twice for the same files."""

    staged: tuple[Staged, ...]


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove these staged files; those that are gone already are no error."""

    staged: tuple[Staged, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill that attempt on that worker."""

    worker: str
    run_id: str
    token: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """The run may be claimed from then on (epoch seconds)."""

    due: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The run has become terminal."""


Instruction = RecordAttempt | EmitRecords | PublishFiles | Discard | Kill | WakeAt | Finished
Step = tuple[Run, tuple[Instruction, ...]]

_REASONS: Mapping[str, Reason] = {
    "RunTimedOut": Reason.TIMEOUT,
    "OutOfMemory": Reason.OUT_OF_MEMORY,
    "EnvironmentDied": Reason.ENVIRONMENT_DIED,
}
_FINISHED = (Finished(),)


def advance(run: Run, stimulus: Stimulus, now: float, rules: Rules) -> Step:
    """The run after `stimulus`, and what has to be done about it. The same object comes back when nothing changed."""
    transition = _TABLE.get((run.state, type(stimulus)))
    return transition(run, stimulus, now, rules) if transition else (run, ())


# --- claims and starts --------------------------------------------------------------------------------------------


def _claim(run: Run, stimulus: Claimed, now: float, rules: Rules) -> Step:
    if run.due > now:
        return run, ()
    changes = {"state": State.CLAIMED, "token": run.token + 1, "attempts": run.attempts + 1, "worker": stimulus.worker}
    return run.replace(**changes), ()


def _return(run: Run, stimulus: Returned, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token:
        return run, ()
    if run.cancel_requested:
        return run.replace(**_cancelled(now), attempts=run.attempts - 1), _FINISHED
    return run.replace(state=State.QUEUED, attempts=run.attempts - 1, worker=""), (WakeAt(now),)


def _start(run: Run, stimulus: Started, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token:
        return run, ()
    started = stimulus.at if run.started is None else run.started
    return run.replace(state=State.RUNNING, started=started), ()


# --- outcomes -----------------------------------------------------------------------------------------------------


def _end(run: Run, stimulus: Ended, now: float, rules: Rules) -> Step:
    outcome = stimulus.outcome
    if outcome.token != run.token:
        return run, _discard(outcome.staged)
    if outcome.error is None:
        return _succeed(run, outcome, now, rules)
    after = _AFTER_ERROR.get(class_of(outcome.error), _fail)
    return after(run, outcome, now, rules)


def _late(run: Run, stimulus: Ended, now: float, rules: Rules) -> Step:
    """An outcome nobody waits for. The winner's own outcome, told twice, must not take its files away."""
    outcome = stimulus.outcome
    won = run.state in (State.PUBLISHING, State.SUCCEEDED) and outcome.token == run.token
    return run, () if won else _discard(outcome.staged)


def _succeed(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    changes = account(run, outcome, rules.book) | {"result": outcome.result, "error": None, "reason": Reason.NONE}
    record = RecordAttempt(made_attempt(run, outcome, "succeeded"))
    if outcome.staged:
        changes |= {"state": State.PUBLISHING, "staged": outcome.staged, "emitted": outcome.emitted}
        return run.replace(**changes), (record, PublishFiles(outcome.staged))
    changes |= {"state": State.SUCCEEDED, "ended": now}
    return run.replace(**changes), (record, *_emit(outcome.emitted), *_FINISHED)


def _fail(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    error = outcome.error or {}
    verdict, instructions = _verdict(run, error, now, rules)
    record = RecordAttempt(made_attempt(run, outcome, "failed"))
    return run.replace(**account(run, outcome, rules.book), **verdict), (
        record,
        *_discard(outcome.staged),
        *instructions,
    )


def _killed(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    changes = account(run, outcome, rules.book) | _cancelled(now) | {"error": outcome.error}
    record = RecordAttempt(made_attempt(run, outcome, "cancelled"))
    return run.replace(**changes), (record, *_discard(outcome.staged), *_FINISHED)


def _gone(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    """The executor itself says that the attempt was lost."""
    after, instructions = _lose(run, Lost(run.worker), now, rules)
    return after, (*_discard(outcome.staged), *instructions)


_AFTER_ERROR: Mapping[str, Callable[[Run, Outcome, float, Rules], Step]] = {
    "RunCancelled": _killed,
    "WorkerLost": _gone,
}


# --- publishing ---------------------------------------------------------------------------------------------------


def _publish(run: Run, stimulus: Published, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token:
        return run, ()
    after = run.replace(state=State.SUCCEEDED, ended=now, staged=(), emitted=())
    return after, (*_emit(run.emitted), *_FINISHED)


def _unpublish(run: Run, stimulus: PublishFailed, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token:
        return run, ()
    verdict, instructions = _verdict(run, stimulus.error, now, rules)
    after = run.replace(**verdict, result=None, staged=(), emitted=())
    return after, (*_discard(run.staged), *instructions)


def _publish_again(run: Run, stimulus: Lost | Recovered, now: float, rules: Rules) -> Step:
    return run, (PublishFiles(run.staged),)


# --- infrastructure -----------------------------------------------------------------------------------------------


def _lose(run: Run, stimulus: Lost, now: float, rules: Rules) -> Step:
    if stimulus.worker != run.worker:
        return run, ()
    error = lost_error(run)
    record = RecordAttempt(lost_attempt(run, now, error))
    if not run.cancel_requested and run.lost - run.interrupted + 1 >= rules.max_lost:
        dead = {"state": State.DEAD, "reason": Reason.WORKER_LOST, "error": error, "ended": now}
        return run.replace(lost=run.lost + 1, **dead), (record, *_FINISHED)
    changes, instructions = _again(run, now)
    return run.replace(lost=run.lost + 1, **changes), (record, *instructions)


def _interrupt(run: Run, stimulus: Recovered, now: float, rules: Rules) -> Step:
    record = RecordAttempt(lost_attempt(run, now, lost_error(run)))
    changes, instructions = _again(run, now)
    counts = {"lost": run.lost + 1, "interrupted": run.interrupted + 1}
    return run.replace(**counts, **changes), (record, *instructions)


def _again(run: Run, now: float) -> tuple[dict[str, Any], tuple[Instruction, ...]]:
    if run.cancel_requested:
        return _cancelled(now), _FINISHED
    return {"state": State.QUEUED, "worker": ""}, (WakeAt(now),)


# --- cancelling ---------------------------------------------------------------------------------------------------


def _cancel(run: Run, stimulus: CancelRequested, now: float, rules: Rules) -> Step:
    return run.replace(**_cancelled(now), cancel_requested=True), _FINISHED


def _cancel_held(run: Run, stimulus: CancelRequested, now: float, rules: Rules) -> Step:
    after = run if run.cancel_requested else run.replace(cancel_requested=True)
    return after, (Kill(run.worker, run.id, run.token),)


def _cancelled(now: float) -> dict[str, Any]:
    return {"state": State.CANCELLED, "reason": Reason.CANCELLED, "ended": now}


# --- parts of transitions -----------------------------------------------------------------------------------------


def _verdict(
    run: Run, error: Mapping[str, Any], now: float, rules: Rules
) -> tuple[dict[str, Any], tuple[Instruction, ...]]:
    """What a failed attempt means for its run: cancelled, waiting or dead."""
    if run.cancel_requested:
        return _cancelled(now) | {"error": error}, _FINISHED
    kind = class_of(error)
    failures = run.attempts - run.lost
    if not is_fatal(kind) and failures <= rules.retries:
        due = now + retry_delay_s(rules.backoff, failures, seed=f"{run.id}:{run.attempts}", error=error)
        waiting = {"state": State.WAITING, "due": due, "priority": max(run.priority, RETRY_PRIORITY)}
        return waiting | {"error": error, "reason": _REASONS.get(kind, Reason.NONE)}, (WakeAt(due),)
    reason = Reason.FATAL if is_fatal(kind) else _REASONS.get(kind, Reason.RETRIES_EXHAUSTED)
    return {"state": State.DEAD, "reason": reason, "error": error, "ended": now}, _FINISHED


def _discard(staged: tuple[Staged, ...]) -> tuple[Instruction, ...]:
    return (Discard(staged),) if staged else ()


def _emit(records: tuple[Record, ...]) -> tuple[Instruction, ...]:
    return (EmitRecords(records),) if records else ()


_HELD_BY_WORKER = (State.CLAIMED, State.RUNNING)
_STARTABLE = (State.QUEUED, State.WAITING)
_TABLE: Mapping[tuple[State, type], Callable[[Run, Any, float, Rules], Step]] = {
    **{(state, Ended): _late for state in State},
    **{(state, Claimed): _claim for state in _STARTABLE},
    **{(state, CancelRequested): _cancel for state in _STARTABLE},
    **{(state, Ended): _end for state in _HELD_BY_WORKER},
    **{(state, Lost): _lose for state in _HELD_BY_WORKER},
    **{(state, Recovered): _interrupt for state in _HELD_BY_WORKER},
    **{(state, CancelRequested): _cancel_held for state in _HELD_BY_WORKER},
    (State.CLAIMED, Returned): _return,
    (State.CLAIMED, Started): _start,
    (State.PUBLISHING, Published): _publish,
    (State.PUBLISHING, PublishFailed): _unpublish,
    (State.PUBLISHING, Lost): _publish_again,
    (State.PUBLISHING, Recovered): _publish_again,
}
