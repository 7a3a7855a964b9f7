"""Functions, their versions and their aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from ..model.codec import dumps, loads
from ..model.errors import BadValue, Conflict, NotFound, nearest
from ..model.function import LIVE, Function, Options
from ..model.version import Captured, Draft, Version
from .bell import News, ring
from .dialect import insert as upsert
from .schema import alias_moves, aliases, functions, versions

ACTIVE, PAUSED, REMOVED = "active", "paused", "removed"


def publish(conn: Connection, draft: Draft, bundle_digest: str, now: float) -> tuple[Version, bool]:
    """Store `draft` as the next version and move `live`, and the alias that its options name, to it.

    Idempotent: a draft whose digest an earlier version has gives that version and False; the aliases move all the same.
    A removed function comes back, with its history; a paused one stays paused.
    """
    latest = _open_function(conn, draft, now)
    known = conn.execute(
        select(versions).where(versions.c.function == draft.function, versions.c.digest == draft.digest)
    ).first()
    if known is None:
        found = version_of(draft, latest + 1, bundle_digest, now)
        conn.execute(insert(versions), _row_of(found))
        _change(conn, draft.function, latest=found.number)
    else:
        found = _to_version(known)
    for alias in dict.fromkeys((LIVE, draft.options.alias or LIVE)):
        _point(conn, draft.function, alias, {found.number: 100}, now)
    return found, known is None


def _open_function(conn: Connection, draft: Draft, now: float) -> int:
    """Make sure that the function's row is there and alive; the number of its latest version."""
    tags = dumps(dict(draft.options.tags))
    row = conn.execute(select(functions.c.state, functions.c.latest).where(functions.c.name == draft.function)).first()
    if row is None:
        values = {"name": draft.function, "state": ACTIVE, "created": now, "tags": tags, "latest": 0}
        conn.execute(insert(functions), values)
        ring(conn, News.FUNCTIONS)
        return 0
    _change(conn, draft.function, tags=tags, state=ACTIVE if row.state == REMOVED else row.state)
    return int(row.latest)


def _change(conn: Connection, name: str, **values: Any) -> int:
    ring(conn, News.FUNCTIONS)
    return conn.execute(update(functions).where(functions.c.name == name).values(values)).rowcount


def get(conn: Connection, name: str) -> Function:
    """One function. Raises NotFound, naming the nearest one."""
    row = conn.execute(select(functions).where(functions.c.name == name, functions.c.state != REMOVED)).first()
    if row is None:
        raise _missing(conn, name)
    return _to_function(row, aliases_of(conn, name))


def _missing(conn: Connection, name: str) -> NotFound:
    known = list(conn.execute(select(functions.c.name).where(functions.c.state != REMOVED)).scalars())
    remedy = nearest(name, known) if known else "Publish one first: put %%fn on a cell."
    return NotFound(f"There is no function {name!r}.", remedy)


def list_all(conn: Connection) -> list[Function]:
    """Every function that is not removed, by name."""
    by_function: dict[str, dict[str, dict[int, int]]] = {}
    for row in conn.execute(_ALIASES):
        by_function.setdefault(row.function, {})[row.alias] = _to_weights(row.weights)
    return [_to_function(row, by_function.get(row.name, {})) for row in conn.execute(_ALL)]


_ALIASES = select(aliases)
_ALL = select(functions).where(functions.c.state != REMOVED).order_by(functions.c.name)


def set_state(conn: Connection, name: str, state: str) -> Function:
    """`active` or `paused`: runs of a paused function are kept, and not claimed."""
    if state not in (ACTIVE, PAUSED):
        raise BadValue(f"{state!r} is not a function's state.", f"Write {ACTIVE} or {PAUSED}.")
    get(conn, name)
    _change(conn, name, state=state)
    return get(conn, name)


def remove(conn: Connection, name: str) -> None:
    """Take the function away. Its history stays, its name may be used again, its versions are counted on.

    Its triggers and its queued runs are the caller's to end, in the same op (`triggers.remove_all`, `runs.apply`).
    """
    get(conn, name)
    _change(conn, name, state=REMOVED)


def versions_of(conn: Connection, name: str) -> list[Version]:
    """All versions, newest first. Raises NotFound for an unknown function."""
    get(conn, name)
    rows = conn.execute(select(versions).where(versions.c.function == name).order_by(versions.c.number.desc()))
    return [_to_version(row) for row in rows]


def version(conn: Connection, name: str, number: int) -> Version:
    """One version, also of a removed function. Raises NotFound."""
    row = conn.execute(select(versions).where(versions.c.function == name, versions.c.number == number)).first()
    if row is None:
        known = conn.execute(select(versions.c.number).where(versions.c.function == name)).scalars()
        numbers = ", ".join(str(number) for number in sorted(known))
        if not numbers:
            raise _missing(conn, name)
        raise NotFound(f"{name} has no version {number}.", f"There are: {numbers}.")
    return _to_version(row)


