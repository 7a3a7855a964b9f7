"""A durable queue by hand, as small as it can be: the floor. One table, one writer, workers that claim and finish.

No retries, no leases, no isolation: a dead worker's tasks are stuck. What it keeps is that what was inserted stays.
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from .peer import DURABILITY, Peer

_MOST = 50  # claimed in one transaction
_TABLE = "CREATE TABLE task (id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'queued', result TEXT)"
_INDEX = "CREATE INDEX queued ON task (id) WHERE state = 'queued'"
_CLAIM = f"""UPDATE task SET state = 'running'
    WHERE id IN (SELECT id FROM task WHERE state = 'queued' ORDER BY id LIMIT {_MOST}) RETURNING id"""
_FINISH = "UPDATE task SET state = 'done', result = ? WHERE id = ?"


def _open(path: Path, synchronous: str) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None, timeout=60)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute(f"PRAGMA synchronous = {synchronous}")
    return conn


@contextmanager
def _transaction(conn: sqlite3.Connection) -> Iterator[None]:
    conn.execute("BEGIN IMMEDIATE")
    yield
    conn.execute("COMMIT")


def _work(path: Path, synchronous: str, wake: socket.socket, done: socket.socket) -> None:
    conn = _open(path, synchronous)
    with suppress(KeyboardInterrupt):
        while wake.recv(1):
            while ids := _claimed(conn):
                results = [("null", task) for task in ids]  # here the function would run
                with _transaction(conn):
                    conn.executemany(_FINISH, results)
                done.send(len(ids).to_bytes(4, "big"))


def _claimed(conn: sqlite3.Connection) -> list[int]:
    with _transaction(conn):
        return [row[0] for row in conn.execute(_CLAIM).fetchall()]


@contextmanager
def running(number: int, synchronous: str) -> Iterator[Peer]:
    """So many worker processes, woken through a socket and telling through another one."""
    start = get_context("spawn")
    wake, woken = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told, done = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with TemporaryDirectory(prefix="fn-queue-") as folder, wake, woken, told, done:
        path = Path(folder) / "queue.db"
        conn = _open(path, synchronous)
        conn.execute(_TABLE)
        conn.execute(_INDEX)
        children = [start.Process(target=_work, args=(path, synchronous, woken, done)) for _ in range(number)]
        for child in children:
            child.start()

        def drain(count: int) -> None:
            with _transaction(conn):
                conn.executemany("INSERT INTO task DEFAULT VALUES", [()] * count)
            for _ in range(min(count, number)):
                wake.send(b"!")
            while count > 0:
                count -= int.from_bytes(told.recv(4), "big")

        yield Peer(
            name=f"SQLite queue by hand, synchronous={synchronous}",
            durability=f"{DURABILITY[synchronous]}; what a dead worker had is stuck",
            invoke=lambda: drain(1),
            drain=drain,
        )
        for child in children:
            child.kill()
            child.join()
        conn.close()
