"""Which run wrote a file last: the cause of the event that the file becomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from .dialect import insert, storable_key
from .schema import outputs

_AT_ONCE = 5000  # paths in one IN (…)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The last writer of a path."""

    path: str  # absolute, or a URL
    run_id: str
    function: str
    hops: int
    at: float  # epoch seconds


def note(conn: Connection, written: Iterable[Output]) -> None:
    """These were written now; of one path the last writer counts."""
    rows = {
        storable_key(one.path): {
            "path": storable_key(one.path),
            "run_id": one.run_id,
            "function": one.function,
            "hops": one.hops,
            "at": one.at,
        }
        for one in written
    }
    if not rows:
        return
    statement = insert(outputs)
    latest = {name: statement.excluded[name] for name in ("run_id", "function", "hops", "at")}
    conn.execute(statement.on_conflict_do_update(index_elements=[outputs.c.path], set_=latest), list(rows.values()))


def writers(conn: Connection, paths: Collection[str]) -> dict[str, Output]:
    """Path → its last writer; paths that no run is known to have written are left out."""
    by_stored = {storable_key(path): path for path in paths}
    asked, found = list(by_stored), {}
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        for row in conn.execute(select(outputs).where(outputs.c.path.in_(some))):
            path = by_stored[row.path]
            found[path] = Output(**{**row._mapping, "path": path})
    return found
