"""Single events that go together: they gather in the ledger, without runs, until a batch takes them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from ..model.event import GATHERING, Event, NewEvent
from ..model.run import Run
from ..policy.splitting import has
from . import events, runs, triggers
from .events import MakeRun
from .schema import IS_GATHERING
from .schema import events as table

_GATHERING = table.c.batch == IS_GATHERING


def gather(
    conn: Connection,
    trigger_id: str,
    function: str,
    new_events: Sequence[NewEvent],
    *,
    position: Any,
    make_run: MakeRun,
    now: float,
) -> list[Event]:
    """As `events.admit`, but only an event with `skip` gets a run; the others wait. Gives what was new."""
    if not triggers.set_position(conn, trigger_id, position):
        return []
    return push(conn, trigger_id, function, new_events, make_run=make_run, now=now)


def push(
    conn: Connection, trigger_id: str, function: str, new_events: Sequence[NewEvent], *, make_run: MakeRun, now: float
) -> list[Event]:
    """As `events.push`, but only an event with `skip` gets a run; the others wait. Gives what was new."""
    entered = events.enter(conn, trigger_id, function, new_events, now, gathers=True)
    skipped = [events.first_run(event, new.skip, make_run) for event, new in entered if new.skip]
    runs.insert_all(conn, skipped)
    return [event for event, _ in entered]


def gathering(conn: Connection, trigger_id: str) -> list[Event]:
    """What waits, oldest first."""
    return events.read(conn, table.c.trigger == trigger_id, _GATHERING)


def runs_of(conn: Connection, event: Event) -> list[Run]:
    """The runs that an event has been in, oldest first: its own, or of those of its batch the ones that had it."""
    if event.batch in ("", GATHERING):
        return runs.of_event(conn, event.id)
    batch = events.get(conn, event.batch)
    items = batch.data[batch.items_name] if batch else ()
    place = next((place for place, item in enumerate(items) if item.get("id") == event.id), -1)
    return [run for run in runs.of_event(conn, event.batch) if has(run, place)]


def length(conn: Connection, trigger_id: str) -> tuple[int, float]:
    """How much waits, and since when the oldest of it does (epoch seconds; 0 when nothing waits)."""
    waiting = (table.c.trigger == trigger_id, _GATHERING)
    oldest = conn.execute(select(table.c.admitted).where(*waiting).order_by(table.c.seq).limit(1)).scalar()
    if oldest is None:
        return 0, 0.0
    return int(conn.execute(select(func.count()).where(*waiting)).scalar() or 0), oldest


def gathering_triggers(conn: Connection) -> list[str]:
    """The triggers of which something waits, removed ones too."""
    return list(conn.execute(select(table.c.trigger).distinct().where(_GATHERING)).scalars())


def bind(
    conn: Connection, batch: NewEvent, members: Sequence[Event], *, make_run: MakeRun, now: float
) -> tuple[Event, Run]:
    """Store a batch and its run, and say of its members, neighbours of those that wait, that they are in it."""
    trigger, function = members[0].trigger, members[0].function
    ((event, _),) = events.enter(conn, trigger, function, [batch], now)
    _leave(conn, members, event.id)
    (run,) = runs.insert_all(conn, [make_run(event)])
    return event, run


def release(conn: Connection, members: Sequence[Event], *, make_run: MakeRun, skip: str = "") -> list[Run]:
    """Events that wait get runs of their own after all; with `skip`, a reason, runs that are skipped."""
    _leave(conn, members, "")
    return runs.insert_all(conn, [events.first_run(member, skip, make_run) for member in members])


def _leave(conn: Connection, members: Sequence[Event], batch: str) -> None:
    if members:
        first, last = members[0], members[-1]
        between = (table.c.trigger == first.trigger, _GATHERING, table.c.seq.between(first.seq, last.seq))
        conn.execute(update(table).where(*between).values(batch=batch))
