"""Past events: those that are run again, and those that were there before anybody looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from ..model.event import Event, NewEvent
from ..model.run import Run, State
from ..policy.again import Selection
from . import events as ledger
from . import runs as history
from .dialect import storable_key
from .events import MakeRun
from .failures import is_failure
from .runrow import COLUMNS, to_run
from .schema import NONE, OPEN, events, runs

PAGE = 1000  # events of one transaction
EXISTING = "existing"  # why a run was skipped: its file lay there when the trigger looked for the first time


def chosen(conn: Connection, function: str, selection: Selection) -> list[int]:
    """The sequence numbers of the past events that are meant, oldest first.

    Past is what has run to its end: nothing that is under way, that waits to go into a batch or is in one, or that was
    skipped.
    """
    return list(islice(_chosen(conn, function, selection), selection.last))[::-1]


def _chosen(conn: Connection, function: str, selection: Selection) -> Iterator[int]:
    seqs = _ended(conn, function, selection)
    if not selection.looks_inside:
        yield from seqs
        return
    for start in range(0, len(seqs), PAGE):
        for event in reversed(events_of(conn, seqs[start : start + PAGE])):
            if selection.takes(event):
                yield event.seq


def _ended(conn: Connection, function: str, selection: Selection) -> list[int]:
    """Without a look into the events: newest first."""
    query = select(events.c.seq).select_from(events.join(_last, _last.c.seq == _LAST_SEQ))
    conditions = [events.c.function == function, events.c.batch == NONE, ~_UNDER_WAY, _last.c.state != _SKIPPED]
    if selection.span.since is not None:
        conditions.append(events.c.admitted >= selection.span.since)
    if selection.span.until is not None:
        conditions.append(events.c.admitted < selection.span.until)
    if selection.trigger:
        conditions.append(events.c.trigger == selection.trigger)
    if selection.failed:
        conditions.append(_FAILED)
    return list(conn.execute(query.where(*conditions).order_by(events.c.seq.desc())).scalars())


def _live(alias: Any) -> ColumnElement[bool]:
    """The runs of an event that are no replays."""
    return and_(alias.c.event_id == events.c.id, alias.c.replay == NONE)


_last, _open, _newest, _failed = (runs.alias(name) for name in ("last", "open", "newest", "failed"))
_LAST_SEQ = select(func.max(_newest.c.seq)).where(_live(_newest)).correlate(events).scalar_subquery()
_UNDER_WAY = select(_open.c.seq).where(_live(_open), _open.c.state.in_(OPEN)).correlate(events).exists()
_FAILED = select(_failed.c.seq).where(_live(_failed), is_failure(_failed)).correlate(events).exists()
_SKIPPED = State.SKIPPED.value


def events_of(conn: Connection, seqs: Sequence[int]) -> list[Event]:
    """The events of these sequence numbers, oldest first."""
    return ledger.read(conn, events.c.seq.in_(seqs))


def newest_runs(conn: Connection, event_ids: Sequence[str]) -> dict[str, Run]:
    """Event id → its newest run that is no replay."""
    rows = conn.execute(
        select(*COLUMNS).where(runs.c.event_id.in_(event_ids), runs.c.replay == NONE).order_by(runs.c.seq)
    )
    return {run.event_id: run for run in (to_run(conn, row) for row in rows.all())}


def replay(conn: Connection, made: Sequence[Run]) -> list[Run]:
    """Store the runs of a replay; those that are there already are passed over. Gives the new ones."""
    there = history.get_all(conn, [run.id for run in made])
    return history.insert_all(conn, [run for run in made if run.id not in there])


def recent(conn: Connection, function: str, *, last: int = 100) -> list[Run]:
    """The runs of a function that ended last, to go by."""
    ended = (State.SUCCEEDED.value, State.DEAD.value)
    found = [run for state in ended for run in history.list_runs(conn, function, state, last=last)]
    return sorted(found, key=lambda run: -run.seq)[:last]


# --- what was there before ----------------------------------------------------------------------------------------


def missing(conn: Connection, trigger_id: str, new: Sequence[NewEvent]) -> tuple[list[NewEvent], list[NewEvent]]:
    """What of these the trigger has not run: events that it does not know, and those that it has passed over because they
    were there when it looked for the first time."""
    keys = [one.key for one in new]
    known = ledger.keys_of(conn, trigger_id, keys)
    passed = {event.key for event, _ in _passed_over(conn, trigger_id, keys)}
    return [one for one in new if one.key not in known], [one for one in new if storable_key(one.key) in passed]


def keys(conn: Connection, trigger_id: str) -> list[str]:
    """All keys of a trigger's ledger."""
    return list(conn.execute(select(events.c.key).where(events.c.trigger == trigger_id)).scalars())


def take_up(conn: Connection, trigger_id: str, keys: Sequence[str], *, make_run: MakeRun, now: float) -> list[Run]:
    """Runs for events that the trigger has passed over; each has the run that says so as its parent."""
    found = _passed_over(conn, trigger_id, keys)
    return history.insert_all(conn, [make_run(event).replace(parent=run_id, created=now) for event, run_id in found])


def _passed_over(conn: Connection, trigger_id: str, keys: Sequence[str]) -> list[tuple[Event, str]]:
    """`(event, id of its run)` of those of these keys that `existing=skip` has left out."""
    other, found = runs.alias("other"), []
    asked = [storable_key(key) for key in keys]
    for start in range(0, len(asked), PAGE):
        again = select(other.c.seq).where(other.c.parent == runs.c.id, other.c.parent != NONE, other.c.replay == NONE)
        of_keys = (events.c.trigger == trigger_id, events.c.key.in_(asked[start : start + PAGE]))
        skipped = (runs.c.state == _SKIPPED, runs.c.reason == EXISTING, ~again.exists())
        query = select(events.c.id, runs.c.id).join(runs, runs.c.event_id == events.c.id).where(*of_keys, *skipped)
        run_of = {row[0]: row[1] for row in conn.execute(query)}
        found += [(event, run_of[event.id]) for event in ledger.get_all(conn, run_of).values()]
    return sorted(found, key=lambda pair: pair[0].seq)
