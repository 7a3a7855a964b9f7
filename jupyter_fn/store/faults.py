"""What the database's own errors mean to a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from ..model.errors import HomeRefused, ServiceError, StoreUnreachable

_ERRORS = (DBAPIError, sqlite3.Error)  # SQLAlchemy's, and the bare one while connecting
_FREE = "Free some space; nothing that was acknowledged is lost, and what was not was not stored."
_LOCKED = ("The store {place} is locked by another process.", "Stop the other service that uses this home.")
_CLOSED = ("The store {place} cannot be opened.", "Change its owner or mode, or choose another --home.")
_SQLITE = {  # primary result codes, https://sqlite.org/rescode.html
    sqlite3.SQLITE_FULL: ("The disk of {place} is full.", _FREE),
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: (
        "The store {place} cannot be written.",
        "Change its owner or mode, or choose another --home.",
    ),
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_IOERR: (
        "The disk of {place} does not answer rightly.",
        "Check the disk; then start the service again.",
    ),
    sqlite3.SQLITE_CORRUPT: ("The store {place} is damaged.", "Restore it from a backup, or choose another --home."),
    sqlite3.SQLITE_NOTADB: ("{place} is not a store of jupyter-fn.", "Move that file away, or choose another --home."),
}
_POSTGRES = {  # SQLSTATE codes, https://www.postgresql.org/docs/current/errcodes-appendix.html
    "25006": ("The store {place} cannot be written.", "Name a server in `store` that is not read-only or a standby."),
    "42501": ("The user of {place} may not do that.", "GRANT it CREATE on the schema and all on its tables."),
    "53100": ("The disk of {place} is full.", _FREE),
    "53200": ("The server of {place} is out of memory.", "Give it more; nothing that was acknowledged is lost."),
    "54000": ("A value is too large for {place}.", "Name a folder for large values in the setting `payloads`."),
    "58030": ("The disk of {place} does not answer rightly.", "Look into the server's log."),
    "XX001": ("The store {place} is damaged.", "Restore it from a backup."),
}


def is_broken(error: BaseException) -> bool:
    """Whether the connection broke, or could not be made: another one may do."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_unconnected(error.orig)
    return _is_unconnected(error)


def translate(error: BaseException, place: str) -> BaseException:
    """What the disk, the file or the server is to blame for as an error for people; `error` itself for everything else.
    `place` is where the store is."""
    fault = _fault(error, place)
    if fault is None:
        return error
    fault.__cause__ = error
    return fault


def _fault(error: BaseException, place: str) -> ServiceError | None:
    orig = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(orig, "sqlite_errorcode", None)
    meaning = _SQLITE.get(code & 0xFF) if code is not None else _POSTGRES.get(getattr(orig, "sqlstate", None) or "")
    if meaning is not None:
        return HomeRefused(meaning[0].format(place=place), meaning[1])
    return _unreachable(error, place) if is_broken(error) else None


def _is_unconnected(orig: BaseException | None) -> bool:
    """psycopg names no code when there is no connection, whatever the server has said."""
    return type(orig).__name__ in _UNCONNECTED and getattr(orig, "sqlstate", "") is None


_UNCONNECTED = frozenset({"OperationalError", "ConnectionTimeout"})


def _unreachable(error: BaseException, place: str) -> StoreUnreachable:
    """The server's own last words say why; there is no password in them."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    words = [line.strip() for line in str(orig).splitlines() if line.strip()]
    said = words[0].removeprefix("connection failed: ") if words else type(orig).__name__
    remedy = "Check that the server runs, and the setting `store`."
    if "password" in said or "authentication" in said:
        remedy = "Give the password in PGPASSWORD, ~/.pgpass or the setting `store`."
    return StoreUnreachable(f"The store {place} cannot be reached: {said.rstrip('.')}.", remedy)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Errors of the database leave this block translated."""
    try:
        yield
    except _ERRORS as error:
        fault = translate(error, place)
        if fault is error:
            raise
        raise fault from error
