"""Lanes that rest: the first run of an ordered lane died, and the others wait for a person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from ..model.run import Run
from .bell import ring_queued
from .dialect import insert
from .schema import NONE, OPEN, parked, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A lane that rests, and the run that died in it."""

    function: str
    lane: str
    run_id: str
    since: float  # epoch seconds


def park(conn: Connection, run: Run, now: float) -> None:
    """The lane of that run goes on no further. Parking it twice keeps the first."""
    row = {"function": run.function, "lane": run.lane, "run_id": run.id, "since": now}
    conn.execute(insert(parked).on_conflict_do_nothing(), row)


def release(conn: Connection, function: str, lanes: Collection[str] | None = None) -> int:
    """Lanes of a function go on, those named or all of them; how many have rested."""
    ring_queued(conn, [function])
    chosen = () if lanes is None else (parked.c.lane.in_(list(lanes)),)
    return conn.execute(delete(parked).where(parked.c.function == function, *chosen)).rowcount


def parked_of(conn: Connection, function: str) -> list[Parked]:
    """The lanes of a function that rest, the longest first."""
    rows = conn.execute(select(parked).where(parked.c.function == function).order_by(parked.c.since, parked.c.lane))
    return [Parked(**row._mapping) for row in rows]


def first_of(conn: Connection, function: str, lane: str) -> str:
    """The id of the run that goes first in an ordered lane; "" when none has a place in it."""
    in_line = (runs.c.function == function, runs.c.lane == lane, runs.c.state.in_(OPEN), runs.c.rank != NONE)
    first = select(runs.c.id).where(*in_line).order_by(runs.c.rank, runs.c.seq).limit(1)
    return conn.execute(first).scalar() or ""
