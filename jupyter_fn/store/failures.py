"""Runs that wait for a person: given up, or nobody knows, and not made again yet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from ..model.run import Run, State
from .runrow import COLUMNS, to_run
from .schema import NO_PARENT, runs

STATES = (State.DEAD, State.FAILED, State.UNKNOWN)
_MOST = 10_000
_AT_ONCE = 5000  # ids in one IN (…)


def is_failure(run: Any) -> ColumnElement[bool]:
    """Whether a row of `runs` waits for a person. A replay of its event is not that run made again."""
    child = runs.alias("child")
    again = select(child.c.seq).where(
        child.c.parent == run.c.id, child.c.parent != NO_PARENT, child.c.replay == run.c.replay
    )
    return and_(run.c.state.in_([state.value for state in STATES]), ~again.exists())


def failures(conn: Connection, function: str) -> list[Run]:
    """Those of a function, newest first; the newest ten thousand."""
    found = select(*COLUMNS).where(runs.c.function == function, is_failure(runs))
    return [to_run(conn, row) for row in conn.execute(found.order_by(runs.c.seq.desc()).limit(_MOST)).all()]


def among(conn: Connection, ids: Collection[str]) -> set[str]:
    """Which of these runs wait for a person."""
    found: set[str] = set()
    asked = list(ids)
    for start in range(0, len(asked), _AT_ONCE):
        some = select(runs.c.id).where(runs.c.id.in_(asked[start : start + _AT_ONCE]), is_failure(runs))
        found.update(conn.execute(some).scalars())
    return found
