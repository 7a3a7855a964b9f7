"""Attempts, one append-only row each, and their logs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from ..model.codec import dumps, loads
from ..model.run import Attempt, Usage
from .dialect import insert
from .payloads import pack, unpack
from .rows import inserting
from .schema import attempts, logs, runs

_USAGE = tuple(field.name for field in dataclasses.fields(Usage))
_INSERT = inserting(attempts)
_KEEP = insert(logs)
_KEEP = _KEEP.on_conflict_do_update(index_elements=[logs.c.run_id, logs.c.attempt], set_={"text": _KEEP.excluded.text})
_OWN = ("number", "token", "worker", "started", "ended", "state", "billed_ms")


def append(conn: Connection, ended: Sequence[tuple[int, Attempt]]) -> None:
    """Store attempts, each with its run's `seq`. Internal to the store: `runs.apply` does it."""
    if ended:
        _INSERT.write(conn, [_row_of(seq, attempt) for seq, attempt in ended])


def attempts_of(conn: Connection, run_id: str) -> list[Attempt]:
    """The attempts of a run, in order."""
    of_run = select(attempts).join(runs, runs.c.seq == attempts.c.run).where(runs.c.id == run_id)
    return [_to_attempt(run_id, row) for row in conn.execute(of_run.order_by(attempts.c.token))]


def mean_durations(conn: Connection, since: float) -> dict[tuple[str, int], float]:
    """(function, version) → mean handler milliseconds of the successful attempts that ended after `since`."""
    rows = conn.execute(
        select(runs.c.function, runs.c.version, func.avg(attempts.c.duration_ms))
        .join(runs, runs.c.seq == attempts.c.run)
        .where(attempts.c.ended > since, attempts.c.state == "succeeded")
        .group_by(runs.c.function, runs.c.version)
    )
    return {(function, version): mean for function, version, mean in rows}


def latest_end(conn: Connection) -> float:
    """When the attempt ended that ended last of all, epoch seconds; 0 when there is none."""
    return float(conn.execute(select(func.max(attempts.c.ended))).scalar() or 0.0)


def save_log(conn: Connection, run_id: str, attempt: int, text: str) -> None:
    """Keep what an attempt printed; a later text of the same attempt replaces it."""
    conn.execute(_KEEP, {"run_id": run_id, "attempt": attempt, "text": pack(conn, text)})


def log_of(conn: Connection, run_id: str, attempt: int | None = None) -> str:
    """What one attempt printed, or all attempts one after the other."""
    query = select(logs.c.text).where(logs.c.run_id == run_id).order_by(logs.c.attempt)
    if attempt is not None:
        query = query.where(logs.c.attempt == attempt)
    return "".join(unpack(conn, text) for text in conn.execute(query).scalars().all())


def _row_of(seq: int, attempt: Attempt) -> dict[str, Any]:
    error = None if attempt.error is None else dumps(attempt.error)
    return {**vars(attempt.usage), **vars(attempt), "run": seq, "cold": int(attempt.usage.cold), "error": error}


def _to_attempt(run_id: str, row: Row[Any]) -> Attempt:
    usage = {name: getattr(row, name) for name in _USAGE} | {"cold": bool(row.cold)}
    return Attempt(
        run_id=run_id,
        usage=Usage(**usage),
        error=None if row.error is None else loads(row.error),
        **{name: getattr(row, name) for name in _OWN},
    )
