"""The store in a file: one process has it open, and one of its threads writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from ..model.errors import HomeRefused
from . import bell
from .payloads import Shelf

_READERS = 4  # connections kept; more are made under load
_WRITER_KB = 65_536  # of pages in memory
_READER_KB = 4_096  # each: a commit makes what a reader keeps useless, and the system keeps the file's pages, too


class Sqlite:
    """See `Kind`."""

    shared = False

    def __init__(self, path: Path, synchronous: str) -> None:
        self.path = path
        self.place = str(path)
        self._synchronous = synchronous

    def writing(self, shelf: Shelf) -> Engine:
        """One connection, whose transactions take the write lock at once: one that reads first and writes later can be
        refused."""
        return self._engine(shelf, "BEGIN IMMEDIATE", _pragmas(self._synchronous), poolclass=StaticPool)

    def reading(self, shelf: Shelf) -> Engine:
        """Several connections."""
        pool = {"poolclass": QueuePool, "pool_size": _READERS, "max_overflow": 16}
        return self._engine(shelf, "BEGIN", (*_cache(_READER_KB), "query_only=ON"), **pool)

    def _engine(self, shelf: Shelf, begin: str, pragmas: tuple[str, ...], **pool: Any) -> Engine:
        how = {"isolation_level": None, "check_same_thread": False, "timeout": 10.0, "cached_statements": 512}
        engine = create_engine(f"sqlite:///{self.path}", connect_args=how, **pool)

        def connected(raw: Any, record: Any) -> None:
            record.info["shelf"] = shelf
            cursor = raw.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        event.listen(engine, "connect", connected)
        event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(begin))
        return engine

    def check(self, conn: Connection) -> None:
        """Raises HomeRefused where there is no write-ahead log."""
        mode = conn.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode != "wal":
            raise HomeRefused(
                f"The filesystem of {self.path} cannot hold a write-ahead log (SQLite is in mode {mode}).",
                "Choose a local folder with --home or $JUPYTER_FN_HOME.",
            )

    def opened(self, conn: Connection) -> None:
        """Nobody else is there."""

    def begun(self, conn: Connection) -> None:
        """Nobody else is there who would hear a bell."""
        bell.silence(conn)

    def ending(self, conn: Connection) -> None:
        """Nobody else is there."""

    def has_committed(self, conn: Connection) -> bool:
        """Connections to a file do not break."""
        return False


def _cache(kb: int) -> tuple[str, ...]:
    return ("temp_store=MEMORY", f"cache_size=-{kb}")


def _pragmas(synchronous: str) -> tuple[str, ...]:
    # The log may grow to 32 MB before it is written back: pages that many commits touch are written once.
    return ("journal_mode=WAL", f"synchronous={synchronous}", "wal_autocheckpoint=8000", *_cache(_WRITER_KB))
