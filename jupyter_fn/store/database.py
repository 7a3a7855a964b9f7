"""The database: one writer that commits in groups, and readers that see snapshots.

Every noun module (`functions`, `runs`, …) is functions of a `Connection`; this module gives them one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool, StaticPool

from ..model.errors import BadValue, HomeRefused
from . import migrations
from .faults import translated
from .home import check_home, claim_file
from .payloads import Shelf
from .writer import Writer

T = TypeVar("T")

_READERS = 4  # connections kept; more are made under load


class Database:
    """An open store. Thread-safe: `submit`, `write` and `read` may be called from anywhere."""

    def __init__(self, path: Path, writing: Engine, reading: Engine) -> None:
        self.path = path
        self._writing = writing
        self._reading = reading
        self._writer = Writer(writing.connect(), path)

    @classmethod
    def open(
        cls, where: str | Path, *, synchronous: str = "full", payloads: str = "", inline_bytes: int = 65_536
    ) -> Database:
        """Open the store at a path or `sqlite:///` URL; make it, or bring it to the newest schema, where needed.

        Parameters:
            synchronous: `full` survives power loss, `normal` only the death of processes.
            payloads: fsspec URL of the folder for large values; empty = `payloads` beside the store.
            inline_bytes: values above this are stored there.

        Raises:
            HomeRefused: network filesystem, not writable, full, or not a store of this version.
            BadValue: another kind of database, or another word for `synchronous`.
        """
        path = _path_of(where)
        if synchronous not in ("full", "normal"):
            raise BadValue(f"synchronous={synchronous!r} is not known.", "Write full or normal.")
        check_home(path.parent)
        claim_file(path)
        shelf = Shelf(payloads or str(path.parent / "payloads"), inline_bytes)
        writing = _engine(path, shelf, writer=True, synchronous=synchronous)
        try:
            with translated(path), writing.begin() as conn:
                _require_wal(conn, path)
                migrations.upgrade(conn)
        except Exception:
            writing.dispose()
            raise
        return cls(path, writing, _engine(path, shelf, writer=False, synchronous=synchronous))

    def submit(self, op: Callable[[Connection], T]) -> Future[T]:
        """Have the writer carry out `op`. The future resolves after its COMMIT.

        What waits shares one transaction; when one op fails, only its future does. An op must do nothing outside the
        connection that it cannot do twice: when another one of its transaction fails, it is rolled back and done again.
        """
        return self._writer.submit(op)

    def write(self, op: Callable[[Connection], T]) -> T:
        """`submit` and wait."""
        return self._writer.submit(op).result()

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Call `fn` in this thread with a read-only connection; all it reads is of one moment."""
        with translated(self.path), self._reading.begin() as conn:
            return fn(conn)

    def close(self) -> None:
        """Carry out what was submitted, then close. May be called twice."""
        self._writer.close()
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
            raise BadValue(f"{url.get_backend_name()} cannot hold the store.", "Use a path, or sqlite:///path.")
        where = url.database
    return Path(where).expanduser().absolute()


def _engine(path: Path, shelf: Shelf, *, writer: bool, synchronous: str) -> Engine:
    pool: dict[str, Any] = {"poolclass": StaticPool}
    if not writer:
        pool = {"poolclass": QueuePool, "pool_size": _READERS, "max_overflow": 16}
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 10.0, "cached_statements": 512},
        **pool,
    )

    def connected(raw: Any, record: Any) -> None:
        record.info["shelf"] = shelf
        cursor = raw.cursor()
        for pragma in _pragmas(writer, synchronous):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(conn: Connection) -> None:
        # IMMEDIATE takes the write lock at once: a transaction that reads first and writes later can be refused
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _pragmas(writer: bool, synchronous: str) -> list[str]:
    shared = ["temp_store=MEMORY", "cache_size=-65536"]
    if not writer:
        return [*shared, "query_only=ON"]
    # The log may grow to 32 MB before it is written back: pages that many commits touch are written once.
    return ["journal_mode=WAL", f"synchronous={synchronous}", "wal_autocheckpoint=8000", *shared]


def _require_wal(conn: Connection, path: Path) -> None:
    mode = conn.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode != "wal":
        raise HomeRefused(
            f"The filesystem of {path} cannot hold a write-ahead log (SQLite is in mode {mode}).",
            "Choose a local folder with --home or $JUPYTER_FN_HOME.",
        )
