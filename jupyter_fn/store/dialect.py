"""What differs between databases and the nouns need; the place to branch when PostgreSQL comes."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Integer, cast
from sqlalchemy.dialects.sqlite import insert

__all__ = ["day_of", "insert", "storable"]


def day_of(seconds: Column[float]) -> ColumnElement[int]:
    """Days since the epoch (UTC) of epoch seconds. SQLite's CAST cuts off; PostgreSQL's rounds."""
    return cast(seconds / 86_400.0, Integer)


def storable(text: str) -> str:
    """`text` without lone surrogates, which file names can hold and no database takes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
