"""Price books that users have written: what a run cost is known to every service that has the store open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from ..model.codec import dumps, loads
from .bell import News, ring
from .dialect import insert
from .schema import books

_KEEP = insert(books).on_conflict_do_nothing()


def keep(conn: Connection, found: Iterable[Mapping[str, Any]]) -> None:
    """Store these, each with its `name`. A name is never used for other prices, so what is there stays."""
    rows = [{"name": book["name"], "prices": dumps(book)} for book in found]
    if rows:
        conn.execute(_KEEP, rows)
        ring(conn, News.FUNCTIONS)


def kept(conn: Connection) -> list[dict[str, Any]]:
    """All of them."""
    return [loads(text) for text in conn.execute(select(books.c.prices)).scalars()]
