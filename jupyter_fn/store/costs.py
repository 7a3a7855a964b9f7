"""Exact sums of what runs used, and the time of the workers they ran on. Prices are `policy.pricing`'s."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, update

from ..model.codec import loads
from ..model.errors import BadValue, nearest
from ..policy.pricing import ClusterTime, Sums
from .dialect import day_of
from .dialect import insert as upsert
from .schema import attempts, runs, services, versions, worker_busy, workers

UNTAGGED = "(no tag)"
_EPOCH = date(1970, 1, 1)
_COLUMNS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "function": (runs.c.function,),
    "trigger": (runs.c.trigger,),
    "day": (day_of(runs.c.created),),
    "version": (runs.c.function, runs.c.version),
    "tag": (runs.c.function, runs.c.version),
}
_under_way = case((runs.c.state.in_(("claimed", "running")), 1), else_=0)
_requests = runs.c.attempts - runs.c.lost - _under_way  # as policy.pricing.billed_attempts counts them
_WHOLE = (
    func.count(),
    func.sum(_requests),
    func.sum(runs.c.billed_ms),
    func.sum(runs.c.billed_ms * runs.c.memory_mb),
    func.sum(runs.c.cpu_ms),
    func.sum(runs.c.bytes_read),
    func.sum(runs.c.bytes_written),
)
_WHOLE_NAMES = ("runs", "requests", "billed_ms", "mb_ms", "cpu_ms", "bytes_read", "bytes_written")
_WASTED = (func.count(), func.sum(attempts.c.billed_ms * runs.c.memory_mb))
_WASTED_NAMES = ("wasted_requests", "wasted_mb_ms")


def sums(conn: Connection, by: str, *, function: str | None = None, since: float | None = None) -> list[Sums]:
    """Sums per key and price book, over the runs created at or after `since`, exact to the last millisecond.

    Parameters:
        by: `function` · `trigger` (its id) · `day` (UTC date) · `version` (`name:3`) · `tag` (`K=V`, of the run's version).
            A run with several tags stands under each of them, so only the rows of `tag` may sum to more than there was.

    Raises:
        BadValue: another word in `by`.
    """
    if by not in _COLUMNS:
        raise BadValue(f"Costs cannot be grouped by {by!r}.", nearest(by, list(_COLUMNS)))
    columns = (*_COLUMNS[by], runs.c.price_book)
    chosen = [runs.c.state != "skipped"]
    chosen += [runs.c.function == function] if function is not None else []
    chosen += [runs.c.created >= since] if since is not None else []
    found: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(dict)
    for query, names in ((_whole(columns), _WHOLE_NAMES), (_wasted(columns), _WASTED_NAMES)):
        for row in conn.execute(query.where(*chosen).group_by(*columns)):
            found[tuple(row[: len(columns)])].update(_numbers(row[len(columns) :], names))
    keys_of = _keys(conn, by)
    parts = [Sums(key=key, price_book=group[-1], **n) for group, n in found.items() for key in keys_of(group[:-1])]
    return _merged(parts)


def _whole(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    return select(*columns, *_WHOLE)


def _wasted(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Attempts that were paid for and brought nothing: all but the last one of a run that succeeded."""
    clean = and_(runs.c.state == "succeeded", runs.c.attempts - runs.c.lost == 1)
    winner = and_(runs.c.state.in_(("succeeded", "publishing")), attempts.c.token == runs.c.token)
    return (
        select(*columns, *_WASTED)
        .join(attempts, attempts.c.run == runs.c.seq)
        .where(~clean, ~winner, attempts.c.state != "lost")
    )


def _numbers(values: Iterable[Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: float(value) if name == "cpu_ms" else int(value) for name, value in zip(names, values, strict=True)}


def _keys(conn: Connection, by: str) -> Callable[[tuple[Any, ...]], list[str]]:
    """What a group is called."""
    if by == "day":
        return lambda group: [(_EPOCH + timedelta(days=group[0])).isoformat()]
    if by == "version":
        return lambda group: [f"{group[0]}:{group[1]}"]
    if by == "tag":
        options = conn.execute(select(versions.c.function, versions.c.number, versions.c.options))
        tags = {(name, number): [f"{k}={v}" for k, v in loads(text)["tags"].items()] for name, number, text in options}
        return lambda group: tags.get(group) or [UNTAGGED]
    return lambda group: [group[0]]


def _merged(parts: Iterable[Sums]) -> list[Sums]:
    """One row per key and price book, by key."""
    merged: dict[tuple[str, str], Sums] = {}
    for part in parts:
        name = (part.key, part.price_book)
        merged[name] = _plus(merged[name], part) if name in merged else part
    return [merged[name] for name in sorted(merged)]


def _plus(one: Sums, other: Sums) -> Sums:
    numbers = (*_WHOLE_NAMES, *_WASTED_NAMES)
    return dataclasses.replace(one, **{name: getattr(one, name) + getattr(other, name) for name in numbers})


# --- the cluster's own ledger --------------------------------------------------------------------------------------


def worker_joined(conn: Connection, worker_id: str, name: str, slots: int, at: float, *, service: str = "") -> None:
    """A worker incarnation begins to cost; it works for that service. Told twice, the first time counts."""
    row = {"id": worker_id, "name": name, "slots": slots, "joined": at, "left": None, "service": service}
    conn.execute(upsert(workers).on_conflict_do_nothing(), row)


def workers_stay(conn: Connection, worker_ids: Collection[str]) -> None:
    """They are there, whatever others have thought of them meanwhile."""
    conn.execute(update(workers).where(workers.c.id.in_(worker_ids), workers.c.left.is_not(None)).values(left=None))


def worker_left(conn: Connection, worker_id: str, at: float) -> None:
    """It costs no more. Told twice, the first time counts."""
    conn.execute(update(workers).where(workers.c.id == worker_id, workers.c.left.is_(None)).values(left=at))


def add_busy(conn: Connection, worker_id: str, seconds: float, at: float) -> None:
    """During the `seconds` before `at` the worker held at least one run. Kept by the minute."""
    rows = [{"worker": worker_id, "minute": minute, "busy_s": part} for minute, part in _minutes(at - seconds, at)]
    if not rows:
        return
    statement = upsert(worker_busy)
    longer = {"busy_s": worker_busy.c.busy_s + statement.excluded.busy_s}
    keys = [worker_busy.c.worker, worker_busy.c.minute]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=longer), rows)


