"""What differs between databases and the nouns need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

# `insert` is PostgreSQL's: SQLite took its ON CONFLICT from there, and SQLAlchemy compiles the same construct for both.
__all__ = ["TEXT", "ByIds", "Worded", "day_of", "insert", "picks", "storable", "storable_key"]

# Text that sorts and compares by its bytes, as on SQLite, and not as people of some country sort it.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_LONGEST_KEY = 2000  # bytes; a page of an index of PostgreSQL takes no more than 2,704 of a row


class ByIds:
    """A query over rows by one column: one statement for a single value, which is the hot case, one for many. Both are
    built once."""

    def __init__(self, query: Select[Any], column: ColumnElement[str]) -> None:
        self._one = query.where(column == bindparam("id"))
        self._many = query.where(column.in_(bindparam("ids", expanding=True)))

    def rows(self, conn: Connection, ids: Collection[str]) -> Sequence[Row[Any]]:
        """The rows of these values, in no order."""
        if len(ids) == 1:
            return conn.execute(self._one, {"id": next(iter(ids))}).all()
        return conn.execute(self._many, {"ids": list(ids)}).all()


class Worded:
    """A query in the words of each kind of database, built once. `build` is asked with `lateral`: see `picks`."""

    def __init__(self, build: Callable[[bool], Select[Any]]) -> None:
        self._lateral, self._other = build(True), build(False)

    def of(self, conn: Connection) -> Select[Any]:
        """The query for this connection."""
        return self._lateral if is_lateral(conn) else self._other


def is_lateral(conn: Connection) -> bool:
    """Whether the planner has to be told by LATERAL that something is to be looked up for each row of something else.
    SQLite does not know the word; it does so for what is `IN` a subquery."""
    return conn.dialect.name == "postgresql"


def picks(outer: FromClause, some: Select[Any], table: Table, *, lateral: bool) -> Select[Any]:
    """The `seq` of rows of `table` that `some` picks for each row of `outer`, to which it refers."""
    if lateral:
        picked = some.lateral()
        return select(picked.c.seq).select_from(outer).join(picked, true())
    found = table.alias()
    of_each = found.c.seq.in_(some.correlate(outer).scalar_subquery())
    return select(found.c.seq).select_from(outer).join(found, of_each)


class _DayOf(GenericFunction[int]):
    type = BigInteger()
    inherit_cache = True


def day_of(seconds: Column[float]) -> ColumnElement[int]:
    """Days since the epoch (UTC) of epoch seconds."""
    return _DayOf(seconds)


@compiles(_DayOf)
def _day_of(element: _DayOf, compiler: SQLCompiler, **how: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **how)} / 86400.0 AS INTEGER)"  # cuts off


@compiles(_DayOf, "postgresql")
def _day_of_on_postgres(element: _DayOf, compiler: SQLCompiler, **how: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **how)} / 86400.0) AS BIGINT)"  # would round


def storable(text: str) -> str:
    """`text` without what file names and events can hold and no database takes: lone surrogates, and NUL characters."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\x00") if "\0" in text else text


def storable_key(text: str) -> str:
    """`text` as a key by which rows are found: what is too long for an index is cut, and its digest tells it from others."""
    text = storable(text)
    if len(text) * 4 <= _LONGEST_KEY or len(data := text.encode()) <= _LONGEST_KEY:
        return text
    return f"{data[:_LONGEST_KEY].decode(errors='ignore')}…{hashlib.sha256(data).hexdigest()}"
