"""Runs: the queue, the compare-and-set that every transition passes, and reading."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from ..model.errors import BadValue, NotFound, nearest
from ..model.event import BY_HAND
from ..model.run import SHOWN_STATES, Attempt, Record, Run, State
from . import attempts, finishes, records
from .bell import News, ring, ring_queued
from .dialect import ByIds, is_lateral, picks
from .recent import recent
from .rows import Rows, next_seqs
from .runrow import AT_FIRST, COLUMNS, difference, is_plain, to_row, to_run
from .schema import NO_PARENT, NONE, functions, runs, triggers


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transition: `after` replaces `before` if nothing else came first; the rest is written with it or not at all."""

    before: Run
    after: Run
    attempt: Attempt | None = None
    records: tuple[Record, ...] = ()
    log: str = ""  # of the attempt that ended
    children: tuple[Run, ...] = ()  # new runs in which a split one lives on


_INSERTS: dict[tuple[str, ...], Rows] = {}  # by the columns that have something else in them than they have at first


def insert_all(conn: Connection, made: Sequence[Run]) -> list[Run]:
    """Store new runs; the same with their `seq`."""
    if not made:
        return []
    numbered = [run.replace(seq=seq) for run, seq in zip(made, next_seqs(conn, runs, len(made)), strict=True)]
    rows = [to_row(conn, run) for run in numbered]
    for names, group in _by_columns(rows):
        (_INSERTS.get(names) or _prepare_insert(names)).write(conn, group)
    known = recent(conn)
    for run, row in zip(numbered, rows, strict=True):
        if is_plain(run, row):
            known.add_run(run)
    ring_queued(conn, {run.function for run in numbered})
    return numbered


# --- transitions -------------------------------------------------------------------------------------------------

Place = tuple[int, str, int, bool, str]  # seq, state, token, cancel_requested, barrier: what others may have changed
_PLACES = ByIds(
    select(*(runs.c[name] for name in ("id", "seq", "state", "token", "cancel_requested", "barrier"))), runs.c.id
)
_UPDATES: dict[tuple[str, ...], Rows] = {}  # by the columns that change


def places(conn: Connection, ids: Collection[str]) -> dict[str, Place]:
    """Where runs stand, by id; unknown ids are left out."""
    rows = _PLACES.rows(conn, ids)
    return {row.id: (row.seq, row.state, row.token, bool(row.cancel_requested), row.barrier) for row in rows}


def place_of(run: Run) -> Place:
    """The same of a run that this transaction has read."""
    return (run.seq, *_standing(run))


def current(
    conn: Connection, ids: Collection[str], known: Mapping[str, Run], where: Mapping[str, Place]
) -> dict[str, Run]:
    """Runs by id: those that still stand where they stood when they became `known`, and the others read anew."""
    fresh = {i: known[i] for i in ids if i in known and i in where and _has_not_moved(known[i], where[i])}
    stale = [i for i in ids if i not in fresh]
    return {**fresh, **get_all(conn, stale)} if stale else fresh


def _has_not_moved(run: Run, place: Place) -> bool:
    return place[1:] == _standing(run)


def _standing(run: Run) -> tuple[str, int, bool, str]:
    return run.state, run.token, run.cancel_requested, run.barrier


def apply(
    conn: Connection, changes: Sequence[Change], now: float, *, where: Mapping[str, Place] | None = None
) -> list[bool]:
    """Make each transition whose run is still in the state and has still the token of `before`; tell which were made.

    False means fenced: something else came first, or the run had ended (G6), and nothing of that change is written.
    Only the fields that differ between `before` and `after` are. An end enters the log of finished runs. `where` are the
    runs' places, when this transaction has read them already.
    """
    at = dict(places(conn, [change.before.id for change in changes]) if where is None else where)
    made: list[tuple[int, Change]] = []
    verdicts = []
    for change in changes:
        before, after = change.before, change.after
        seq, state, token, *_ = at.get(before.id, (0, "", 0, False, ""))
        won = (state, token) == (before.state, before.token) and not before.state.terminal
        verdicts.append(won)
        if won:
            at[before.id] = (seq, *_standing(after))
            made.append((seq, change))
    _write(conn, made, now)
    return verdicts


def _write(conn: Connection, made: list[tuple[int, Change]], now: float) -> None:
    rows: dict[int, dict[str, Any]] = {}
    for seq, change in made:
        rows.setdefault(seq, {"of_seq": seq}).update(difference(conn, change.before, change.after))
    _update(conn, rows.values())
    recent(conn).drop_all(change.before for _, change in made)
    attempts.append(conn, [(seq, change.attempt) for seq, change in made if change.attempt is not None])
    for _, change in made:
        if change.records:
            records.append(conn, change.records, now=now, cause=change.after.id, hops=change.after.hops)
        if change.log and change.attempt is not None:
            attempts.save_log(conn, change.after.id, change.attempt.number, change.log)
    children = insert_all(conn, [child for _, change in made for child in change.children])
    ended = [(seq, change.after) for seq, change in made] + [(child.seq, child) for child in children]
    finishes.append(conn, [(seq, run) for seq, run in ended if run.state.terminal])
    ring_queued(conn, {change.after.function for _, change in made if change.after.state in _TO_BE_CLAIMED})
    ring(conn, *{news for _, change in made if (news := _news(change)) is not None})


