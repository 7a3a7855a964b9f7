"""Runs that wait too long, or in vain."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from ..model.codec import loads
from ..model.run import Run
from .runrow import COLUMNS, to_run
from .schema import QUEUED, WAITING, runs, versions

_WAIT = runs.c.state.in_((QUEUED, WAITING))


def ages(conn: Connection) -> dict[str, dict[int, float]]:
    """Function → version → how old its events may get, in seconds; versions whose events may get any age are left out."""
    named = select(versions.c.function, versions.c.number, versions.c.options)
    found: dict[str, dict[int, float]] = {}
    for function, number, text in conn.execute(named.where(versions.c.options.like('%"max_age_s"%'))):
        found.setdefault(function, {})[number] = float(loads(text)["max_age_s"])
    return found


def older(conn: Connection, function: str, version: int, before: float, *, most: int) -> list[Run]:
    """Runs of a version that wait, of events from before that moment."""
    old = (runs.c.function == function, _WAIT, runs.c.version == version, runs.c.created < before)
    return [to_run(conn, row) for row in conn.execute(select(*COLUMNS).where(*old).limit(most)).all()]


def oldest(conn: Connection, function: str, of_versions: Mapping[int, float]) -> float | None:
    """When the first of the runs that wait is too old; None when none of these versions waits. `of_versions` as in `ages`."""
    mine = (runs.c.function == function, _WAIT, runs.c.version.in_(list(of_versions)))
    rows = conn.execute(select(runs.c.version, func.min(runs.c.created)).where(*mine).group_by(runs.c.version)).all()
    return min((created + of_versions[version] for version, created in rows), default=None)


def of_function(conn: Connection, function: str, *, most: int) -> list[Run]:
    """Runs of a function that wait."""
    waits = select(*COLUMNS).where(runs.c.function == function, _WAIT)
    return [to_run(conn, row) for row in conn.execute(waits.limit(most)).all()]