def _minutes(start: float, end: float) -> Iterator[tuple[int, float]]:
    while start < end:
        minute = int(start // 60)
        until = min(end, (minute + 1) * 60.0)
        yield minute, until - start
        start = until


def close_workers(conn: Connection) -> None:
    """After a service has died: workers that nobody saw leave, and that work for none that lives, are taken to have left
    after their last busy minute."""
    last = (
        select(func.max(worker_busy.c.minute) * 60.0 + 60.0)
        .where(worker_busy.c.worker == workers.c.id)
        .correlate(workers)
        .scalar_subquery()
    )
    left = case((last > workers.c.joined, last), else_=workers.c.joined)
    alone = workers.c.service.not_in(select(services.c.id))
    conn.execute(update(workers).where(workers.c.left.is_(None), alone).values(left=left))


def cluster(conn: Connection, since: float | None, now: float) -> ClusterTime:
    """Worker-seconds from `since` (None = ever) to `now`, and the busy ones of them."""
    start = since or 0.0
    alive = select(workers.c.joined, workers.c.left).where(or_(workers.c.left.is_(None), workers.c.left > start))
    worker_s = sum(max(0.0, min(left or now, now) - max(joined, start)) for joined, left in conn.execute(alive))
    minutes = select(worker_busy.c.minute, func.sum(worker_busy.c.busy_s)).group_by(worker_busy.c.minute)
    rows = conn.execute(minutes.where(worker_busy.c.minute >= int(start // 60)))
    busy_s = sum(busy * min(1.0, (minute + 1) - start / 60) for minute, busy in rows)
    return ClusterTime(worker_s=worker_s, busy_s=min(busy_s, worker_s))
