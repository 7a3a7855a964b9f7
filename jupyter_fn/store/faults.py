"""What the database's own errors mean to a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ..model.errors import HomeRefused

_ERRORS = (DBAPIError, sqlite3.Error)  # SQLAlchemy's, and the bare one while connecting
_FREE = "Free some space; nothing that was acknowledged is lost, and what was not was not stored."
_MEANINGS = {  # SQLite's primary result codes, https://sqlite.org/rescode.html
    sqlite3.SQLITE_FULL: ("The disk of {path} is full.", _FREE),
    sqlite3.SQLITE_BUSY: (
        "The store {path} is locked by another process.",
        "Stop the other service that uses this home.",
    ),
    sqlite3.SQLITE_LOCKED: (
        "The store {path} is locked by another process.",
        "Stop the other service that uses this home.",
    ),
    sqlite3.SQLITE_READONLY: (
        "The store {path} cannot be written.",
        "Change its owner or mode, or choose another --home.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The store {path} cannot be opened.",
        "Change its owner or mode, or choose another --home.",
    ),
    sqlite3.SQLITE_PERM: ("The store {path} cannot be opened.", "Change its owner or mode, or choose another --home."),
    sqlite3.SQLITE_IOERR: (
        "The disk of {path} does not answer rightly.",
        "Check the disk; then start the service again.",
    ),
    sqlite3.SQLITE_CORRUPT: ("The store {path} is damaged.", "Restore it from a backup, or choose another --home."),
    sqlite3.SQLITE_NOTADB: ("{path} is not a store of jupyter-fn.", "Move that file away, or choose another --home."),
}


def translate(error: BaseException, path: Path) -> BaseException:
    """A `HomeRefused` for what the disk or the file is to blame for; `error` itself for everything else."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(orig, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _MEANINGS:
        return error
    cause, remedy = _MEANINGS[code & 0xFF]
    fault = HomeRefused(cause.format(path=path), remedy)
    fault.__cause__ = error
    return fault


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of the database leave this block translated."""
    try:
        yield
    except _ERRORS as error:
        fault = translate(error, path)
        if fault is error:
            raise
        raise fault from error