_TO_BE_CLAIMED = frozenset({State.QUEUED, State.WAITING})


def _news(change: Change) -> News | None:
    if change.after.state.terminal:
        return News.FINISHED
    return News.CANCEL if change.after.cancel_requested else None


def _update(conn: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Rows that change the same columns go together; each of them is a statement that the database has prepared."""
    for names, group in _by_columns(rows):
        if len(names) > 1:
            (_UPDATES.get(names) or _prepare(names)).write(conn, group)


def _by_columns(rows: Iterable[dict[str, Any]]) -> Iterable[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return groups.items()


def _prepare(names: tuple[str, ...]) -> Rows:
    changed: dict[str, Any] = {name: bindparam(name) for name in names if name != "of_seq"}
    statement = update(runs).where(runs.c.seq == bindparam("of_seq")).values(changed)
    return _UPDATES.setdefault(names, Rows(statement, []))


def _prepare_insert(names: tuple[str, ...]) -> Rows:
    given: dict[str, Any] = {name: bindparam(name) for name in names}
    rest: dict[str, Any] = {name: literal_column(text) for name, text in AT_FIRST.items() if name not in names}
    return _INSERTS.setdefault(names, Rows(insert(runs).values({**rest, **given}), []))


# --- reading -----------------------------------------------------------------------------------------------------


_WHOLE = ByIds(select(*COLUMNS), runs.c.id)


def get(conn: Connection, run_id: str) -> Run:
    """One run. Raises NotFound."""
    found = get_all(conn, [run_id])
    if not found:
        raise NotFound(f"There is no run {run_id!r}.", "jupyter fn runs lists them.")
    return found[run_id]


def get_all(conn: Connection, run_ids: Collection[str]) -> dict[str, Run]:
    """Runs by id; unknown ids are left out."""
    return {run.id: run for run in (to_run(conn, row) for row in _WHOLE.rows(conn, run_ids))}


def of_event(conn: Connection, event_id: str) -> list[Run]:
    """The runs of one event, oldest first: the first one, then its redrives."""
    return _read(conn, select(*COLUMNS).where(runs.c.event_id == event_id).order_by(runs.c.seq))


def children_of(conn: Connection, run_id: str) -> list[Run]:
    """Runs that redrive, replay or split this one, oldest first."""
    parent = (runs.c.parent == run_id, runs.c.parent != NO_PARENT)
    return _read(conn, select(*COLUMNS).where(*parent).order_by(runs.c.seq))


def list_runs(
    conn: Connection,
    function: str | None = None,
    state: str | None = None,
    *,
    last: int = 100,
    trigger: str | None = None,
    replay: str = "",
) -> list[Run]:
    """Newest first. `state` is a shown name: `running` covers claimed and publishing. Raises BadValue for another word."""
    if trigger and trigger != BY_HAND and function is None:
        function = conn.execute(select(triggers.c.function).where(triggers.c.id == trigger)).scalar() or ""
    chosen = [runs.c.trigger == trigger] if trigger else []
    chosen += [runs.c.function == function] if function is not None else []
    if replay:
        chosen += [runs.c.replay == replay, runs.c.replay != NONE]
        chosen += [runs.c.state.in_(_stored_states(state))] if state else []
    elif state:
        chosen = [runs.c.seq.in_(_newest(conn, _stored_states(state), function, trigger, last))]
    return _read(conn, select(*COLUMNS).where(*chosen).order_by(runs.c.seq.desc()).limit(last))


def _newest(
    conn: Connection, states: Sequence[str], function: str | None, trigger: str | None, last: int
) -> CompoundSelect[Any]:
    """Per function and state the newest `last`: a rare state is found by its index instead of by walking over all runs."""
    one = runs.alias("one")
    heads = []
    for state in states:
        newest = select(one.c.seq).where(one.c.function == functions.c.name, one.c.state == state)
        newest = newest.where(one.c.trigger == trigger) if trigger else newest
        newest = newest.order_by(one.c.seq.desc()).limit(last)
        head = picks(functions, newest, runs, lateral=is_lateral(conn))
        heads.append(head.where(functions.c.name == function) if function is not None else head)
    return union_all(*heads)


def _stored_states(shown: str) -> list[str]:
    states = [state.value for state in State if state.shown == shown]
    if not states:
        raise BadValue(f"{shown!r} is not a state of a run.", nearest(shown, list(SHOWN_STATES)))
    return states


def counts_by_state(conn: Connection, function: str) -> dict[str, int]:
    """Shown state → number of runs, of one function; states with none are left out."""
    return all_counts(conn, function).get(function, {})


def all_counts(conn: Connection, function: str | None = None) -> dict[str, dict[str, int]]:
    """Function → shown state → number of runs."""
    query = select(runs.c.function, runs.c.state, func.count()).group_by(runs.c.function, runs.c.state)
    if function is not None:
        query = query.where(runs.c.function == function)
    counts: dict[str, dict[str, int]] = {}
    for name, state, count in conn.execute(query):
        of_function, shown = counts.setdefault(name, {}), State(state).shown
        of_function[shown] = of_function.get(shown, 0) + count
    return counts


def _read(conn: Connection, query: Select[Any]) -> list[Run]:
    return [to_run(conn, row) for row in conn.execute(query).all()]