def aliases_of(conn: Connection, name: str) -> dict[str, dict[int, int]]:
    """Alias → {version: weight}."""
    rows = conn.execute(select(aliases).where(aliases.c.function == name).order_by(aliases.c.alias))
    return {row.alias: _to_weights(row.weights) for row in rows}


def set_alias(conn: Connection, name: str, alias: str, weights: Mapping[int, int], now: float) -> Function:
    """Point `alias` at versions by weight; made when it is new. Raises NotFound, BadValue."""
    get(conn, name)
    if not weights or any(weight <= 0 for weight in weights.values()):
        raise BadValue(f"The weights of {alias!r} are not positive numbers.", "Write ALIAS=VERSION or ALIAS=3:90 4:10.")
    for number in weights:
        version(conn, name, number)
    _point(conn, name, alias, weights, now)
    return get(conn, name)


def _point(conn: Connection, name: str, alias: str, weights: Mapping[int, int], now: float) -> None:
    text = _from_weights(weights)
    here = conn.execute(select(aliases.c.weights).where(_alias_is(aliases, name, alias))).scalar()
    if here == text:
        return
    _write_alias(conn, name, alias, text)
    move = {"function": name, "alias": alias, "weights": text, "at": now, "undone": 0}
    conn.execute(insert(alias_moves), move)


def _write_alias(conn: Connection, name: str, alias: str, text: str) -> None:
    ring(conn, News.FUNCTIONS)
    statement = upsert(aliases).values(function=name, alias=alias, weights=text)
    keys = [aliases.c.function, aliases.c.alias]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_={"weights": text}))


def rollback(conn: Connection, name: str, alias: str = LIVE) -> Version:
    """Point `alias` where it pointed before; again, and it goes one further back. Gives the (heaviest) version there.

    Raises:
        NotFound: no such function or alias.
        Conflict: it never pointed anywhere else.
    """
    get(conn, name)
    rows = conn.execute(
        select(alias_moves.c.seq, alias_moves.c.weights)
        .where(_alias_is(alias_moves, name, alias), alias_moves.c.undone == 0)
        .order_by(alias_moves.c.seq.desc())
        .limit(2)
    ).all()
    if not rows:
        raise NotFound(f"{name} has no alias {alias!r}.", nearest(alias, list(aliases_of(conn, name))))
    if len(rows) < 2:
        raise Conflict(
            f"{name}:{alias} has pointed at nothing else before.",
            f"Choose a version: jupyter fn alias {name} {alias}=N.",
        )
    conn.execute(update(alias_moves).where(alias_moves.c.seq == rows[0].seq).values(undone=1))
    _write_alias(conn, name, alias, rows[1].weights)
    weights = _to_weights(rows[1].weights)
    return version(conn, name, max(weights, key=lambda number: (weights[number], number)))


def _alias_is(table: Any, name: str, alias: str) -> Any:
    return and_(table.c.function == name, table.c.alias == alias)


def _from_weights(weights: Mapping[int, int]) -> str:
    return dumps({str(number): weights[number] for number in sorted(weights)})


def _to_weights(text: str) -> dict[int, int]:
    return {int(number): weight for number, weight in loads(text).items()}


def _to_function(row: Row[Any], found: Mapping[str, Mapping[int, int]]) -> Function:
    return Function(
        name=row.name, state=row.state, created=row.created, aliases=found, tags=loads(row.tags), latest=row.latest
    )


def version_of(draft: Draft, number: int, bundle_digest: str, now: float) -> Version:
    """The version that `draft` becomes under that number."""
    return Version(
        function=draft.function,
        number=number,
        digest=draft.digest,
        kind=draft.bundle.kind,
        source=draft.bundle.source,
        handler=draft.bundle.handler,
        filename=draft.bundle.filename,
        folder=draft.folder,
        options=draft.options,
        captured=draft.captured,
        packages=draft.packages,
        python=draft.python,
        bundle=bundle_digest,
        created=now,
    )


def _row_of(found: Version) -> dict[str, Any]:
    row = found.to_dict()
    return {**row, **{name: dumps(row[name]) for name in ("options", "captured", "packages")}}


def _to_version(row: Row[Any]) -> Version:
    values = {
        **row._mapping,
        "options": Options.from_dict(loads(row.options)),
        "captured": tuple(Captured(**item) for item in loads(row.captured)),
        "packages": loads(row.packages),
    }
    return Version(**values)
