"""Why a run is where it is, in sentences.

A sentence is made by a small function of a `Case`, which says nothing ("") where it has nothing to say. What is new to be
said is one more function in `_SENTENCES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..model.event import GATHERING, Event
from ..model.run import Reason, Run, State
from ..model.units import format_duration, iso
from .admission import Limits
from .verdict import Rules

_DEATHS: Mapping[str, str] = {
    Reason.RETRIES_EXHAUSTED: "it failed and had no retry left",
    Reason.FATAL: "no retry can help against its error",
    Reason.TIMEOUT: "it ran into its time limit and had no retry left",
    Reason.OUT_OF_MEMORY: "it ran into its memory limit and had no retry left",
    Reason.ENVIRONMENT_DIED: "the process that ran it ended and it had no retry left",
    Reason.WORKER_LOST: "its workers went away too often",
    Reason.LOOP: "its events go round in a loop",
    Reason.EVENT_AGE_EXCEEDED: "its event was too old",
    Reason.ZERO_CONCURRENCY: "its function may run nothing at once",
}


_SKIPS: Mapping[str, str] = {
    Reason.OVERLAP: "the run of the fire time before was still under way",
    Reason.SUPERSEDED: "a newer version of its file came before it began",
    "existing": "its file was there before the trigger looked for the first time; jupyter fn backfill runs it",
    Reason.FILTERED: "its function's filter does not take its event",
    Reason.LOOP: "its events go round in a loop",
}


def whither(event: Event) -> str:
    """Where an event went, as the end of a sentence; "" when it has a run of its own."""
    if event.batch == GATHERING:
        return ", which waits for others to go into a batch with it"
    return f", which went into the batch {event.batch}" if event.batch else ""


_UNLIMITED = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A run, and what there is to know around it. What is left out is not known, or is not so."""

    run: Run
    now: float
    rules: Rules  # its version's
    paused: bool = False  # its function is
    rests: str = ""  # why its function's triggers do
    limits: Limits = _UNLIMITED
    running: int = 0  # runs of its function that workers hold
    running_of_key: int = 0  # and those of its concurrency key
    parked_by: str = ""  # id of the run that died in its ordered lane
    ahead: str = ""  # id of the run of its lane that goes first
    parent: Run | None = None
    children: tuple[Run, ...] = ()
    why_not: str = ""  # what the filter says of its event

    @property
    def startable(self) -> bool:
        """It waits, and nothing is to come before it but its turn."""
        return self.run.state in (State.QUEUED, State.WAITING) and self.run.due <= self.now

    @property
    def going_on(self) -> list[Run]:
        """The runs that go on with it: its parts, or its redrive."""
        return [child for child in self.children if child.replay == self.run.replay]


Sentence = Callable[[Case], str]


def explain_run(case: Case) -> list[str]:
    """Sentences on one run: where it is, why, and what comes next."""
    return [said for make in _SENTENCES if (said := make(case))]


def explain_event(name: str, version: int, why_not: str | None) -> list[str]:
    """Sentences on an event that may come; `why_not` is what the version's filter says of it, None when it has none."""
    if why_not is None:
        return [f"{name} has no filter: version {version} handles every event."]
    if why_not:
        return [f"The filter of {name} (version {version}) does not take this event.", why_not]
    return [f"The filter of {name} (version {version}) takes this event."]


# --- where it is --------------------------------------------------------------------------------------------------


def _where(case: Case) -> str:
    return f"Run {case.run.id} {_WHERE[case.run.state](case)}."


def _waiting(case: Case) -> str:
    due = case.run.due
    why = "asked to come back later" if case.run.throttled else "failed"
    return f"{why} and is tried again at {iso(due)}, in {format_duration(max(due - case.now, 0.0))}"


def _queued(case: Case) -> str:
    since = case.run.created
    return f"is queued since {iso(since)}, for {format_duration(max(case.now - since, 0.0))}"


def _claimed(case: Case) -> str:
    return f"is given to worker {case.run.worker}"


def _running(case: Case) -> str:
    killed = " and is being cancelled" if case.run.cancel_requested else ""
    return f"runs on worker {case.run.worker}{killed}"


def _publishing(case: Case) -> str:
    return f"has succeeded and puts {len(case.run.staged)} files in place"


def _succeeded(case: Case) -> str:
    return f"succeeded at {iso(case.run.ended)}"


def _dead(case: Case) -> str:
    why = _DEATHS.get(case.run.reason, case.run.reason)
    advice = "" if case.going_on else f"; redrive it with: {_redrive(case.run)}"
    return f"is dead since {iso(case.run.ended)}: {why}{advice}"


def _unknown(case: Case) -> str:
    run = case.run
    advice = "" if case.going_on else f"; look, and if it did not, redrive it with: {_redrive(run)}"
    return f"is unknown since {iso(run.ended)}: it ended behind its effect {run.barrier!r}, which may have happened{advice}"


def _split(case: Case) -> str:
    return (
        f"was split at {iso(case.run.ended)}: some of its {case.run.batch_size} items failed, and not all are to blame"
    )


def _cancelled(case: Case) -> str:
    return f"was cancelled at {iso(case.run.ended)}"


