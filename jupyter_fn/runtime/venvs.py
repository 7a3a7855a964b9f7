"""Virtual environments, one for each lock: made with uv, kept in a folder of this user, shared by all workers of a machine.

One is built beside its place and renamed when it is whole, so what stands there is whole, whoever was killed meanwhile. Of
several builders one builds and the others wait; where the filesystem knows no locks, all build and the first one wins.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model.errors import FnError, LoadFailed, RequirementsUnmet, WorkerLost
from ..model.ids import digest_json
from ..model.requirements import cause_of, lock_digest, may_pass

_LOOK_S = 0.1
_VENV = ("venv", "--quiet", "--no-project", "--relocatable", "--no-python-downloads", "--color=never")
_INSTALL = ("pip", "install", "--no-deps", "--compile-bytecode", "--no-progress", "--color=never")


class Stopped(Exception):
    """Whoever wanted it wants it no more."""


def cache_folder() -> Path:
    """`$JUPYTER_FN_CACHE`, else `jupyter-fn` in `$XDG_CACHE_HOME`, else in `~/.cache`."""
    named = os.environ.get("JUPYTER_FN_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jupyter-fn"


def place_of(lock: Sequence[str]) -> Path:
    """Where the virtual environment of a lock stands, for the Python of this process."""
    key = [lock_digest(lock), sys.implementation.cache_tag, platform.machine(), sys.base_prefix]
    return cache_folder() / "venvs" / digest_json(key)[:32]


def python_of(place: Path) -> Path | None:
    """The Python of a virtual environment that is there, and works."""
    python = place / "bin" / "python"
    return python if python.exists() else None  # a link, whose target may have been removed


def build(lock: Sequence[str], *, say: Callable[[str], None], stop: threading.Event) -> Path:
    """The Python of the virtual environment of a lock; made first where there is none. Blocks. `say` hears what is done.

    Raises:
        RequirementsUnmet: it cannot be made, in the installer's own words.
        WorkerLost: it cannot be made now: the network, the index or the disk.
        Stopped: `stop` was set.
    """
    place = place_of(lock)
    try:
        if python := python_of(place):
            return python
        place.parent.mkdir(parents=True, exist_ok=True)
        say(f"Making an environment with {', '.join(lock)}\n")
        with _turn(place, stop):
            return python_of(place) or _made(lock, place, say=say, stop=stop)
    except OSError as error:
        cause = f"No environment can be made in {place.parent}: {error}."
        raise WorkerLost(cause, "Name another folder by $JUPYTER_FN_CACHE on the worker.") from error


@contextmanager
def _turn(place: Path, stop: threading.Event) -> Iterator[None]:
    """While nobody else on this machine builds it. The kernel takes the lock of a builder that is killed."""
    with place.with_suffix(".lock").open("a") as file:
        while not _locked(file.fileno()):
            if stop.wait(_LOOK_S):
                raise Stopped
        yield


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a filesystem without locks
        return True
    return True


def _made(lock: Sequence[str], place: Path, *, say: Callable[[str], None], stop: threading.Event) -> Path:
    mark = f"{place.name}.{socket.gethostname()}."
    for left in place.parent.glob(f"{mark}*"):  # by a builder of this machine that was killed: it is our turn
        shutil.rmtree(left, ignore_errors=True)
    aside = place.with_name(f"{mark}{os.getpid()}")
    try:
        _uv([*_VENV, "--python", sys.executable, str(aside)], stop=stop)
        say(_uv([*_INSTALL, "--python", str(aside / "bin" / "python"), "--requirements", "-"], stop=stop, lines=lock))
        return _put(aside, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _put(aside: Path, place: Path) -> Path:
    if place.is_dir() and python_of(place) is None:  # its Python was removed
        shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):  # another machine was first
        aside.rename(place)
    python = python_of(place)
    if python is None:
        raise WorkerLost(f"The environment {place} has no Python.", "Remove that folder; it is made anew.")
    return python


def _uv(words: Sequence[str], *, stop: threading.Event, lines: Sequence[str] = ()) -> str:
    """What uv says."""
    from uv import find_uv_bin

    with subprocess.Popen(
        [find_uv_bin(), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        said = _heard(process, "\n".join(lines), stop)
    if process.returncode == 0:
        return said
    if may_pass(said):
        raise WorkerLost(
            f"The environment cannot be made now: {cause_of(said)}",
            "See that the worker reaches the package index, and has room on its disk.",
        )
    raise RequirementsUnmet(
        f"The environment cannot be made: {cause_of(said)}",
        "Ask for other versions with --requirements, and publish again.",
    )


def _heard(process: subprocess.Popen[str], given: str | None, stop: threading.Event) -> str:
    while True:
        try:
            return process.communicate(given, timeout=_LOOK_S)[1]
        except subprocess.TimeoutExpired:
            given = None
        if stop.is_set():
            process.kill()
            raise Stopped


def unmade(error: FnError, function: str) -> FnError:
    """How a run ends whose environment could not be made: for good, unless it may be possible later."""
    if isinstance(error, WorkerLost):
        return error
    return LoadFailed(f"{function} cannot be loaded. {error.cause}", error.remedy, kind=type(error).__name__)
