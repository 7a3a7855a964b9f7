"""The database: one writer that commits in groups, and readers that see snapshots.

Every noun module (`functions`, `runs`, …) is functions of a `Connection`; this module gives them one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ..model.errors import BadValue
from . import migrations
from .faults import is_broken, translated
from .home import check_home, claim_file
from .kind import Kind
from .leases import Service
from .payloads import Shelf
from .postgres import Postgres, checked_url, is_postgres
from .sqlite import Sqlite
from .watch import Hear, Watch
from .writer import Writer, closed

T = TypeVar("T")

_LAST_READS_S = 5.0
_PAUSES_S = (0.0, 0.2, 0.5, 1.0, 2.0)  # a server that restarts is back within these


class Database:
    """An open store. Thread-safe: `submit`, `write` and `read` may be called from anywhere."""

    shared = False  # whether several services may have it open

    def __init__(self, kind: Kind, writing: Engine, reading: Engine) -> None:
        self.place = kind.place
        self.shared = kind.shared
        self._kind = kind
        self._writing = writing
        self._reading = reading
        self._writer = Writer(writing.connect(), kind)
        self._closing = threading.Event()
        self._reads = 0  # that go on
        self._calm = threading.Condition()

    @classmethod
    def open(
        cls, where: str | Path, *, synchronous: str = "full", payloads: str = "", inline_bytes: int = 262_144
    ) -> Database:
        """Open the store at a path, a `sqlite:///` or a `postgresql://` URL; make it, or bring it to the newest schema,
        where needed.

        Parameters:
            synchronous: `full` survives power loss, `normal` only the death of processes: on PostgreSQL not of the
                server's own ones.
            payloads: fsspec URL of the folder for large values; empty = `payloads` beside the store's file; with
                PostgreSQL the database itself, where other machines see them too.
            inline_bytes: values above this are stored there.

        Raises:
            HomeRefused: network filesystem, not writable, full, or not a store of this version.
            StoreUnreachable: the server does not answer, or lets nobody in.
            BadValue: another kind of database, or another word for `synchronous`.
            MissingExtra: the client library of that kind of database is not installed.
        """
        if synchronous not in ("full", "normal"):
            raise BadValue(f"synchronous={synchronous!r} is not known.", "Write full or normal.")
        kind: Kind
        if isinstance(where, str) and is_postgres(where):
            kind = Postgres(checked_url(where), synchronous)
        else:
            path = _path_of(where)
            check_home(path.parent)
            claim_file(path)
            payloads = payloads or str(path.parent / "payloads")
            kind = Sqlite(path, synchronous)
        return cls._of(kind, Shelf(payloads, inline_bytes))

    @classmethod
    def _of(cls, kind: Kind, shelf: Shelf) -> Database:
        writing = kind.writing(shelf)
        try:
            with translated(kind.place):
                with writing.begin() as conn:
                    kind.check(conn)
                    migrations.upgrade(conn)
                with writing.begin() as conn:
                    kind.opened(conn)
        except Exception:
            writing.dispose()
            raise
        return cls(kind, writing, kind.reading(shelf))

    def submit(self, op: Callable[[Connection], T]) -> Future[T]:
        """Have the writer carry out `op`. The future resolves after its COMMIT.

        What waits shares one transaction; when one op fails, only its future does. An op must do nothing outside the
        connection that it cannot do twice: when another one of its transaction fails, or the connection breaks, it is
        rolled back and done again.
        """
        return self._writer.submit(op)

    def write(self, op: Callable[[Connection], T]) -> T:
        """`submit` and wait."""
        return self._writer.submit(op).result()

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Call `fn` in this thread with a read-only connection; all it reads is of one moment. It is called again when
        the connection breaks. Raises ServiceNotRunning once the store is closed."""
        if self._closing.is_set():
            raise closed()
        with translated(self.place):
            for pause_s in _PAUSES_S:
                try:
                    return self._read(fn)
                except DBAPIError as error:
                    if not is_broken(error):
                        raise
                self._closing.wait(pause_s)
            return self._read(fn)

    def _read(self, fn: Callable[[Connection], T]) -> T:
        with self._calm:
            self._reads += 1
        try:
            with self._reading.begin() as conn:
                return fn(conn)
        finally:
            with self._calm:
                self._reads -= 1
                self._calm.notify_all()

    def watch(self, service: Service, hear: Hear, *, beat_s: float, lease_s: float) -> Watch:
        """Have `service` beat, and hear what others do. Only where the store is shared."""
        assert isinstance(self._kind, Postgres)
        return Watch(self._kind, service, hear, beat_s=beat_s, lease_s=lease_s)

    def close(self) -> None:
        """Carry out what was submitted, let those who read come to an end, then close. May be called twice."""
        self._closing.set()
        self._writer.close()
        with self._calm:
            self._calm.wait_for(lambda: not self._reads, _LAST_READS_S)
        self._reading.dispose()
        self._writing.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _path_of(where: str | Path) -> Path:
    if isinstance(where, str) and "://" in where:
        url = make_url(where)
        if url.get_backend_name() != "sqlite" or not url.database:
            raise BadValue(f"{url.get_backend_name()} cannot hold the store.", "Use a path, or postgresql://….")
        where = url.database
    return Path(where).expanduser().absolute()