def _skipped(case: Case) -> str:
    return f"was skipped at {iso(case.run.ended)}: {_SKIPS.get(case.run.reason, case.run.reason)}".rstrip(": ")


def _ended(case: Case) -> str:
    return f"ended as {case.run.state.value} at {iso(case.run.ended)}"


def _redrive(run: Run) -> str:
    return f"jupyter fn redrive {run.function} --ids {run.id}"


_WHERE: Mapping[State, Sentence] = {
    **dict.fromkeys(State, _ended),
    State.QUEUED: _queued,
    State.CLAIMED: _claimed,
    State.RUNNING: _running,
    State.PUBLISHING: _publishing,
    State.WAITING: _waiting,
    State.SUCCEEDED: _succeeded,
    State.DEAD: _dead,
    State.UNKNOWN: _unknown,
    State.SPLIT: _split,
    State.CANCELLED: _cancelled,
    State.SKIPPED: _skipped,
}


# --- where it comes from, and who goes on with it ------------------------------------------------------------------


def _because(case: Case) -> str:
    return case.why_not if case.run.reason == Reason.FILTERED else ""


def _replayed(case: Case) -> str:
    return f"It belongs to the replay {case.run.replay}, apart from the live runs." if case.run.replay else ""


def _comes_from(case: Case) -> str:
    run, parent = case.run, case.parent
    if parent is None:
        return ""
    if parent.state is State.SPLIT and parent.replay == run.replay:
        return f"It handles {run.batch_size} of the items of run {parent.id}, which was split."
    return f"It runs the event of run {parent.id} again{', as it was edited' if run.data is not None else ''}."


def _goes_on(case: Case) -> str:
    going_on = case.going_on
    if not going_on:
        return ""
    how = "Its items are with" if case.run.state is State.SPLIT else "It was run again as"
    return f"{how} {_runs(going_on)}."


def _was_replayed(case: Case) -> str:
    others = [child for child in case.children if child.replay != case.run.replay]
    return f"Replays ran its event again: {_runs(others)}." if others else ""


def _runs(some: Iterable[Run]) -> str:
    return ", ".join(f"run {run.id} ({run.state.shown})" for run in some)


# --- what it waits for: the first that has something to say ----------------------------------------------------------


def _held_up(case: Case) -> str:
    if not case.startable:
        return ""
    return next(said for make in _OBSTACLES if (said := make(case)))


def _paused(case: Case) -> str:
    name = case.run.function
    return f"{name} is paused; start it again with: jupyter fn resume {name}" if case.paused else ""


def _resting(case: Case) -> str:
    return f"The triggers of {case.run.function} rest. {case.rests}" if case.rests else ""


def _parked(case: Case) -> str:
    name, lane, dead = case.run.function, case.run.lane, case.parked_by
    if not dead:
        return ""
    return (
        f"The lane of {lane!r} rests since run {dead} died in it; go on with: jupyter fn redrive {name} --ids {dead}, "
        f"or without it: jupyter fn resume {name} --key {lane!r}"
    )


def _behind(case: Case) -> str:
    if not (case.run.rank and case.ahead) or case.ahead == case.run.id:
        return ""
    return f"Runs of {case.run.lane!r} go one after the other; run {case.ahead} is before it."


def _full(case: Case) -> str:
    limit = case.limits.total
    if limit is None or case.running < limit:
        return ""
    return f"{case.running} of at most {limit} runs of {case.run.function} are under way."


def _full_of_key(case: Case) -> str:
    limit, key = case.limits.per_key, case.run.concurrency_key
    if limit is None or not key or case.running_of_key < limit:
        return ""
    return f"{case.running_of_key} of at most {limit} runs of {case.run.function} for {key!r} are under way."


def _soon(case: Case) -> str:
    return "It starts as soon as a worker has room."


_OBSTACLES: tuple[Sentence, ...] = (_paused, _resting, _parked, _behind, _full, _full_of_key, _soon)


def _in_time(case: Case) -> str:
    limit = case.rules.max_age_s
    if limit is None or case.run.state not in (State.QUEUED, State.WAITING):
        return ""
    return f"It is given up when it has not begun by {iso(case.run.created + limit)}."


# --- what became of its attempts ----------------------------------------------------------------------------------


def _attempts(case: Case) -> str:
    made = case.run.attempts - case.run.lost - case.run.throttled
    return f"Attempt {made} of at most {case.rules.retries + 1}." if made else ""


def _throttled(case: Case) -> str:
    count = case.run.throttled
    return f"{count} more asked to come back later and do not count." if count else ""


def _lost(case: Case) -> str:
    count = case.run.lost
    return f"{count} more were lost with their workers and do not count." if count else ""


def _last_error(case: Case) -> str:
    error = case.run.error
    if not error or case.run.state is State.SUCCEEDED:
        return ""
    return f"Its last error: {error.get('type', 'error')}: {error.get('message', '')}".rstrip(": ")


_SENTENCES: tuple[Sentence, ...] = (
    *(_where, _because, _replayed, _comes_from, _goes_on, _was_replayed),
    *(_held_up, _in_time, _attempts, _throttled, _lost, _last_error),
)
