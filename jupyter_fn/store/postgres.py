"""The store on a PostgreSQL server: several services may have it open, and still one transaction writes at a time.

That is what makes everything that is right on SQLite right here: no op ever sees half of another one's work, and sequence
numbers grow in the order of commits over all services.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from ..model.errors import BadValue, MissingExtra
from ..model.ids import new_id
from . import bell
from .bell import News
from .payloads import Shelf

CHANNEL = "jupyter_fn"
_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_LOCK_KEY = 0x6A75_7079_666E  # "jupyfn"; advisory locks are per database
_READERS = 4  # connections kept; more are made under load
_IDLE_S = 15  # a service that is stopped in the middle of a transaction holds the others up for so long
_LOCK = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=_LOCK_KEY)
_SIGN = text(
    "INSERT INTO writers (id, seq, at) SELECT :id, :seq, extract(epoch FROM now())"
    " WHERE pg_current_xact_id_if_assigned() IS NOT NULL"  # else its COMMIT would have to wait for the disk
    " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, at = excluded.at"
)
_SIGNED = text("SELECT seq FROM writers WHERE id = :id")
_FORGET = text("DELETE FROM writers WHERE at < extract(epoch FROM now()) - 86400")
_CHANGES = text("SELECT seq FROM marks WHERE name = 'functions'")
_CHANGED = text(
    "INSERT INTO marks (name, seq) VALUES ('functions', 1) ON CONFLICT (name) DO UPDATE SET seq = marks.seq + 1"
)
_NOTIFY = text("SELECT pg_notify(:channel, :words)")


def is_postgres(where: str) -> bool:
    """Whether a store's URL is one of this kind."""
    return where.partition("://")[0] in _SCHEMES


def checked_url(where: str) -> URL:
    """The URL for SQLAlchemy.

    Raises:
        BadValue: it cannot be read. Its text is not repeated, for there may be a password in it.
        MissingExtra: the client library is not installed.
    """
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        url = None
    if url is None or not url.database or "@" in (url.host or ""):
        raise BadValue(
            "The URL of the store cannot be read.",
            "Write postgresql://user@host:5432/database, with %40 for an @ inside of a password.",
        )
    if find_spec("psycopg") is None:
        raise MissingExtra(
            "A store on PostgreSQL needs psycopg, which is not installed.", 'Run: pip install "jupyter-fn[postgres]"'
        )
    return url.set(drivername="postgresql+psycopg")


class Postgres:
    """See `Kind`."""

    shared = True

    def __init__(self, url: URL, synchronous: str) -> None:
        self.url = url
        self.place = shown(url)
        self.id = new_id()
        self._seq = 0
        # `off` may lose what was committed last when the *server* dies; never when only services do.
        self._synchronous_commit = "on" if synchronous == "full" else "off"

    def writing(self, shelf: Shelf) -> Engine:
        """One connection at a time."""
        settings = {
            "synchronous_commit": self._synchronous_commit,
            "idle_in_transaction_session_timeout": f"{_IDLE_S}s",
        }
        return self._engine(shelf, settings, pool_size=1, max_overflow=0)

    def reading(self, shelf: Shelf) -> Engine:
        """Several connections."""
        settings = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
        return self._engine(shelf, settings, pool_size=_READERS, max_overflow=16)

    def _engine(self, shelf: Shelf, settings: dict[str, str], **pool: Any) -> Engine:
        # jit: its compiler takes longer than any query here. The others: a server that is gone is noticed.
        settings = {"jit": "off", **settings}
        how = {"connect_timeout": 10, "application_name": "jupyter-fn"}
        how |= {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
        engine = create_engine(self.url, connect_args=how, poolclass=QueuePool, use_native_hstore=False, **pool)

        def connected(raw: Any, record: Any) -> None:
            record.info["shelf"] = shelf
            raw.autocommit = True
            each = ", ".join(["set_config(%s, %s, false)"] * len(settings))
            raw.execute(f"SELECT {each}", [word for setting in settings.items() for word in setting])
            raw.autocommit = False

        event.listen(engine, "connect", connected)
        return engine

    def listening(self, idle_s: float) -> Engine:
        """One connection, for a thread that hears and beats; see `watch`. Its transactions may stand still for `idle_s`."""
        settings = {"idle_in_transaction_session_timeout": f"{idle_s:.3f}s"}
        return self._engine(Shelf("", 0), settings, pool_size=1, max_overflow=0)

    def check(self, conn: Connection) -> None:
        """One service at a time makes the schema."""
        conn.execute(_LOCK)

    def opened(self, conn: Connection) -> None:
        """Take the place of writers that are long gone."""
        self.begun(conn)
        conn.execute(_FORGET)

    def begun(self, conn: Connection) -> None:
        """Be the only one that writes, over all services, until this transaction ends."""
        bell.silence(conn)
        conn.execute(_LOCK)
        bell.note_changes(conn, conn.execute(_CHANGES).scalar() or 0)

    def ending(self, conn: Connection) -> None:
        """Sign the transaction if it has written anything, so that it can be told later whether it was committed, and tell
        the others."""
        self._seq += 1
        conn.execute(_SIGN, {"id": self.id, "seq": self._seq})
        if News.FUNCTIONS in bell.told(conn):
            conn.execute(_CHANGED)
        words = bell.words(conn)
        if words:
            conn.execute(_NOTIFY, {"channel": CHANNEL, "words": f"{self.id} {words}"})

    def has_committed(self, conn: Connection) -> bool:
        """The lock is free when the server has done with the broken connection, so what stands there then is final."""
        conn.execute(_LOCK)
        return bool(conn.execute(_SIGNED, {"id": self.id}).scalar() == self._seq)


def shown(url: URL) -> str:
    """A URL for people: without password, and without what follows `?`."""
    return URL.create("postgresql", url.username, None, url.host, url.port, url.database).render_as_string()
