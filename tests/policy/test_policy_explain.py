"""Why a run is where it is, in sentences."""

import pytest

from jupyter_fn.model.errors import HandlerFailed
from jupyter_fn.model.run import Reason, Run, Staged, State
from jupyter_fn.policy.explain import explain_event, explain_run

NOW = 1_000.0


def sentences(
    state: State,
    *,
    paused: bool = False,
    limit: int | None = None,
    running: int = 0,
    why_not: str = "",
    **changes: object,
) -> str:
    base = {"id": "r1", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e1"}
    run = Run(**{**base, "created": NOW - 5, "memory_mb": 512, "state": state, **changes})
    said = explain_run(run, now=NOW, retries=2, paused=paused, limit=limit, running=running, why_not=why_not)
    return "\n".join(said)


ERROR = HandlerFailed("no such column", kind="KeyError").to_dict()


def test_a_queued_run_says_what_it_waits_for() -> None:
    assert "for 5 s." in sentences(State.QUEUED)
    assert "as soon as a worker has room" in sentences(State.QUEUED)
    assert "jupyter fn resume f" in sentences(State.QUEUED, paused=True)
    assert "2 of at most 2 runs of f are under way" in sentences(State.QUEUED, limit=2, running=2)
    assert "as soon as" in sentences(State.QUEUED, limit=2, running=1)


def test_a_waiting_run_says_when_and_why() -> None:
    text = sentences(State.WAITING, due=NOW + 30, attempts=2, lost=1, error=ERROR)
    assert "in 30 s" in text
    assert "Attempt 1 of at most 3." in text
    assert "1 more were lost" in text
    assert "KeyError: no such column" in text
    assert "as soon as" not in text


@pytest.mark.parametrize("reason", [Reason.RETRIES_EXHAUSTED, Reason.FATAL, Reason.TIMEOUT, Reason.WORKER_LOST])
def test_a_dead_run_says_how_to_bring_it_back(reason: Reason) -> None:
    text = sentences(State.DEAD, reason=reason, ended=NOW, error=ERROR)
    assert "jupyter fn redrive f --ids r1" in text
    assert reason.value not in text


@pytest.mark.parametrize(
    ("state", "words", "changes"),
    [
        (State.CLAIMED, "given to worker w1", {}),
        (State.RUNNING, "runs on worker w1.", {}),
        (State.RUNNING, "being cancelled", {"cancel_requested": True}),
        (State.PUBLISHING, "puts 1 files in place", {"staged": (Staged(staged="a", target="b", size=1),)}),
        (State.SUCCEEDED, "succeeded at 1970", {}),
        (State.CANCELLED, "was cancelled", {}),
        (State.UNKNOWN, "its effect 'pay', which may have happened", {"barrier": "pay"}),
        (State.UNKNOWN, "jupyter fn redrive f --ids r1", {"barrier": "pay"}),
        (State.SKIPPED, "was skipped at 1970", {"reason": Reason.OVERLAP}),
    ],
)
def test_every_state_has_a_sentence(state: State, words: str, changes: dict) -> None:
    assert words in sentences(state, worker="w1", ended=NOW, **changes)


def test_a_skipped_run_says_why() -> None:
    assert "the run of the fire time before was still under way." in sentences(
        State.SKIPPED, reason="Overlap", ended=NOW
    )
    filtered = {"reason": "Filtered", "ended": NOW, "why_not": "n is 1, which [2] does not take."}
    assert sentences(State.SKIPPED, **filtered).endswith("n is 1, which [2] does not take.")
    assert sentences(State.SKIPPED, reason="Because", ended=NOW).endswith(": Because.")


def test_an_event_that_may_come_is_taken_or_not() -> None:
    assert explain_event("f", 2, None) == ["f has no filter: version 2 handles every event."]
    assert explain_event("f", 2, "") == ["The filter of f (version 2) takes this event."]
    assert explain_event("f", 2, "Because.") == ["The filter of f (version 2) does not take this event.", "Because."]
