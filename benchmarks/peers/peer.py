"""What is measured of every system: one call that waits for its result, and many at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDRESS = "BENCH_ADDRESS"  # where a worker process finds its server
PATIENCE_S = 60.0
DURABILITY = {  # of SQLite, by `synchronous`
    "full": "SQLite WAL, every commit synced",
    "normal": "SQLite WAL; commits survive the death of processes, not of the machine",
}


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A system with its workers up."""

    name: str
    durability: str
    invoke: Callable[[], object]  # a no-op; returns when its result is here
    drain: Callable[[int], object]  # so many no-ops sent at once; returns when the last result is here


@contextmanager
def workers(*words: str, number: int = 1, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """So many processes `python -m WORDS`, ended at the end."""
    command = [sys.executable, "-m", *words]
    env = {**os.environ, **(environment or {})}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    children = [subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, **quiet) for _ in range(number)]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)  # of its own session: with whatever it has forked
        child.wait()
