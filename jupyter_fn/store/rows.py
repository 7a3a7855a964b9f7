"""Statements that are carried out for very many rows at once, prepared once.

SQLAlchemy writes the text, in the words of the database; the rows then go to the driver as they are. That leaves out what
it would do for every row and column, which here is more than the database itself does.

SQLite gets many rows with one statement. Its driver lets other threads go on while a statement is carried out, and has to
wait for its turn again after each: with a statement for each row the writer would wait more than it writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.sql.dml import Insert, UpdateBase

_Row = Mapping[str, Any]
_SIZES = (64, 16, 4)  # rows of one statement; few sizes, for each is a text that the driver keeps prepared
_UPDATES_FROM = (3, 33)  # the SQLite that learned UPDATE … FROM


class Rows:
    """One statement, with a parameter for every name in `names`; at least two. One that changes rows names each of them
    once."""

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement = statement
        self._names = list(names)
        self._texts: dict[str, _Text] = {}

    def write(self, conn: Connection, rows: Sequence[_Row]) -> None:
        """Carry it out for each row. Values are what the driver takes: numbers, texts, None."""
        text = self._texts.get(conn.dialect.name) or self._prepare(conn)
        for some in text.cut(rows):
            text.carry_out(conn, some)

    def _prepare(self, conn: Connection) -> _Text:
        compiled = self._statement.compile(dialect=conn.dialect, column_keys=self._names)
        names, text = compiled.positiontup, str(compiled)
        if not names:
            made = _Text(text, dict, None)
        elif isinstance(self._statement, Insert):
            made = _Text(text, itemgetter(*names), _inserting_many)
        else:
            able = sqlite3.sqlite_version_info >= _UPDATES_FROM
            made = _Text(text, itemgetter(*names), _updating_many if able else None)
        return self._texts.setdefault(conn.dialect.name, made)


class _Text:
    """A statement in the words of one kind of database."""

    def __init__(self, text: str, pick: Callable[[_Row], Any], many: Callable[[str, int], str] | None) -> None:
        self._text = text
        self._pick = pick
        self._many = {} if many is None else {size: many(text, size) for size in _SIZES}

    def cut(self, rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
        """The rows in as many as go together."""
        start = 0
        for size in self._many:
            while len(rows) - start >= size:
                yield rows[start : start + size]
                start += size
        if start < len(rows):
            yield rows[start:]

    def carry_out(self, conn: Connection, rows: Sequence[_Row]) -> None:
        """For rows that `cut` gave."""
        many = self._many.get(len(rows))
        if many is None:
            conn.exec_driver_sql(self._text, [self._pick(row) for row in rows])
        else:
            conn.exec_driver_sql(many, tuple(chain.from_iterable(map(self._pick, rows))))


def _inserting_many(text: str, number: int) -> str:
    head, _, row = text.rpartition(" VALUES ")
    return f"{head} VALUES {', '.join([row] * number)}"


def _updating_many(text: str, number: int) -> str:
    """The same of `UPDATE t SET a=?, … WHERE key = ?`, with the values as a table."""
    change, _, where = text.rpartition(" WHERE ")
    head, *rest = f"{change} FROM (VALUES ) AS new WHERE {where}".split("?")
    row = f"({', '.join('?' * len(rest))})"
    named = head + "".join(f"new.column{place}{words}" for place, words in enumerate(rest, 1))
    return named.replace("(VALUES )", f"(VALUES {', '.join([row] * number)})")


def inserting(table: Table) -> Rows:
    """Whole rows of a table, their `seq` too where it has one."""
    return Rows(insert(table), [column.name for column in table.c])


def next_seqs(conn: Connection, table: Table, number: int) -> range:
    """The next numbers of a table's own clock, for rows that will be inserted in this transaction. There is one writer at a
    time, so the newest row tells them."""
    last = int(conn.execute(select(func.max(table.c.seq))).scalar() or 0)
    return range(last + 1, last + 1 + number)
