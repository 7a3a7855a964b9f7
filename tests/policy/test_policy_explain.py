"""Why a run is where it is, in sentences."""

import dataclasses

import pytest

from jupyter_fn.model.errors import HandlerFailed
from jupyter_fn.model.event import GATHERING, Event
from jupyter_fn.model.run import Reason, Run, Staged, State
from jupyter_fn.policy.admission import Limits
from jupyter_fn.policy.explain import Case, explain_event, explain_run, whither
from jupyter_fn.policy.verdict import Rules

NOW = 1_000.0
ERROR = HandlerFailed("no such column", kind="KeyError").to_dict()
AROUND = {field.name for field in dataclasses.fields(Case)} - {"run", "now", "rules"}


def a_run(**fields: object) -> Run:
    base = {"id": "r1", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e1"}
    return Run(**{**base, "created": NOW - 5, "memory_mb": 512, **fields})


def sentences(state: State, *, rules: Rules | None = None, **given: object) -> str:
    around = {name: given.pop(name) for name in AROUND & given.keys()}
    case = Case(run=a_run(state=state, **given), now=NOW, rules=rules or Rules(), **around)
    return "\n".join(explain_run(case))


# --- where it is


@pytest.mark.parametrize(
    ("state", "words", "changes"),
    [
        (State.QUEUED, "is queued since 1970", {}),
        (State.QUEUED, "for 5 s.", {}),
        (State.CLAIMED, "given to worker w1", {}),
        (State.RUNNING, "runs on worker w1.", {}),
        (State.RUNNING, "being cancelled", {"cancel_requested": True}),
        (State.PUBLISHING, "puts 1 files in place", {"staged": (Staged(staged="a", target="b", size=1),)}),
        (State.SUCCEEDED, "succeeded at 1970", {}),
        (State.CANCELLED, "was cancelled", {}),
        (State.UNKNOWN, "its effect 'pay', which may have happened", {"barrier": "pay"}),
        (State.UNKNOWN, "jupyter fn redrive f --ids r1", {"barrier": "pay"}),
        (State.SPLIT, "some of its 4 items failed", {"batch_size": 4}),
        (State.SKIPPED, "was skipped at 1970", {"reason": Reason.OVERLAP}),
        (State.FAILED, "ended as failed", {}),
    ],
)
def test_every_state_has_a_sentence(state: State, words: str, changes: dict) -> None:
    assert words in sentences(state, worker="w1", ended=NOW, **changes)


@pytest.mark.parametrize("state", State)
def test_a_run_alone_in_the_world_is_explained(state: State) -> None:
    first, *others = sentences(state).splitlines()
    assert first.startswith("Run r1 ")
    assert all(line.endswith(".") for line in (first, *others))


def test_a_waiting_run_says_when_and_why() -> None:
    text = sentences(State.WAITING, due=NOW + 30, attempts=3, lost=1, error=ERROR)
    assert "failed and is tried again at" in text
    assert "in 30 s" in text
    assert "Attempt 2 of at most 3." in text
    assert "1 more were lost" in text
    assert "KeyError: no such column" in text
    assert "as soon as" not in text


def test_one_that_was_throttled_has_not_failed() -> None:
    text = sentences(State.WAITING, due=NOW + 30, attempts=3, throttled=2, error=ERROR)
    assert "asked to come back later and is tried again" in text
    assert "Attempt 1 of at most 3." in text
    assert "2 more asked to come back later and do not count." in text


def test_one_with_a_limit_of_age_says_until_when() -> None:
    rules = Rules(max_age_s=55.0)
    assert "when it has not begun by 1970-01-01T00:17:30" in sentences(State.QUEUED, rules=rules)
    assert "has not begun by" not in sentences(State.RUNNING, rules=rules)


@pytest.mark.parametrize("reason", [*Reason])
def test_a_dead_run_says_how_to_bring_it_back(reason: Reason) -> None:
    text = sentences(State.DEAD, reason=reason, ended=NOW, error=ERROR)
    assert "jupyter fn redrive f --ids r1" in text


@pytest.mark.parametrize("reason", [Reason.RETRIES_EXHAUSTED, Reason.FATAL, Reason.TIMEOUT, Reason.EVENT_AGE_EXCEEDED])
def test_a_dead_run_says_why_in_words(reason: Reason) -> None:
    assert reason.value not in sentences(State.DEAD, reason=reason, ended=NOW)


def test_a_skipped_run_says_why() -> None:
    assert "the run of the fire time before was still under way." in sentences(
        State.SKIPPED, reason="Overlap", ended=NOW
    )
    assert "jupyter fn backfill" in sentences(State.SKIPPED, reason="existing", ended=NOW)
    filtered = {"reason": "Filtered", "ended": NOW, "why_not": "n is 1, which [2] does not take."}
    assert sentences(State.SKIPPED, **filtered).endswith("n is 1, which [2] does not take.")
    assert sentences(State.SKIPPED, reason="Because", ended=NOW).endswith(": Because.")


# --- where it comes from, and who goes on with it


def test_a_split_run_names_its_parts_and_a_part_its_whole() -> None:
    parts = (a_run(id="r2", state=State.SUCCEEDED), a_run(id="r3", state=State.CLAIMED))
    text = sentences(State.SPLIT, ended=NOW, children=parts)
    assert "Its items are with run r2 (succeeded), run r3 (running)." in text
    whole = a_run(id="r0", state=State.SPLIT)
    assert "It handles 2 of the items of run r0, which was split." in sentences(
        State.QUEUED, parent=whole, batch_size=2
    )


def test_a_redriven_run_names_its_redrive_and_asks_for_no_other() -> None:
    again = (a_run(id="r2", state=State.QUEUED, parent="r1"),)
    for state in (State.DEAD, State.UNKNOWN):
        text = sentences(state, ended=NOW, children=again)
        assert "It was run again as run r2 (queued)." in text
        assert "jupyter fn redrive" not in text


def test_a_redrive_names_what_it_runs_again() -> None:
    dead = a_run(id="r0", state=State.DEAD)
    assert "It runs the event of run r0 again." in sentences(State.QUEUED, parent=dead)
    assert "of run r0 again, as it was edited." in sentences(State.QUEUED, parent=dead, data={"n": 1})


def test_a_replay_is_told_apart() -> None:
    replayed = (a_run(id="r2", state=State.SUCCEEDED, replay="again"),)
    text = sentences(State.DEAD, ended=NOW, children=replayed)
    assert "Replays ran its event again: run r2 (succeeded)." in text
    assert "jupyter fn redrive" in text  # it still waits for somebody
    assert "It belongs to the replay again" in sentences(State.QUEUED, replay="again")


# --- what it waits for


@pytest.mark.parametrize(
    ("around", "words"),
    [
        ({}, "as soon as a worker has room"),
        ({"paused": True}, "jupyter fn resume f"),
        ({"rests": "Half of the last 20 failed."}, "The triggers of f rest. Half of the last 20 failed."),
        ({"parked_by": "r0", "lane": "a", "rank": "1"}, "The lane of 'a' rests since run r0 died in it"),
        ({"parked_by": "r0", "lane": "a", "rank": "1"}, "jupyter fn resume f --key 'a'"),
        ({"ahead": "r0", "lane": "a", "rank": "1"}, "Runs of 'a' go one after the other; run r0 is before it."),
        ({"ahead": "r1", "lane": "a", "rank": "1"}, "as soon as"),
        ({"limits": Limits(total=2), "running": 2}, "2 of at most 2 runs of f are under way."),
        ({"limits": Limits(total=2), "running": 1}, "as soon as"),
        (
            {"limits": Limits(per_key=1), "running_of_key": 1, "concurrency_key": "k"},
            "1 of at most 1 runs of f for 'k' are under way.",
        ),
        ({"limits": Limits(per_key=1), "running_of_key": 0, "concurrency_key": "k"}, "as soon as"),
    ],
)
def test_one_that_waits_says_for_what(around: dict, words: str) -> None:
    assert words in sentences(State.QUEUED, **around)
    assert words in sentences(State.WAITING, due=NOW, **around)
    assert words not in sentences(State.WAITING, due=NOW + 1, **around)
    assert words not in sentences(State.RUNNING, **around)


def test_the_nearest_obstacle_is_named_and_no_other() -> None:
    text = sentences(State.QUEUED, paused=True, rests="x", parked_by="r0", lane="a", rank="1")
    assert "is paused" in text
    assert "rest" not in text


# --- events


def test_an_event_that_may_come_is_taken_or_not() -> None:
    assert explain_event("f", 2, None) == ["f has no filter: version 2 handles every event."]
    assert explain_event("f", 2, "") == ["The filter of f (version 2) takes this event."]
    assert explain_event("f", 2, "Because.") == ["The filter of f (version 2) does not take this event.", "Because."]


def test_an_event_may_be_in_a_batch_or_wait_for_one() -> None:
    base = {"id": "e", "seq": 1, "function": "f", "trigger": "t", "key": "k", "type": "x", "source": "s"}
    ways = {batch: whither(Event(**base, time=0.0, admitted=0.0, batch=batch)) for batch in ("", "b1", GATHERING)}
    assert ways[""] == ""
    assert ways["b1"].endswith("into the batch b1")
    assert "waits for others" in ways[GATHERING]
