"""Whether everything that was observed is accounted for: the ledger's balance (guarantee G9). It counts items: an event is
one, a batch as many as it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.run import State

GATHERING = "gathering"  # entered in the ledger, and waits to go into a batch
SUPERSEDED = "superseded"  # entered in the ledger, but a newer one of its kind took its place
_COLUMN: Mapping[str, str] = {
    **{state.value: "pending" for state in State if not state.terminal},
    GATHERING: "pending",
    State.SUCCEEDED: "done",
    State.FAILED: "dead",
    State.DEAD: "dead",
    State.UNKNOWN: "dead",  # waits for a person, as a dead one does
    State.CANCELLED: "skipped",
    State.SKIPPED: "skipped",
    SUPERSEDED: "superseded",
}
PENDING = frozenset(state for state, column in _COLUMN.items() if column == "pending")


def audit(admitted: int, states: Mapping[str, int], *, listed: int = 0) -> dict[str, Any]:
    """CONTRACT's audit JSON.

    Args:
        admitted: how many items the ledger has.
        states: how many of them are in which state. What has no state that is known here is missing, and shows as
            imbalance; so does a batch that is split and does not go on.
        listed: how many more the sources list that are not entered yet.
    """
    columns = dict.fromkeys(("done", "pending", "dead", "skipped", "superseded"), 0)
    for state, count in states.items():
        if state in _COLUMN:
            columns[_COLUMN[state]] += count
    columns["pending"] += listed
    observed = admitted + listed
    return {"observed": observed, **columns, "balanced": observed == sum(columns.values())}
