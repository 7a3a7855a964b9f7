"""The ledger of a function: what became of every item that was admitted (G9). An event is one item, a batch as many as it
holds; members of a batch are counted in it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Select, func, select

from ..model.run import State
from ..policy.audit import GATHERING, SUPERSEDED
from .schema import IS_GATHERING, IS_SUPERSEDED, NO_PARENT, NONE, events, runs, triggers

Counts = Counter[tuple[str, str]]  # (trigger id, state) → items


def admitted_counts(conn: Connection, function: str) -> dict[str, int]:
    """Trigger id → number of items admitted."""
    outside = events.c.batch.in_((NONE, IS_GATHERING))
    rows = conn.execute(
        select(events.c.trigger, func.sum(events.c.size))
        .where(events.c.function == function, outside)
        .group_by(events.c.trigger)
    )
    return {row[0]: int(row[1]) for row in rows}


def trigger_counts(conn: Connection, function: str) -> dict[str, dict[str, int]]:
    """Trigger id → shown state, `gathering` or `superseded` → number of items.

    Each item counts once, in the run that has it last: a run that was redriven or split stands back behind those that
    go on with it, and replays do not count. So the numbers of a trigger sum to the items that it admitted.
    """
    counts = _by_trigger(conn, _all_runs(function))
    counts.subtract(_by_trigger(conn, _continued(function)))
    superseded = _by_trigger(conn, _superseded(function))
    counts.subtract(superseded)
    shown: dict[str, dict[str, int]] = {}
    for (trigger, state), count in sorted(counts.items()):
        _add(shown, trigger, State(state).shown, count)
    for (trigger, _), count in sorted(superseded.items()):
        _add(shown, trigger, SUPERSEDED, count)
    for trigger, count in gathering_counts(conn, function).items():
        _add(shown, trigger, GATHERING, count)
    return shown


def gathering_counts(conn: Connection, function: str) -> dict[str, int]:
    """Trigger id → number of events that wait to go into a batch; triggers with none are left out."""
    own = select(triggers.c.id).where(triggers.c.function == function)
    waiting = (events.c.trigger.in_(own), events.c.batch == IS_GATHERING)
    rows = conn.execute(select(events.c.trigger, func.count()).where(*waiting).group_by(events.c.trigger))
    return {row[0]: row[1] for row in rows}


def _add(shown: dict[str, dict[str, int]], trigger: str, state: str, count: int) -> None:
    if count:
        of_trigger = shown.setdefault(trigger, {})
        of_trigger[state] = of_trigger.get(state, 0) + count


def _by_trigger(conn: Connection, query: Select[Any]) -> Counts:
    return Counter({(trigger, state): int(count) for trigger, state, count in conn.execute(query)})


def _items() -> Select[Any]:
    return select(runs.c.trigger, runs.c.state, func.sum(runs.c.batch_size)).group_by(runs.c.trigger, runs.c.state)


def _all_runs(function: str) -> Select[Any]:
    return _items().where(runs.c.function == function, runs.c.replay == NONE)


def _continued(function: str) -> Select[Any]:
    """Runs that others go on with: they were redriven or split."""
    child = runs.alias("child")
    going_on = (child.c.function == function, child.c.parent != NO_PARENT, child.c.replay == NONE)
    return _items().where(runs.c.id.in_(select(child.c.parent).where(*going_on)), runs.c.replay == NONE)


def _superseded(function: str) -> Select[Any]:
    return _items().where(runs.c.function == function, runs.c.reason == IS_SUPERSEDED, runs.c.replay == NONE)
