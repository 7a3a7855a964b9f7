"""Events: admission, and the ledger of what was admitted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from ..model.codec import to_json
from ..model.errors import Conflict
from ..model.event import BY_HAND, GATHERING, Event, NewEvent
from ..model.ids import new_id
from ..model.run import Reason, Run
from . import runs, triggers
from .dialect import ByIds, insert, storable, storable_key
from .payloads import packed, unpack_data
from .recent import recent
from .rows import inserting, next_seqs
from .schema import events

MakeRun = Callable[[Event], Run]
_AT_ONCE = 5000  # keys in one IN (…)
_COLUMNS = tuple(events.c)
_NAMES = tuple(column.name for column in events.c)
_INSERT = inserting(events)
_INSERT_NEW = insert(events).on_conflict_do_nothing().returning(events.c.key)
_WHOLE = ByIds(select(*_COLUMNS), events.c.id)


def admit(
    conn: Connection,
    trigger_id: str,
    function: str,
    new_events: Sequence[NewEvent],
    *,
    position: Any,
    make_run: MakeRun,
    now: float,
) -> list[tuple[Event, Run]]:
    """Enter events, a run for each, and the source's position: all of it, in the caller's transaction.

    An event whose key the trigger has already is passed over (G2). One with `skip` gets a run in state `skipped`, which
    holds its place in the ledger. Gives what was new, in the order given; nothing at all when the trigger was removed
    in the meantime, and then the position does not move either.
    """
    if trigger_id != BY_HAND and not triggers.set_position(conn, trigger_id, position):
        return []
    return _enter(conn, trigger_id, function, new_events, make_run, now)


def invoke(
    conn: Connection, function: str, data: Mapping[str, Any], *, make_run: MakeRun, now: float, run_key: str = ""
) -> tuple[Event, Run]:
    """One event by hand. The same `run_key` with the same data gives the run that there is.

    Raises:
        Conflict: the key was used with other data.
    """
    new = _by_hand(function, data, now, run_key)
    entered = _enter(conn, BY_HAND, function, [new], make_run, now, new_keys=not run_key)
    if entered:
        return entered[0]
    event = by_key(conn, BY_HAND, hand_key(function, run_key))
    if event is None or event.data != to_json(data):
        raise Conflict(
            f"run_key {run_key!r} was used for {function} with another event.",
            "Choose another key, or send the same event.",
        )
    return event, runs.of_event(conn, event.id)[0]


def invoke_all(
    conn: Connection, function: str, all_data: Iterable[Mapping[str, Any]], *, make_run: MakeRun, now: float
) -> list[tuple[Event, Run]]:
    """Many events by hand, each of them new."""
    new_events = [_by_hand(function, data, now, "") for data in all_data]
    return _enter(conn, BY_HAND, function, new_events, make_run, now, new_keys=True)


def push(
    conn: Connection,
    trigger: str,
    function: str,
    new_events: Sequence[NewEvent],
    *,
    make_run: MakeRun,
    now: float,
) -> list[tuple[Event, Run]]:
    """Enter events that no source polls, those that the trigger has not yet; there is no position to move. Gives what was
    new, as `admit` does."""
    return _enter(conn, trigger, function, new_events, make_run, now)


def hand_key(function: str, run_key: str) -> str:
    """The key of an event by hand: all functions share the trigger `invoke`."""
    return f"{function}/{run_key}"


def _by_hand(function: str, data: Mapping[str, Any], now: float, run_key: str) -> NewEvent:
    key = hand_key(function, run_key or new_id())
    return NewEvent(key=key, type="invoke", source="jupyter-fn:invoke", time=now, data=data)


def _enter(
    conn: Connection,
    trigger: str,
    function: str,
    new_events: Sequence[NewEvent],
    make_run: MakeRun,
    now: float,
    *,
    new_keys: bool = False,
) -> list[tuple[Event, Run]]:
    entered = enter(conn, trigger, function, new_events, now, new_keys=new_keys)
    made = [first_run(event, new.skip, make_run) for event, new in entered]
    return list(zip((event for event, _ in entered), runs.insert_all(conn, made), strict=True))


def enter(
    conn: Connection,
    trigger: str,
    function: str,
    new_events: Sequence[NewEvent],
    now: float,
    *,
    gathers: bool = False,
    new_keys: bool = False,
) -> list[tuple[Event, NewEvent]]:
    """Enter events without runs, those that the trigger has not yet. Internal to the store. `gathers`: they wait for a
    batch, but for those with `skip`. `new_keys`: nobody has used them yet."""
    fresh: dict[str, NewEvent] = {}
    for new in new_events:
        fresh.setdefault(storable_key(new.key), new)  # of two with one key the first counts
    if not fresh:
        return []
    data = [packed(conn, new.data) for new in fresh.values()]
    rows = [
        _row_of(trigger, function, key, new, now, gathers=gathers, data=text)
        for (key, new), (text, _) in zip(fresh.items(), data, strict=True)
    ]
    characters = {row["id"]: length for row, (_, length) in zip(rows, data, strict=True)}
    for row, seq in zip(rows, next_seqs(conn, events, len(rows)), strict=True):
        row["seq"] = seq
    if new_keys:
        _INSERT.write(conn, rows)
    else:
        entered = set(conn.execute(_INSERT_NEW, rows).scalars())
        rows = [row for row in rows if row["key"] in entered]
    made = [(_event_of(row, new), new) for row in rows for new in (fresh[row["key"]],)]
    known = recent(conn)
    for event, new in made:
        if not event.batch and event.source == new.source:
            known.add_event(event, characters[event.id])
    return made


def first_run(event: Event, skip: str, make_run: MakeRun) -> Run:
    """The run that an event begins with; with `skip`, a reason, one that only holds its place in the ledger. What becomes
    of an event that goes round, `make_run` knows."""
    run = make_run(event)
    return run.skipped(skip, event.admitted) if skip and skip != Reason.LOOP else run


def _row_of(
    trigger: str, function: str, key: str, new: NewEvent, now: float, *, gathers: bool, data: str
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "function": function,
        "trigger": trigger,
        "key": key,
        "type": new.type,
        "source": storable(new.source),
        "time": new.time,
        "admitted": now,
        "data": data,
        "cause": new.cause,
        "hops": new.hops,
        "size": new.size,
        "batch": GATHERING if gathers and not new.skip else "",
    }


def _event_of(row: Mapping[str, Any], new: NewEvent) -> Event:
    return Event.filled({**row, "data": new.data})


def get(conn: Connection, event_id: str) -> Event | None:
    """The event with that id."""
    return get_all(conn, [event_id]).get(event_id)


def get_all(conn: Connection, event_ids: Collection[str]) -> dict[str, Event]:
    """Events by id; unknown ids are left out."""
    return {row.id: _to_event(conn, row) for row in _WHOLE.rows(conn, event_ids)}


def of_runs(conn: Connection, runs: Iterable[Run]) -> dict[str, Event]:
    """The events of queued runs, by id; of those that were entered just now without reading them."""
    known = recent(conn)
    found = {run.event_id: known.event(run.event_id) for run in runs}
    there = {event_id: event for event_id, event in found.items() if event is not None}
    return there | get_all(conn, found.keys() - there.keys()) if len(there) < len(found) else there


def by_key(conn: Connection, trigger_id: str, key: str) -> Event | None:
    """The event of that trigger with that key."""
    row = conn.execute(
        select(*_COLUMNS).where(events.c.trigger == trigger_id, events.c.key == storable_key(key))
    ).first()
    return None if row is None else _to_event(conn, row)


def of_path(conn: Connection, trigger_id: str, path: str, *, last: int = 10) -> list[Event]:
    """The last events of that trigger that a file of this path became, newest first. Their keys are `path` or `path@version`."""
    start = f"{storable(path)}@"
    of_it = (events.c.key == storable(path)) | ((events.c.key >= start) & (events.c.key < f"{start[:-1]}A"))
    found = select(*_COLUMNS).where(events.c.trigger == trigger_id, of_it).order_by(events.c.seq.desc()).limit(last)
    return [_to_event(conn, row) for row in conn.execute(found)]


def read(conn: Connection, *conditions: ColumnElement[bool]) -> list[Event]:
    """Events by conditions on their table, oldest first. Internal to the store."""
    rows = conn.execute(select(*_COLUMNS).where(*conditions).order_by(events.c.seq))
    return [_to_event(conn, row) for row in rows.all()]


def keys_of(conn: Connection, trigger_id: str, keys: Collection[str]) -> set[str]:
    """Which of these keys the trigger's ledger has."""
    known: set[str] = set()
    asked = list({storable_key(key) for key in keys})
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        found = select(events.c.key).where(events.c.trigger == trigger_id, events.c.key.in_(some))
        known.update(conn.execute(found).scalars())
    return {key for key in keys if storable_key(key) in known}


def _to_event(conn: Connection, row: Row[Any]) -> Event:
    values = dict(zip(_NAMES, row, strict=True))
    values["data"] = unpack_data(conn, values["data"])
    return Event.filled(values)
