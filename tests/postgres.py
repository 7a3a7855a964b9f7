"""A PostgreSQL server of its own, from Debian's package `postgresql`, on the loopback interface; for tests and harnesses.

`fsync` is off: what a killed *process* has committed is in the system's hands all the same, and nobody pulls the plug here.
Everything else, `synchronous_commit` too, is as PostgreSQL comes. As in real life, its superuser has a password, and text is
sorted as people sort it unless somebody asks for another collation.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

INSTALL = "apt-get update && apt-get install -y postgresql"
PATIENCE_S = 60.0
LOOK_S = 0.01
_SETTINGS = ("fsync=off", "listen_addresses=127.0.0.1", "max_connections=300", "shared_buffers=64MB")
_USER = "fn"
# Whoever started it may be killed: then the kernel stops it (PR_SET_PDEATHSIG; when the thread that started it has ended).
_DIES_WITH_US = ("setpriv", "--pdeathsig", "QUIT") if shutil.which("setpriv") else ()
_EMPTY = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$
"""


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`, on the PATH or where Debian puts them; None when there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda initdb: float(initdb.parts[-3]), default=None)
    return newest.parent if newest else None


class PostgresServer:
    """One cluster. `start` it, ask it for databases, `stop` it; in between it may be killed, and started again."""

    def __init__(self, **settings: str) -> None:
        """`settings`: of postgresql.conf, such as `max_connections="20"`."""
        found = binaries()
        if found is None:
            raise FileNotFoundError(f"PostgreSQL is not installed: {INSTALL}")
        self._binaries = found
        self._settings = [*_SETTINGS, *(f"{name}={value}" for name, value in settings.items())]
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="fn-postgres-", dir="/tmp"))
        self.password = secrets.token_urlsafe(12)
        self.port = _free_port()
        self._was_up = False
        self._log = self.folder / "log"
        self._make()

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    # --- the server's life

    def start(self) -> None:
        """Have it answer, where it answered before. One that was killed is given the time to leave."""
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if time.monotonic() > end:
                raise TimeoutError(f"PostgreSQL does not start: {self._log.read_text()[-2000:]}")
            if self._process is None or self._process.poll() is not None:
                self._spawn()
            time.sleep(LOOK_S)
        self._was_up = True

    def stop(self) -> None:
        """As an administrator does who cannot wait: connections are cut, what is committed is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL: its crash recovery runs at the next start."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start; connections are cut."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop it, without writing anything back, and take everything away."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- databases

    def url(self, database: str, *, user: str = _USER, password: str | None = None) -> str:
        """Where a database is, as the setting `store` wants it."""
        password = self.password if password is None else password
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "") -> str:
        """The URL of a new database, empty or a copy of that of another URL, to which nobody may be connected."""
        name = f"fn_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_name_of(template) or 'template0'}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Take a database away, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {_name_of(url)} WITH (FORCE)")

    def empty(self, url: str) -> None:
        """Take every row out of a store; its schema stays."""
        self.execute(_EMPTY, _name_of(url))

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """One statement as the superuser, outside of a transaction; the rows that it gives."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as conn:
            cursor = conn.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    # --- how

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.getuid() == 0:
            for path in (self.folder, secret):
                shutil.chown(path, "postgres", "postgres")
        subprocess.run(
            [
                *(str(self._binaries / "initdb"), "-D", str(self.folder / "data"), "-U", _USER, "--no-sync"),
                *("--auth=password", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"),
                *("--locale-provider=icu", "--icu-locale=en"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            **_as_who(),
        )

    def _spawn(self) -> None:
        if not self._was_up:
            self.port = _free_port()
        own = [f"port={self.port}", f"unix_socket_directories={self.folder}"]
        words = [word for setting in [*self._settings, *own] for word in ("-c", setting)]
        command = [*_DIES_WITH_US, str(self._binaries / "postgres"), "-D", str(self.folder / "data"), *words]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **_as_who())

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return self._process is not None

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None


def _as_who() -> Mapping[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    who = pwd.getpwnam("postgres")
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": [], "cwd": "/"}


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _name_of(url: str) -> str:
    return re.sub(r".*/|\?.*", "", url)
