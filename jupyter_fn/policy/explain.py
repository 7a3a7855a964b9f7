"""Why a run is where it is, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.event import GATHERING, Event
from ..model.run import Reason, Run, State
from ..model.units import format_duration, iso

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
    Reason.FILTERED: "its function's filter does not take its event",
    Reason.LOOP: "its events go round in a loop",
}


def whither(event: Event) -> str:
    """Where an event went, as the end of a sentence; "" when it has a run of its own."""
    if event.batch == GATHERING:
        return ", which waits for others to go into a batch with it"
    return f", which went into the batch {event.batch}" if event.batch else ""


def explain_run(
    run: Run,
    *,
    now: float,
    retries: int,
    paused: bool = False,
    rests: str = "",
    limit: int | None = None,
    running: int = 0,
    why_not: str = "",
) -> list[str]:
    """Sentences on one run: where it is, why, and what comes next.

    `retries` and `limit` (concurrency) are its version's options; `paused` and `running` (runs held) its function's state;
    `rests` says why its function's triggers do, `why_not` is what the filter says of its event.
    """
    about = _SENTENCES[run.state](run, now)
    held_up = _held_up(run, now, paused, rests, limit, running)
    because = [why_not] if why_not and run.reason == Reason.FILTERED else []
    return [f"Run {run.id} {about}.", *because, *held_up, *_history(run, retries)]


def explain_event(name: str, version: int, why_not: str | None) -> list[str]:
    """Sentences on an event that may come; `why_not` is what the version's filter says of it, None when it has none."""
    if why_not is None:
        return [f"{name} has no filter: version {version} handles every event."]
    if why_not:
        return [f"The filter of {name} (version {version}) does not take this event.", why_not]
    return [f"The filter of {name} (version {version}) takes this event."]


def _held_up(run: Run, now: float, paused: bool, rests: str, limit: int | None, running: int) -> list[str]:
    if run.state not in (State.QUEUED, State.WAITING) or run.due > now:
        return []
    if paused:
        return [f"{run.function} is paused; start it again with: jupyter fn resume {run.function}"]
    if rests:
        return [f"The triggers of {run.function} rest. {rests}"]
    if limit is not None and running >= limit:
        return [f"{running} of at most {limit} runs of {run.function} are under way."]
    return ["It starts as soon as a worker has room."]


def _history(run: Run, retries: int) -> list[str]:
    made = run.attempts - run.lost
    lines = [f"Attempt {made} of at most {retries + 1}."] if made else []
    if run.lost:
        lines.append(f"{run.lost} more were lost with their workers and do not count.")
    if run.error and run.state is not State.SUCCEEDED:
        lines.append(f"Its last error: {_error_text(run.error)}")
    return lines


def _error_text(error: Mapping[str, Any]) -> str:
    return f"{error.get('type', 'error')}: {error.get('message', '')}".rstrip(": ")


def _waiting(run: Run, now: float) -> str:
    return f"failed and is tried again at {iso(run.due)}, in {format_duration(max(run.due - now, 0.0))}"


def _queued(run: Run, now: float) -> str:
    return f"is queued since {iso(run.created)}, for {format_duration(max(now - run.created, 0.0))}"


def _claimed(run: Run, now: float) -> str:
    return f"is given to worker {run.worker}"


def _running(run: Run, now: float) -> str:
    killed = " and is being cancelled" if run.cancel_requested else ""
    return f"runs on worker {run.worker}{killed}"


def _publishing(run: Run, now: float) -> str:
    return f"has succeeded and puts {len(run.staged)} files in place"


def _succeeded(run: Run, now: float) -> str:
    return f"succeeded at {iso(run.ended)}"


def _dead(run: Run, now: float) -> str:
    why = _DEATHS.get(run.reason, run.reason)
    return f"is dead since {iso(run.ended)}: {why}; redrive it with: jupyter fn redrive {run.function} --ids {run.id}"


def _unknown(run: Run, now: float) -> str:
    return (
        f"is unknown since {iso(run.ended)}: it ended behind its effect {run.barrier!r}, which may have happened; "
        f"look, and if it did not, redrive it with: jupyter fn redrive {run.function} --ids {run.id}"
    )


def _cancelled(run: Run, now: float) -> str:
    return f"was cancelled at {iso(run.ended)}"


def _skipped(run: Run, now: float) -> str:
    return f"was skipped at {iso(run.ended)}: {_SKIPS.get(run.reason, run.reason)}".rstrip(": ")


def _ended(run: Run, now: float) -> str:
    return f"ended as {run.state.value} at {iso(run.ended)}"


_SENTENCES: Mapping[State, Callable[[Run, float], str]] = {
    **dict.fromkeys(State, _ended),
    State.QUEUED: _queued,
    State.CLAIMED: _claimed,
    State.RUNNING: _running,
    State.PUBLISHING: _publishing,
    State.WAITING: _waiting,
    State.SUCCEEDED: _succeeded,
    State.DEAD: _dead,
    State.UNKNOWN: _unknown,
    State.CANCELLED: _cancelled,
    State.SKIPPED: _skipped,
}
