"""The life of a run as data: `advance(run, stimulus, now, rules) -> (run, instructions)`. No I/O, no clock.

::

    queued ─claim(token+1)→ claimed ─→ running ─→ publishing ─→ succeeded | split
      ↑                        │          │
      │                        │          ├ error, attempts left → waiting(due)
      └── lost worker ─────────┴──────────┤ error, none left or fatal → dead
                                          ├ error of a batch → split: two halves, each a run
                                          ├ some items failed → split: those that are done, those to be tried again
                                          ├ behind an effect barrier → unknown
                                          └ cancel → killed → cancelled

`_TABLE` holds every pair of state and stimulus that means something; what is not in it changes nothing. A transition is
written to the store by compare-and-set on `(state, token)` of the run it started from, together with those instructions
that are rows (`RecordAttempt`, `EmitRecords`); the other instructions are carried out after that commit.

Counting: `attempts` are those handed to a worker, also while nothing more than that is known, so that `attempts - lost`
are the ones that were really made, each one a billed request and, until one succeeds, a failure, unless it was throttled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.lost import LostRecords
from ..model.run import Outcome, Reason, Record, Run, Staged, State
from .attempt import account, class_of, lost_attempt, lost_error, made_attempt
from .instructions import (
    Deliver,
    Discard,
    EmitRecords,
    Halt,
    Instruction,
    Kill,
    MakeRuns,
    Park,
    PublishFiles,
    RecordAttempt,
    WakeAt,
)
from .splitting import places, set_apart
from .stimuli import (
    CancelRequested,
    Claimed,
    ClockSetBack,
    EffectEntered,
    Ended,
    GivenUp,
    Lost,
    Published,
    PublishFailed,
    Recovered,
    Returned,
    Started,
    Stimulus,
    Superseded,
)
from .verdict import (
    FINISHED,
    THROTTLED,
    Rules,
    cancelled,
    due_at_latest,
    is_too_old,
    judge,
    too_old,
    unknown,
    value_lost,
)

Step = tuple[Run, tuple[Instruction, ...]]


def advance(run: Run, stimulus: Stimulus, now: float, rules: Rules) -> Step:
    """The run after `stimulus`, and what has to be done about it. The same object comes back when nothing changed."""
    transition = _TABLE.get((run.state, type(stimulus)))
    if transition is None:
        return run, ()
    after, instructions = transition(run, stimulus, now, rules)
    return (run, instructions) if after is run else (after, (*instructions, *_consequences(after, rules)))


# --- claims and starts --------------------------------------------------------------------------------------------


def _claim(run: Run, stimulus: Claimed, now: float, rules: Rules) -> Step:
    if run.due > now:
        return run, ()
    if is_too_old(run, now, rules):
        return run.replace(**too_old(run, now, rules)), FINISHED
    changes = {"state": State.CLAIMED, "token": run.token + 1, "attempts": run.attempts + 1, "worker": stimulus.worker}
    # It has waited: what gives it back to the queue, under a clock that was set back, does not make it wait once more.
    return run.replace(**changes, due=0.0), ()


def _return(run: Run, stimulus: Returned, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token:
        return run, ()
    if run.cancel_requested:
        return run.replace(**cancelled(now), attempts=run.attempts - 1), FINISHED
    return run.replace(state=State.QUEUED, attempts=run.attempts - 1, worker=""), (WakeAt(now),)


def _enter_effect(run: Run, stimulus: EffectEntered, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token or run.cancel_requested:
        return run, ()
    return run.replace(barrier=stimulus.name), ()


def _supersede(run: Run, stimulus: Superseded, now: float, rules: Rules) -> Step:
    return run.replace(state=State.SKIPPED, reason=Reason.SUPERSEDED, ended=now), FINISHED


def _give_up(run: Run, stimulus: GivenUp, now: float, rules: Rules) -> Step:
    return run.replace(state=State.DEAD, reason=stimulus.reason, error=stimulus.error, ended=now), FINISHED


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
    if outcome.error is None or outcome.failed:
        return _succeed(run, outcome, now, rules)
    after = _AFTER_ERROR.get(class_of(outcome.error), _fail)
    return after(run, outcome, now, rules)


def _late(run: Run, stimulus: Ended, now: float, rules: Rules) -> Step:
    """An outcome nobody waits for. The winner's own outcome, told twice, must not take its files away."""
    outcome = stimulus.outcome
    won = run.state in (State.PUBLISHING, State.SUCCEEDED) and outcome.token == run.token
    return run, () if won else _discard(outcome.staged)


