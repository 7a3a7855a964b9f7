"""What has come into the store since somebody looked last, whoever has done it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ..model.run import Run
from .runrow import COLUMNS, to_run
from .schema import finishes, is_held, marks, records, runs

_MOST = 2000  # finished runs of one look


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far somebody has looked."""

    finish: int = 0  # newest `seq`
    record: int = 0  # the same
    functions: int = 0  # how often functions have changed


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new, and how far that goes."""

    place: Place
    finished: list[tuple[str, str, str]]  # run id, its function, the worker that held it last
    topics: set[str]
    more: bool  # there are more finished runs


def here(conn: Connection) -> Place:
    """Where it stands now."""
    return Place(
        finish=int(conn.execute(select(func.max(finishes.c.seq))).scalar() or 0),
        record=int(conn.execute(select(func.max(records.c.seq))).scalar() or 0),
        functions=_functions(conn),
    )


def since(conn: Connection, place: Place) -> Changes:
    """What has come after `place`; of very much the oldest part."""
    ended = select(finishes.c.seq, runs.c.id, finishes.c.function, runs.c.worker).join(
        runs, runs.c.seq == finishes.c.run
    )
    rows = conn.execute(ended.where(finishes.c.seq > place.finish).order_by(finishes.c.seq).limit(_MOST)).all()
    grown = select(records.c.topic, func.max(records.c.seq)).where(records.c.seq > place.record)
    topics: dict[str, int] = {row[0]: row[1] for row in conn.execute(grown.group_by(records.c.topic))}
    now = Place(
        finish=rows[-1].seq if rows else place.finish,
        record=max(topics.values(), default=place.record),
        functions=_functions(conn),
    )
    finished = [(row.id, row.function, row.worker) for row in rows]
    return Changes(now, finished, set(topics), more=len(rows) == _MOST)


def _functions(conn: Connection) -> int:
    return int(conn.execute(select(marks.c.seq).where(marks.c.name == "functions")).scalar() or 0)


def to_stop(conn: Connection, workers: Collection[str]) -> list[Run]:
    """Runs that these workers hold and somebody wants stopped."""
    wanted = (is_held(runs), runs.c.cancel_requested == 1, runs.c.worker.in_(workers))
    return [to_run(conn, row) for row in conn.execute(select(*COLUMNS).where(*wanted)).all()]
