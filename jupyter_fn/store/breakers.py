"""Circuit breakers that have tripped, and what their windows are made of again after a restart."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select

from ..model.event import BY_HAND
from ..model.run import State
from ..policy.breaker import Breaker
from .bell import News, ring
from .dialect import insert, storable
from .schema import NONE, breakers, finishes, runs

_LOOKED_AT = 1000  # of the last runs of a function, so many are looked at to find those that triggers made


def keep(conn: Connection, function: str, breaker: Breaker) -> None:
    """Remember where a breaker stands; its window is not kept."""
    ring(conn, News.FUNCTIONS)
    row = {"since": breaker.since, "until": breaker.until, "trips": breaker.trips, "error": storable(breaker.error)}
    statement = insert(breakers).values(function=function, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=[breakers.c.function], set_=row))


def forget(conn: Connection, function: str) -> None:
    """The function is gone."""
    ring(conn, News.FUNCTIONS)
    conn.execute(delete(breakers).where(breakers.c.function == function))


def kept(conn: Connection) -> dict[str, Breaker]:
    """Function → its breaker, of those that have ever tripped; without their windows."""
    rows = conn.execute(select(breakers)).all()
    return {row.function: Breaker(trips=row.trips, since=row.since, until=row.until, error=row.error) for row in rows}


def last_endings(conn: Connection, function: str, *, after: float, most: int) -> list[tuple[State, str]]:
    """State and reason of the last runs of a function that triggers made and that ended after that moment, oldest first."""
    found: list[tuple[float, State, str]] = []
    for state in (State.SUCCEEDED, State.DEAD, State.UNKNOWN):
        given = {"function": function, "state": state.value, "after": after, "most": most}
        found += [(row.ended, state, row.reason) for row in conn.execute(_LAST_ENDINGS, given)]
    return [(state, reason) for _, state, reason in sorted(found)[-most:]] if most > 0 else []


def _last_endings() -> Select[Any]:
    newest = (
        select(finishes.c.run)
        .where(finishes.c.function == bindparam("function"), finishes.c.state == bindparam("state"))
        .order_by(finishes.c.seq.desc())
        .limit(_LOOKED_AT)
    )
    live = (runs.c.trigger != BY_HAND, runs.c.replay == NONE)
    counted = (runs.c.seq.in_(newest), *live, runs.c.ended > bindparam("after"))
    return select(runs.c.ended, runs.c.reason).where(*counted).order_by(runs.c.ended.desc()).limit(bindparam("most"))


_LAST_ENDINGS = _last_endings()
