"""Statements that are carried out for very many rows at once, prepared once.

SQLAlchemy writes the text, in the words of the database; the rows then go to the driver as they are. That leaves out what
it would do for every row and column, which here is more than the database itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.sql.dml import UpdateBase

_Row = Mapping[str, Any]


class Rows:
    """One statement, with a parameter for every name in `names`; at least two."""

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement = statement
        self._names = list(names)
        self._texts: dict[str, tuple[str, Callable[[_Row], Any]]] = {}

    def write(self, conn: Connection, rows: Sequence[_Row]) -> None:
        """Carry it out for each row. Values are what the driver takes: numbers, texts, None."""
        if not rows:
            return
        text, pick = self._texts.get(conn.dialect.name) or self._prepare(conn)
        conn.exec_driver_sql(text, [pick(row) for row in rows])

    def _prepare(self, conn: Connection) -> tuple[str, Callable[[_Row], Any]]:
        compiled = self._statement.compile(dialect=conn.dialect, column_keys=self._names)
        pick: Callable[[_Row], Any] = itemgetter(*compiled.positiontup) if compiled.positiontup else dict
        self._texts[conn.dialect.name] = (str(compiled), pick)
        return self._texts[conn.dialect.name]


def inserting(table: Table) -> Rows:
    """Whole rows of a table, their `seq` too where it has one."""
    return Rows(insert(table), [column.name for column in table.c])


def next_seqs(conn: Connection, table: Table, number: int) -> range:
    """The next numbers of a table's own clock, for rows that will be inserted in this transaction. There is one writer at a
    time, so the newest row tells them."""
    last = int(conn.execute(select(func.max(table.c.seq))).scalar() or 0)
    return range(last + 1, last + 1 + number)
