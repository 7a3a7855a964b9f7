"""A cgroup of its own for each environment, where this process may make one: version 2 only.

See https://docs.kernel.org/admin-guide/cgroup-v2.html. `cgroup.kill` ends everything in it at one stroke, whatever it has
called and however fast it forks. `memory.max` and `pids.max` are there when the controllers are delegated to us; the watch,
which sees less but says more, comes first, so they are set somewhat higher. Where nothing may be made, all of this does
nothing, and RLIMIT_DATA, the watch and the walk through the process tree are what there is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

AUTO, OFF = "auto", "off"
_CONTROLLERS = ("memory", "pids", "cpu")
_EMPTY_WAIT_S = 0.2


class Cgroups:
    """The cgroups of one zygote, below `root`; None: there are none."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    @classmethod
    def below(cls, places: tuple[Path, ...], name: str) -> Cgroups:
        """Below the first of these folders where one can be made."""
        for place in places:
            root = place / name
            _sweep(place)
            try:
                root.mkdir()
            except OSError:
                continue
            _enable(place)
            _enable(root)
            return cls(root)
        return cls(None)

    def make(self, name: str, limits: Mapping[str, str]) -> Path | None:
        """A new cgroup with these limits, as far as its controllers are there; None where none can be made."""
        if self._root is None:
            return None
        path = self._root / name
        try:
            path.mkdir()
        except OSError:
            return None
        for file, value in limits.items():
            _write(path / file, value)
        return path

    def kill(self, name: str) -> bool:
        """End everything in it. False where that cannot be done, so that it has to be done in another way."""
        return self._root is not None and _write(self._root / name / "cgroup.kill", "1")

    def remove(self, name: str) -> bool:
        """What is left in it ends, and it is gone. True when the kernel has killed in it for want of memory."""
        if self._root is None:
            return False
        path = self._root / name
        killed = _counted(path / "memory.events", "oom_group_kill") + _counted(path / "memory.events", "oom_kill") > 0
        deadline = time.monotonic() + _EMPTY_WAIT_S
        while self.kill(name) and not _removed(path) and time.monotonic() < deadline:
            time.sleep(0.001)
        return killed

    def close(self) -> None:
        """All of them are gone."""
        if self._root is not None:
            for path in [path for path in self._root.iterdir() if path.is_dir()] if self._root.is_dir() else []:
                self.remove(path.name)
            _removed(self._root)


def _sweep(place: Path) -> None:
    """What zygotes that were killed could not remove any more; the kernel keeps what still has processes in it."""
    for old in place.glob("jupyter-fn-*"):
        with suppress(OSError):
            for path in [path for path in old.iterdir() if path.is_dir()]:
                _removed(path)
            _removed(old)


def join(path: Path) -> None:
    """This process moves into that cgroup, and with it whatever it will start."""
    _write(path / "cgroup.procs", "0")


def places(said: str) -> tuple[Path, ...]:
    """Where to try to make cgroups: `auto`, `off`, or a folder."""
    if said == OFF:
        return ()
    return delegated() if said == AUTO else (Path(said),)


def delegated(proc: Path = Path("/proc/self")) -> tuple[Path, ...]:
    """Folders in which this process might make cgroups: its own, and the one above, which is free of processes where a
    service manager has put them into a leaf (systemd's DelegateSubgroup=)."""
    try:
        mounted = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
        own = next(line[3:] for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return ()
    points = [fields[4] for fields in mounted if "cgroup2" in fields[fields.index("-") :]]
    if not points:
        return ()
    here = Path(points[0]) / own.lstrip("/")
    above = (here.parent,) if own != "/" and _is_ours(here.parent) else ()
    return tuple(place for place in (*above, here) if os.access(place / "cgroup.procs", os.W_OK))


def _is_ours(place: Path) -> bool:
    """Whether it was delegated: root may write everywhere, so there the service manager's mark decides."""
    if os.geteuid() != 0:
        return True
    with suppress(OSError):
        return os.getxattr(place, "user.delegate") == b"1"
    return False


def limits_of(memory_mb: int, processes: int) -> dict[str, str]:
    """The files of a cgroup for an environment. `pids.max` counts threads, too, and so is wide."""
    limits = {"memory.max": str(memory_mb << 20), "memory.swap.max": "0", "memory.oom.group": "1"}
    return {**limits, "pids.max": str(16 * processes)} if processes else limits


def _enable(path: Path) -> None:
    """Hand every controller down that is there; one that is refused is not missed."""
    for name in _CONTROLLERS:
        _write(path / "cgroup.subtree_control", f"+{name}")


def _write(path: Path, text: str) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never made: a file that the kernel has not is no limit
    except OSError:
        return False
    try:
        os.write(fd, text.encode())
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _counted(path: Path, key: str) -> int:
    with suppress(OSError, ValueError):
        return int(dict(line.split() for line in path.read_text().splitlines()).get(key, 0))
    return 0


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
