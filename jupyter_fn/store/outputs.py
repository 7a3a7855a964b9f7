"""Which run wrote a file last: the cause of the event that the file becomes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from ..policy.loops import Writer
from .dialect import insert, storable_key
from .schema import outputs

_AT_ONCE = 5000  # paths in one IN (…)


def note(conn: Connection, paths: Collection[str], writer: Writer) -> None:
    """These were written by that run; of several runs the last counts."""
    if not paths:
        return
    latest = {"run_id": writer.run_id, "function": writer.function, "hops": writer.hops, "at": writer.at}
    rows = [{"path": path, **latest} for path in {storable_key(path) for path in paths}]
    statement = insert(outputs).on_conflict_do_update(index_elements=[outputs.c.path], set_=latest)
    conn.execute(statement, rows)


def writers(conn: Connection, paths: Collection[str]) -> dict[str, Writer]:
    """Path → its last writer; paths that no run is known to have written are left out."""
    by_stored = {storable_key(path): path for path in paths}
    asked, found = list(by_stored), {}
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        for row in conn.execute(select(outputs).where(outputs.c.path.in_(some))):
            found[by_stored[row.path]] = Writer(run_id=row.run_id, function=row.function, hops=row.hops, at=row.at)
    return found
