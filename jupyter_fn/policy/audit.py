"""Whether everything that was observed is accounted for: the ledger's balance (guarantee G9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..model.run import State

SUPERSEDED = "superseded"  # entered in the ledger, but a newer one of its kind took its place
_COLUMN: Mapping[str, str] = {
    **{state.value: "pending" for state in State if not state.terminal},
    State.SUCCEEDED: "done",
    State.SPLIT: "done",  # its children stand in the ledger themselves
    State.FAILED: "dead",
    State.DEAD: "dead",
    State.UNKNOWN: "dead",  # waits for a person, as a dead one does
    State.CANCELLED: "skipped",
    State.SKIPPED: "skipped",
    SUPERSEDED: "superseded",
}


def audit(observed: int, states: Mapping[str, int]) -> dict[str, Any]:
    """CONTRACT's audit JSON.

    Args:
        observed: how many events were observed: in the ledger, or in the source's listing and not yet in the ledger.
        states: how many of them are in which state: an event's is that of its newest run, `skipped` when it was entered
            without one, `queued` when it is listed but not entered yet. What has no state is missing, and shows as
            imbalance.
    """
    columns = dict.fromkeys(("done", "pending", "dead", "skipped", "superseded"), 0)
    for state, count in states.items():
        if state in _COLUMN:
            columns[_COLUMN[state]] += count
    return {"observed": observed, **columns, "balanced": observed == sum(columns.values())}


def take_stock(listed: Iterable[str] | None, ledger: Mapping[str, str]) -> tuple[int, Counter[str]]:
    """`(observed, states)` for `audit`, from event keys: what the source lists now (None = it cannot), and the state of
    every key in the ledger ("" when it has neither a run nor a reason to have none)."""
    waiting = set(listed or ()) - ledger.keys()
    states = Counter(ledger.values())
    states[State.QUEUED] += len(waiting)
    return len(ledger) + len(waiting), states
