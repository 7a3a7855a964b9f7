"""Triggers and their positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..model.codec import dumps, loads
from ..model.errors import NotFound
from ..model.trigger import Trigger
from .bell import News, ring
from .dialect import storable
from .schema import functions, triggers

ACTIVE, ENDED, REMOVED = "active", "ended", "removed"
UNFOLLOWED = ""  # the alias of a trigger that only names the ledger of a backfill
_REVIVED = frozenset({REMOVED, "failing"})  # publishing again is a new try; what has ended or was paused stays so


def replace(conn: Connection, function: str, alias: str, wanted: Sequence[Trigger]) -> list[Trigger]:
    """Make `wanted` exactly the triggers of this alias. Gives them as stored.

    One whose id is known keeps its position and its ledger of events, also when it had been removed in between. The
    others of this alias become `removed`.
    """
    ring(conn, News.FUNCTIONS)
    ids = [trigger.id for trigger in wanted]
    gone = (triggers.c.function == function, triggers.c.alias == alias, triggers.c.id.not_in(ids))
    conn.execute(update(triggers).where(*gone).values(state=REMOVED))
    for trigger in wanted:
        _put(conn, trigger)
    return [get(conn, trigger_id) for trigger_id in ids]


def _put(conn: Connection, trigger: Trigger) -> None:
    there = conn.execute(select(triggers.c.state, triggers.c.alias).where(triggers.c.id == trigger.id)).first()
    row = _row_of(trigger)
    if there is None:
        conn.execute(insert(triggers), row)
        return
    kept = {name: row[name] for name in ("function", "alias", "uri", "scheme", "options", "folder", "target")}
    if there.state in _REVIVED or there.alias == UNFOLLOWED:
        kept |= {"state": ACTIVE, "error": ""}
    conn.execute(update(triggers).where(triggers.c.id == trigger.id).values(kept))


def keep(conn: Connection, trigger: Trigger) -> None:
    """Enter a trigger that nobody follows, for its ledger. One that is known keeps its position; were it removed, it is
    shown again."""
    row = {**_row_of(trigger), "alias": UNFOLLOWED, "state": ENDED}
    state = conn.execute(select(triggers.c.state).where(triggers.c.id == trigger.id)).scalar()
    if state is None:
        conn.execute(insert(triggers), row)
    elif state == REMOVED:
        shown = {"alias": UNFOLLOWED, "state": ENDED, "error": ""}
        conn.execute(update(triggers).where(triggers.c.id == trigger.id).values(shown))


def get(conn: Connection, trigger_id: str) -> Trigger:
    """One trigger, removed or not. Raises NotFound."""
    row = conn.execute(select(triggers).where(triggers.c.id == trigger_id)).first()
    if row is None:
        raise NotFound(f"There is no trigger {trigger_id!r}.", "jupyter fn show NAME lists a function's triggers.")
    return _to_trigger(row)


def list_active(conn: Connection) -> list[Trigger]:
    """Triggers to poll: active or failing ones, of active functions."""
    rows = conn.execute(
        select(triggers)
        .join(functions, functions.c.name == triggers.c.function)
        .where(triggers.c.state.in_((ACTIVE, "failing")), functions.c.state == "active")
        .order_by(triggers.c.id)
    )
    return [_to_trigger(row) for row in rows]


def list_known(conn: Connection) -> list[Trigger]:
    """Triggers of all functions that look, or will look again."""
    rows = conn.execute(select(triggers).where(triggers.c.state.not_in((REMOVED, "ended"))).order_by(triggers.c.id))
    return [_to_trigger(row) for row in rows]


def unseen(conn: Connection, function: str) -> list[str]:
    """The active triggers of a function at which nobody has looked yet: their ids."""
    fresh = (triggers.c.function == function, triggers.c.state == ACTIVE, triggers.c.position.is_(None))
    return list(conn.execute(select(triggers.c.id).where(*fresh)).scalars())


def of_function(conn: Connection, function: str) -> list[Trigger]:
    """The triggers of a function that are not removed."""
    rows = conn.execute(
        select(triggers)
        .where(triggers.c.function == function, triggers.c.state != REMOVED)
        .order_by(triggers.c.created, triggers.c.id)
    )
    return [_to_trigger(row) for row in rows]


def set_position(conn: Connection, trigger_id: str, position: Any) -> bool:
    """Keep how far the source has read; False when the trigger is gone."""
    text = None if position is None else dumps(position)
    there = (triggers.c.id == trigger_id, triggers.c.state != REMOVED)
    return bool(conn.execute(update(triggers).where(*there).values(position=text)).rowcount)


def set_state(conn: Connection, trigger_id: str, state: str, error: str = "") -> bool:
    """active | paused | ended | failing (say why in `error`); False when the trigger is gone."""
    there = (triggers.c.id == trigger_id, triggers.c.state != REMOVED)
    return bool(conn.execute(update(triggers).where(*there).values(state=state, error=storable(error))).rowcount)


def remove_all(conn: Connection, function: str) -> None:
    """Every trigger of a function becomes `removed`."""
    ring(conn, News.FUNCTIONS)
    conn.execute(update(triggers).where(triggers.c.function == function).values(state=REMOVED))


def _row_of(trigger: Trigger) -> dict[str, Any]:
    names = ("id", "function", "alias", "uri", "scheme", "folder", "state", "created", "error", "target")
    position = None if trigger.position is None else dumps(trigger.position)
    row = {name: getattr(trigger, name) for name in names}
    return {**row, "options": dumps(dict(trigger.options)), "position": position}


def _to_trigger(row: Row[Any]) -> Trigger:
    position = None if row.position is None else loads(row.position)
    return Trigger(**{**row._mapping, "options": loads(row.options), "position": position})
