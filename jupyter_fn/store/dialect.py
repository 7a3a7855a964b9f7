"""What differs between databases and the nouns need; the place to branch when PostgreSQL comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Integer, Row, Select, bindparam, cast
from sqlalchemy.dialects.sqlite import insert

__all__ = ["ByIds", "day_of", "insert", "storable"]


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


def day_of(seconds: Column[float]) -> ColumnElement[int]:
    """Days since the epoch (UTC) of epoch seconds. SQLite's CAST cuts off; PostgreSQL's rounds."""
    return cast(seconds / 86_400.0, Integer)


def storable(text: str) -> str:
    """`text` without lone surrogates, which file names can hold and no database takes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
