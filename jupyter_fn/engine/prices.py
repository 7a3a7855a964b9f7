"""Price books: the one that prices new runs, and all that have priced the runs there are."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from ..model.cost import PRICE_BOOKS, PriceBook
from ..model.errors import BadValue
from ..model.ids import digest_json
from ..policy.pricing import book_from_dict, book_named, book_to_dict
from ..store import books

_FILE = "prices.json"


def open_books(text: str, home: Path) -> tuple[PriceBook, dict[str, PriceBook]]:
    """The active book that the setting `prices` names, and every book by name.

    A user's own book is called `name@digest` of its prices, and kept in the home: what a run cost stays explained when
    the file changes.

    Raises:
        BadValue: no such book or file, or one that cannot be read.
    """
    own = _own_book(Path(text).expanduser()) if text.endswith(".toml") else None
    kept = _kept(home)
    if own is not None and own.name not in kept:
        kept[own.name] = own
        (home / _FILE).write_text(json.dumps([book_to_dict(book) for book in kept.values()], indent=1))
    return own or book_named(text), {**PRICE_BOOKS, **kept}


def share_books(conn: Connection, known: Mapping[str, PriceBook]) -> dict[str, PriceBook]:
    """Let services elsewhere know these, and get to know theirs. Part of an op."""
    books.keep(conn, [book_to_dict(book) for name, book in known.items() if name not in PRICE_BOOKS])
    return shared_books(conn)


def shared_books(conn: Connection) -> dict[str, PriceBook]:
    """The books of all services that have the store open, by name."""
    return {data["name"]: book_from_dict(data, name=data["name"]) for data in books.kept(conn)}


def _own_book(path: Path) -> PriceBook:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadValue(f"The price book {path} cannot be read: {error}.", "Write a TOML file of prices.") from None
    book = book_from_dict(data, name=path.stem)
    return replace(book, name=f"{book.name}@{digest_json(book_to_dict(book))[:8]}")


def _kept(home: Path) -> dict[str, PriceBook]:
    path = home / _FILE
    if not path.exists():
        return {}
    return {data["name"]: book_from_dict(data, name=data["name"]) for data in json.loads(path.read_text())}