def _succeed(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    changes = account(run, outcome, rules.book) | {
        "result": outcome.result,
        "error": outcome.error,
        "reason": Reason.NONE,
    }
    record = RecordAttempt(made_attempt(run, outcome, "succeeded"))
    changes |= {"staged": outcome.staged, "emitted": outcome.emitted, "failed": places(run, outcome.failed)}
    if outcome.staged:
        return run.replace(**changes, state=State.PUBLISHING), (record, PublishFiles(outcome.staged))
    after, instructions = _win(run.replace(**changes), now, rules)
    return after, (record, *instructions)


def _win(run: Run, now: float, rules: Rules) -> Step:
    """All it has made is in place. What of its batch failed goes on in a run of its own."""
    emitted = _emit(run.emitted)
    after = run.replace(state=State.SUCCEEDED, ended=now, staged=(), emitted=(), failed=())
    if not run.failed:
        return after, (*emitted, *FINISHED)
    done, left = set_apart(run)
    done = done.replace(state=State.SUCCEEDED, result=run.result, started=run.started, ended=now)
    left = left.replace(**judge(left, run.error or {}, now, rules)[0])
    ends = (*_consequences(done, rules), *_consequences(left, rules))
    wake = (WakeAt(left.due),) if left.state is State.WAITING else ()
    split = after.replace(state=State.SPLIT, result=None)
    return split, (*emitted, MakeRuns((done, left)), *wake, *FINISHED, *ends)


def _fail(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    error = outcome.error or {}
    spent = run.replace(**account(run, outcome, rules.book))
    verdict, instructions = judge(spent, error, now, rules)
    throttled = class_of(error) == THROTTLED
    record = RecordAttempt(made_attempt(run, outcome, "throttled" if throttled else "failed"))
    return spent.replace(**verdict), (
        record,
        *_discard(outcome.staged),
        *instructions,
    )


def _killed(run: Run, outcome: Outcome, now: float, rules: Rules) -> Step:
    changes = account(run, outcome, rules.book) | cancelled(now) | {"error": outcome.error}
    record = RecordAttempt(made_attempt(run, outcome, "cancelled"))
    return run.replace(**changes), (record, *_discard(outcome.staged), *FINISHED)


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
    if isinstance(run.emitted, LostRecords):
        return _unpublish(run, PublishFailed(run.token, value_lost("What it emits", run.emitted.error)), now, rules)
    return _win(run, now, rules)


def _unpublish(run: Run, stimulus: PublishFailed, now: float, rules: Rules) -> Step:
    if stimulus.token != run.token:
        return run, ()
    verdict, instructions = judge(run, stimulus.error, now, rules)
    after = run.replace(**verdict, result=None, staged=(), emitted=(), failed=())
    return after, (*_discard(run.staged), *instructions)


def _publish_again(run: Run, stimulus: Lost | Recovered, now: float, rules: Rules) -> Step:
    return run, (PublishFiles(run.staged),)


# --- infrastructure -----------------------------------------------------------------------------------------------


def _lose(run: Run, stimulus: Lost, now: float, rules: Rules) -> Step:
    if stimulus.worker != run.worker:
        return run, ()
    error = lost_error(run)
    record = RecordAttempt(lost_attempt(run, now, error))
    if run.barrier and not run.cancel_requested:
        return run.replace(lost=run.lost + 1, **unknown(run, error, now)), (record, *FINISHED)
    if not run.cancel_requested and run.lost - run.interrupted + 1 >= rules.max_lost:
        dead = {"state": State.DEAD, "reason": Reason.WORKER_LOST, "error": error, "ended": now}
        return run.replace(lost=run.lost + 1, **dead), (record, *FINISHED)
    changes, instructions = _again(run, now)
    return run.replace(lost=run.lost + 1, **changes), (record, *instructions)


def _interrupt(run: Run, stimulus: Recovered, now: float, rules: Rules) -> Step:
    error = lost_error(run)
    record = RecordAttempt(lost_attempt(run, now, error))
    if run.barrier and not run.cancel_requested:
        return run.replace(lost=run.lost + 1, **unknown(run, error, now)), (record, *FINISHED)
    changes, instructions = _again(run, now)
    counts = {"lost": run.lost + 1, "interrupted": run.interrupted + 1}
    return run.replace(**counts, **changes), (record, *instructions)


def _again(run: Run, now: float) -> tuple[dict[str, Any], tuple[Instruction, ...]]:
    if run.cancel_requested:
        return cancelled(now), FINISHED
    return {"state": State.QUEUED, "worker": ""}, (WakeAt(now),)


def _hasten(run: Run, stimulus: ClockSetBack, now: float, rules: Rules) -> Step:
    due = due_at_latest(run, now, rules)
    return (run.replace(due=due), (WakeAt(due),)) if due < run.due else (run, ())


# --- cancelling ---------------------------------------------------------------------------------------------------


def _cancel(run: Run, stimulus: CancelRequested, now: float, rules: Rules) -> Step:
    return run.replace(**cancelled(now), cancel_requested=True), FINISHED


def _cancel_held(run: Run, stimulus: CancelRequested, now: float, rules: Rules) -> Step:
    after = run if run.cancel_requested else run.replace(cancel_requested=True)
    return after, (Kill(run.worker, run.id, run.token),)


# --- parts of transitions -----------------------------------------------------------------------------------------


def _consequences(run: Run, rules: Rules) -> tuple[Instruction, ...]:
    """What the end of a run sets going: destinations, and the stop of its ordered lane, which no replay stops."""
    if run.state is State.SUCCEEDED:
        return (Deliver(run, rules.then),) if rules.then else ()
    if run.state not in (State.DEAD, State.UNKNOWN):
        return ()
    delivery = (Deliver(run, rules.on_failure),) if rules.on_failure else ()
    stop = _STOPS.get(rules.on_poison) if run.rank and not run.replay else None
    return (*delivery, stop(run)) if stop else delivery


def _discard(staged: tuple[Staged, ...]) -> tuple[Instruction, ...]:
    return (Discard(staged),) if staged else ()


def _emit(records: tuple[Record, ...]) -> tuple[Instruction, ...]:
    return (EmitRecords(records),) if records else ()


_STOPS: Mapping[str, Callable[[Run], Instruction]] = {"park": Park, "halt": Halt}
_HELD_BY_WORKER = (State.CLAIMED, State.RUNNING)
_STARTABLE = (State.QUEUED, State.WAITING)
_TABLE: Mapping[tuple[State, type], Callable[[Run, Any, float, Rules], Step]] = {
    **{(state, Ended): _late for state in State},
    **{(state, Claimed): _claim for state in _STARTABLE},
    **{(state, CancelRequested): _cancel for state in _STARTABLE},
    **{(state, Superseded): _supersede for state in _STARTABLE},
    **{(state, GivenUp): _give_up for state in _STARTABLE},
    **{(state, EffectEntered): _enter_effect for state in _HELD_BY_WORKER},
    **{(state, Ended): _end for state in _HELD_BY_WORKER},
    **{(state, Lost): _lose for state in _HELD_BY_WORKER},
    **{(state, Recovered): _interrupt for state in _HELD_BY_WORKER},
    **{(state, CancelRequested): _cancel_held for state in _HELD_BY_WORKER},
    (State.WAITING, ClockSetBack): _hasten,
    (State.CLAIMED, Returned): _return,
    (State.CLAIMED, Started): _start,
    (State.PUBLISHING, Published): _publish,
    (State.PUBLISHING, PublishFailed): _unpublish,
    (State.PUBLISHING, Lost): _publish_again,
    (State.PUBLISHING, Recovered): _publish_again,
}
