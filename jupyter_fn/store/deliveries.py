"""The outbox: records on their way to destinations outside the store, entered with the end of their run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from .dialect import insert, storable
from .payloads import pack, unpack
from .schema import IS_DEAD, IS_DUE, deliveries

DUE, DONE, DEAD = "due", "done", "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One record for one target."""

    id: str
    function: str
    run_id: str
    target: str  # as `model.target.parse_target` reads it
    body: Any  # JSON
    created: float
    due: float  # not sent before
    tries: int = 0  # that were refused
    state: str = DUE  # due | done | dead
    error: str = ""  # what the last refusal said


def enter(conn: Connection, new: Sequence[Delivery]) -> None:
    """Have these sent. One whose id is there already is passed over."""
    if new:
        rows = [{**_row(one), "body": pack(conn, one.body)} for one in new]
        conn.execute(insert(deliveries).on_conflict_do_nothing(), rows)


def _row(delivery: Delivery) -> dict[str, Any]:
    names = ("id", "function", "run_id", "target", "created", "due", "tries", "state", "error")
    return {name: getattr(delivery, name) for name in names}


def due(
    conn: Connection, now: float, limit: int, *, besides: Collection[str] = (), without: Collection[str] = ()
) -> list[Delivery]:
    """What is to be sent now, the longest due first; nothing for targets in `besides`, nor of functions in `without`."""
    query = _of_others(select(deliveries).where(IS_DUE, deliveries.c.due <= now), without)
    query = query.where(deliveries.c.target.not_in(list(besides))) if besides else query
    return [_to_delivery(conn, row) for row in conn.execute(query.order_by(deliveries.c.due).limit(limit)).all()]


def _of_others(query: Select[Any], functions: Collection[str]) -> Select[Any]:
    return query.where(deliveries.c.function.not_in(list(functions))) if functions else query


def next_due(conn: Connection, now: float, *, without: Collection[str] = ()) -> float | None:
    """When the next one becomes due, after `now`; None when none does."""
    later = _of_others(select(func.min(deliveries.c.due)).where(IS_DUE, deliveries.c.due > now), without)
    moment: float | None = conn.execute(later).scalar()
    return moment


def waiting_beyond(conn: Connection, now: float) -> list[tuple[str, int, float]]:
    """`(id, tries, due)` of all that wait for a moment after `now`."""
    names = (deliveries.c.id, deliveries.c.tries, deliveries.c.due)
    return [tuple(row) for row in conn.execute(select(*names).where(IS_DUE, deliveries.c.due > now))]


def hasten(conn: Connection, delivery_id: str, due: float) -> None:
    """It is sent again at `due` already."""
    _change(conn, delivery_id, due=due)


def done(conn: Connection, delivery_id: str) -> None:
    """The target has taken it."""
    _change(conn, delivery_id, state=DONE, error="")


def refused(conn: Connection, delivery_id: str, error: str, *, tries: int, due: float | None) -> None:
    """The target has not taken it: it is sent again at `due`, or never when that is None."""
    again = {"state": DEAD} if due is None else {"due": due}
    _change(conn, delivery_id, error=storable(error), tries=tries, **again)


def of_run(conn: Connection, run_id: str) -> list[Delivery]:
    """The deliveries of a run, oldest first."""
    rows = conn.execute(select(deliveries).where(deliveries.c.run_id == run_id).order_by(deliveries.c.seq))
    return [_to_delivery(conn, row) for row in rows.all()]


def dead_count(conn: Connection, function: str) -> int:
    """How many deliveries of a function were given up."""
    given_up = select(func.count()).select_from(deliveries).where(IS_DEAD, deliveries.c.function == function)
    return int(conn.execute(given_up).scalar() or 0)


def _change(conn: Connection, delivery_id: str, **values: Any) -> None:
    conn.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))


def _to_delivery(conn: Connection, row: Row[Any]) -> Delivery:
    values = {name: value for name, value in row._mapping.items() if name != "seq"}
    return Delivery(**{**values, "body": unpack(conn, row.body)})
