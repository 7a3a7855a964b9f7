"""The ledger of a function: what became of every event that was admitted (G9)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Select, func, select

from ..model.run import State
from .schema import NO_PARENT, events, runs


def admitted_counts(conn: Connection, function: str) -> dict[str, int]:
    """Trigger id → number of events admitted."""
    rows = conn.execute(
        select(events.c.trigger, func.count()).where(events.c.function == function).group_by(events.c.trigger)
    )
    return {row[0]: row[1] for row in rows}


def trigger_counts(conn: Connection, function: str) -> dict[str, dict[str, int]]:
    """Trigger id → shown state → number of events whose newest run is in that state.

    Each event counts once: a run that was redriven stands back behind its redrive. So the numbers of a trigger sum to
    the events that it admitted.
    """
    counts = Counter(_by_trigger(conn, _all_runs(function)))
    counts.subtract(_by_trigger(conn, _overtaken(function)))
    shown: dict[str, dict[str, int]] = {}
    for (trigger, state), count in sorted(counts.items()):
        if count:
            of_trigger = shown.setdefault(trigger, {})
            of_trigger[State(state).shown] = of_trigger.get(State(state).shown, 0) + count
    return shown


def _by_trigger(conn: Connection, query: Select[Any]) -> dict[tuple[str, str], int]:
    return {(trigger, state): count for trigger, state, count in conn.execute(query)}


def _all_runs(function: str) -> Select[Any]:
    return (
        select(runs.c.trigger, runs.c.state, func.count())
        .where(runs.c.function == function)
        .group_by(runs.c.trigger, runs.c.state)
    )


def _overtaken(function: str) -> Select[Any]:
    """Runs with a newer run of the same event. Only events with a child run can have one, and those are few."""
    child, newer = runs.alias("child"), runs.alias("newer")
    redriven = select(child.c.event_id).where(child.c.parent != NO_PARENT, child.c.function == function)
    overtaken = select(newer.c.seq).where(newer.c.event_id == runs.c.event_id, newer.c.seq > runs.c.seq).exists()
    return (
        select(runs.c.trigger, runs.c.state, func.count())
        .where(runs.c.event_id.in_(redriven), overtaken)
        .group_by(runs.c.trigger, runs.c.state)
    )
