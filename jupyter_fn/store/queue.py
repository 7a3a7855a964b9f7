"""The queue: which runs may be claimed, and how much waits.

Runs without a lane stand in one line per function. Runs with a lane (`--order-by`, `--concurrency-key`) stand in one line
per lane, and a claim reads some of each of many lanes, beginning behind the lane that was served last, so that a long line
of one lane never holds up another lane.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from ..model.event import BY_HAND
from ..model.run import Run
from ..policy.again import BACKFILL_PRIORITY
from .dialect import Worded, picks
from .recent import recent
from .runrow import COLUMNS, to_run
from .runs import get_all
from .schema import NONE, OPEN, QUEUED, WAITING, functions, is_held, parked, runs

_NOW: BindParameter[float] = bindparam("now")
_MOST: BindParameter[int] = bindparam("most")
_FUNCTION: BindParameter[str] = bindparam("function")
_EXCLUDED: BindParameter[Any] = bindparam("excluded", expanding=True)
_HELD_BACK: BindParameter[Any] = bindparam("held_back", expanding=True)


def claimable(
    conn: Connection,
    now: float,
    limit: int,
    *,
    exclude: Collection[str] = (),
    held_back: Collection[str] = (),
    served: Mapping[str, str] | None = None,
) -> list[Run]:
    """Runs that may be claimed: queued, or waiting and due; of active functions that are not in `exclude` (those at their
    limit); of functions in `held_back` only what was invoked by hand. Some more than `limit` may come; `take_turns` of
    `policy.admission` puts them in order. Of more than `limit` ripe retries of one function the longest due are considered
    first.

    `served`: function → the lane that was served last.
    """
    given = {"now": now, "most": limit, "excluded": [*exclude, *held_back]}
    rows = list(conn.execute(_CLAIMABLE.of(conn), given))
    if held_back:
        rows += conn.execute(_BY_HAND, {"now": now, "most": limit, "held_back": sorted(set(held_back) - set(exclude))})
    found = _known_or_read(conn, rows)
    for name in conn.execute(_WITH_LANES, {"excluded": given["excluded"]}).scalars().all():
        found += _of_lanes(conn, name, limit, now, (served or {}).get(name, ""))
    return found


def _known_or_read(conn: Connection, rows: Sequence[Row[Any]]) -> list[Run]:
    """The runs of rows that were selected as `_FOUND`, in their order."""
    known = recent(conn)
    here = [known.run(row.id, row.seq) if row.token == 0 else None for row in rows]
    unknown = [row.id for row, run in zip(rows, here, strict=True) if run is None]
    read = get_all(conn, unknown) if unknown else {}
    return [run or read[row.id] for row, run in zip(rows, here, strict=True)]


_FOUND = (runs.c.id, runs.c.seq, runs.c.token)


def _claimable(lateral: bool) -> Select[Any]:
    """Per function the first of its line and of what has waited long enough; so a long backlog of one function, or of a
    paused one, is never walked through to find the work of another."""
    queue, waiting = runs.alias("queue"), runs.alias("waiting")
    first = (
        select(queue.c.seq)
        .where(queue.c.state == QUEUED, queue.c.lane == NONE, queue.c.function == functions.c.name, queue.c.due <= _NOW)
        .order_by(queue.c.priority, queue.c.seq)
    )
    ripe = (
        select(waiting.c.seq)
        .where(waiting.c.state == WAITING, waiting.c.function == functions.c.name, waiting.c.due <= _NOW)
        .where(or_(waiting.c.rank == NONE, _leads(waiting)))
        .order_by(waiting.c.due)
    )
    active = (functions.c.state == "active", functions.c.name.not_in(_EXCLUDED))
    lines = (picks(functions, some.limit(_MOST), runs, lateral=lateral) for some in (first, ripe))
    heads = union_all(*(line.where(*active) for line in lines))
    return select(*_FOUND).where(runs.c.seq.in_(heads)).order_by(runs.c.priority, runs.c.seq).limit(_MOST)


def _leads(run: Any) -> ColumnElement[bool]:
    """Whether a run is the first of its ordered lane, and the lane goes on."""
    earlier = runs.alias("earlier")
    before = or_(earlier.c.rank < run.c.rank, and_(earlier.c.rank == run.c.rank, earlier.c.seq < run.c.seq))
    of_lane = (earlier.c.function == run.c.function, earlier.c.lane == run.c.lane)
    rests = exists().where(parked.c.function == run.c.function, parked.c.lane == run.c.lane)
    return and_(~exists().where(*of_lane, earlier.c.state.in_(OPEN), earlier.c.rank != NONE, before), ~rests)


def _by_hand() -> Select[Any]:
    ripe = and_(runs.c.state.in_((QUEUED, WAITING)), runs.c.due <= _NOW, or_(runs.c.rank == NONE, _leads(runs)))
    chosen = (ripe, runs.c.trigger == BY_HAND, runs.c.function.in_(_HELD_BACK), functions.c.state == "active")
    query = select(*_FOUND).join(functions, functions.c.name == runs.c.function).where(*chosen)
    return query.order_by(runs.c.priority, runs.c.seq).limit(_MOST)


# --- lanes -------------------------------------------------------------------------------------------------------


def _of_lanes(conn: Connection, function: str, limit: int, now: float, served: str) -> list[Run]:
    """Some of each lane, from the one behind `served` on and around. Lanes of which nothing may be claimed are passed."""
    found: list[Run] = []
    around = _around(conn, function, served, limit)
    while len(found) < limit and (lanes := list(islice(around, limit))):
        found += _heads_of(conn, function, lanes, -(-limit // len(lanes)), now)
    return found


def _around(conn: Connection, function: str, served: str, page: int) -> Iterator[str]:
    """The lanes behind `served`, then the others up to it."""
    for lane, end in ((served, ""), ("", served)) if served else (("", ""),):
        lanes = [lane]
        while lanes:
            given = {"function": function, "after": lanes[-1], "end": end, "most": page}
            lanes = list(conn.execute(_LANES_TO if end else _LANES, given).scalars())
            yield from lanes


def _heads_of(conn: Connection, function: str, lanes: Sequence[str], each: int, now: float) -> list[Run]:
    rows = conn.execute(_HEADS.of(conn), {"function": function, "now": now, "lanes": lanes, "most": each})
    place = {lane: number for number, lane in enumerate(lanes)}
    heads = [to_run(conn, row) for row in rows.all()]
    return sorted(heads, key=lambda run: (place[run.lane], run.priority, run.rank, run.seq))


def _lanes(*, bounded: bool) -> Select[Any]:
    """The next lanes in text order that have something queued: one search of the index for each."""

    def following(lane: Any) -> Any:
        run = runs.alias()
        queued = [run.c.state == QUEUED, run.c.lane != NONE, run.c.function == _FUNCTION, run.c.lane > lane]
        queued += [run.c.lane <= bindparam("end")] if bounded else []
        return select(run.c.lane).where(*queued).order_by(run.c.lane).limit(1).scalar_subquery()

    walk = select(following(bindparam("after")).label("lane"), literal(1).label("number")).cte("walk", recursive=True)
    step = select(following(walk.c.lane), walk.c.number + 1).where(walk.c.lane.is_not(None), walk.c.number < _MOST)
    walk = walk.union_all(step)
    return select(walk.c.lane).where(walk.c.lane.is_not(None)).order_by(walk.c.number)


def _heads(lateral: bool) -> Select[Any]:
    """Of each lane the first run of its order, if that may be claimed, and the first of those that have none."""
    lanes: Subquery = (
        select(runs.c.lane)
        .where(runs.c.state == QUEUED, runs.c.lane != NONE, runs.c.function == _FUNCTION)
        .where(runs.c.lane.in_(bindparam("lanes", expanding=True)))
        .distinct()
        .subquery("lanes")
    )
    free, ranked = runs.alias("free"), runs.alias("ranked")
    queued = (free.c.state == QUEUED, free.c.lane != NONE, free.c.function == _FUNCTION, free.c.lane == lanes.c.lane)
    first = select(free.c.seq).where(*queued, free.c.rank == NONE).order_by(free.c.priority, free.c.seq).limit(_MOST)
    open_ = (ranked.c.state.in_(OPEN), ranked.c.rank != NONE, ranked.c.function == _FUNCTION)
    lead = (
        select(ranked.c.seq).where(*open_, ranked.c.lane == lanes.c.lane).order_by(ranked.c.rank, ranked.c.seq).limit(1)
    )
    rests = exists().where(parked.c.function == _FUNCTION, parked.c.lane == lanes.c.lane)
    seqs = union_all(
        picks(lanes, first, runs, lateral=lateral),
        picks(lanes, lead, runs, lateral=lateral).where(~rests),
    )
    return select(*COLUMNS).where(runs.c.seq.in_(seqs), runs.c.state == QUEUED, runs.c.due <= _NOW)


def lanes_wait(conn: Connection) -> bool:
    """Whether the end of a run may let another one go on that waits for it in its lane."""
    return bool(conn.execute(_LANES_WAIT).scalar())


def _lanes_wait() -> Select[Any]:
    queued, waiting = runs.alias(), runs.alias()
    laned = exists().where(queued.c.state == QUEUED, queued.c.lane != NONE)
    ranked = exists().where(waiting.c.state.in_(OPEN), waiting.c.rank != NONE, waiting.c.state == WAITING)
    return select(or_(laned, ranked))


def _with_lanes() -> Select[Any]:
    queued = (runs.c.state == QUEUED, runs.c.lane != NONE, runs.c.lane > NONE, runs.c.function == functions.c.name)
    some = select(runs.c.seq).where(*queued).correlate(functions).exists()
    return select(functions.c.name).where(functions.c.state == "active", functions.c.name.not_in(_EXCLUDED), some)


_CLAIMABLE, _HEADS = Worded(_claimable), Worded(_heads)
_BY_HAND, _WITH_LANES = _by_hand(), _with_lanes()
_LANES_WAIT = _lanes_wait()
_LANES, _LANES_TO = _lanes(bounded=False), _lanes(bounded=True)


# --- how much waits ----------------------------------------------------------------------------------------------


def next_due(conn: Connection, now: float) -> float | None:
    """When the next waiting run of an active function becomes due, after `now`; None when none waits."""
    value: float | None = conn.execute(_NEXT_DUE, {"now": now}).scalar()
    return value


def _next_due() -> Select[Any]:
    first = (
        select(func.min(runs.c.due))
        .where(runs.c.state == WAITING, runs.c.function == functions.c.name, runs.c.due > _NOW)
        .correlate(functions)
        .scalar_subquery()
    )
    return select(func.min(first)).where(functions.c.state == "active")


_NEXT_DUE = _next_due()


def waiting_beyond(conn: Connection, now: float) -> list[str]:
    """The ids of all runs that wait for a moment after `now`."""
    return list(conn.execute(select(runs.c.id).where(runs.c.state == WAITING, runs.c.due > now)).scalars())


def backlog(conn: Connection, now: float) -> dict[str, int]:
    """Function → how many runs could be claimed now, of active functions; those with none are left out. Of an ordered lane
    that is one at most."""
    return {row[0]: int(row[1]) for row in conn.execute(_BACKLOG, {"now": now})}


def _backlog() -> Select[Any]:
    lines = (
        (runs.c.state == QUEUED, runs.c.lane == NONE),
        (runs.c.state == QUEUED, runs.c.lane != NONE, runs.c.rank == NONE),
        (runs.c.state == WAITING,),
    )
    ordered = (runs.c.state == QUEUED, runs.c.lane != NONE, runs.c.rank != NONE)
    counted = [(func.count(), line) for line in lines] + [(func.count(runs.c.lane.distinct()), ordered)]
    ripe = (
        select(runs.c.function, number.label("count")).where(*line, runs.c.due <= _NOW).group_by(runs.c.function)
        for number, line in counted
    )
    counts = union_all(*ripe).subquery()
    total = select(counts.c.function, func.sum(counts.c.count)).join(functions, functions.c.name == counts.c.function)
    return total.where(functions.c.state == "active").group_by(counts.c.function)


_BACKLOG = _backlog()


def open_ids(conn: Connection, function: str) -> list[str]:
    """The ids of the runs of a function that have not ended, oldest first."""
    open_ = select(runs.c.id).where(runs.c.function == function, runs.c.state.in_(OPEN))
    return list(conn.execute(open_.order_by(runs.c.seq)).scalars())


def startable_of(conn: Connection, event_ids: Collection[str]) -> list[str]:
    """The ids of the runs of these events that no worker has and that may still begin; no replays."""
    startable = (runs.c.state.in_((QUEUED, WAITING)), runs.c.replay == NONE)
    return list(conn.execute(select(runs.c.id).where(runs.c.event_id.in_(event_ids), *startable)).scalars())


def under_way(conn: Connection, function: str, trigger: str) -> bool:
    """Whether a live run of that trigger has not ended yet, one that is neither a backfill nor a replay."""
    live = (runs.c.trigger == trigger, runs.c.priority < BACKFILL_PRIORITY)
    of_trigger = (runs.c.function == function, runs.c.state.in_(OPEN), *live)
    return conn.execute(select(runs.c.seq).where(*of_trigger).limit(1)).first() is not None


def held_counts(conn: Connection) -> dict[str, int]:
    """How many runs of each function workers hold now: what concurrency limits count. Functions with none are left out."""
    return {row[0]: row[1] for row in conn.execute(_HELD_COUNTS)}


_HELD_COUNTS = select(runs.c.function, func.count()).where(is_held(runs)).group_by(runs.c.function)


def held_counts_of_keys(conn: Connection) -> dict[tuple[str, str], int]:
    """The same for each concurrency key of each function."""
    key = (runs.c.function, runs.c.concurrency_key)
    rows = conn.execute(select(*key, func.count()).where(is_held(runs), key[1] != NONE).group_by(*key))
    return {(row[0], row[1]): row[2] for row in rows}


def held_for_triggers(conn: Connection, names: Collection[str]) -> set[str]:
    """Those of the functions of which workers hold a run that a trigger made."""
    if not names:
        return set()
    made = (is_held(runs), runs.c.function.in_(list(names)), runs.c.trigger != BY_HAND)
    return set(conn.execute(select(runs.c.function).where(*made).distinct()).scalars())


def held_by_worker(conn: Connection, worker: str) -> list[Run]:
    """What one worker holds."""
    return _read(conn, select(*COLUMNS).where(is_held(runs), runs.c.worker == worker))


def unfinished(conn: Connection) -> list[Run]:
    """What any worker holds, for recovery after a crash of the service."""
    held = _read(conn, select(*COLUMNS).where(is_held(runs)))
    return sorted(held, key=lambda run: run.seq)  # an ORDER BY seq would have SQLite walk over all runs instead


def _read(conn: Connection, query: Select[Any]) -> list[Run]:
    return [to_run(conn, row) for row in conn.execute(query).all()]
