"""The home as a service's own: one owner at a time, and the address where it answers."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model.errors import HomeRefused, ServiceOwnedElsewhere

ADDRESS = "service.json"
_LOCK = "service.lock"


@contextmanager
def owned(home: Path) -> Iterator[None]:
    """Own the home. The kernel lets go of the lock when this process ends, however it ends.

    Raises:
        ServiceOwnedElsewhere: another service owns it.
        HomeRefused: the folder cannot be made or written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (home / _LOCK).open("a+")
    except OSError as error:
        raise HomeRefused(f"The home {home} cannot be written: {error.strerror}.", "Choose another --home.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _owned_elsewhere(home, lock.name) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _owned_elsewhere(home: Path, lock: str) -> ServiceOwnedElsewhere:
    pid = Path(lock).read_text().strip() or "unknown"
    where = ""
    with suppress(OSError, ValueError, KeyError):  # it does not answer yet, or not any more
        where = f" at {json.loads((home / ADDRESS).read_text())['url']}"
    return ServiceOwnedElsewhere(
        f"The home {home} is owned by another service{where} (pid {pid}).",
        "Stop that one with jupyter fn stop; several services need a home each and one store on PostgreSQL (--store).",
    )


@contextmanager
def announced(home: Path, url: str, token: str) -> Iterator[None]:
    """`service.json` says where this service answers, to nobody but its owner, for as long as it does."""
    path = home / ADDRESS
    aside = home / f".{ADDRESS}.{os.getpid()}"
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": url, "token": token, "pid": os.getpid()}, file)
    aside.replace(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
