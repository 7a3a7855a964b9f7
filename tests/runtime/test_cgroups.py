"""Cgroups of environments, on a folder that looks like one, and on the kernel's own where this process may make some."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.runtime.cgroups import Cgroups, delegated, join, limits_of, places


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which every new folder has the files of a cgroup, as the kernel makes them."""
    mkdir, rmdir = Path.mkdir, Path.rmdir

    def made(path: Path, *arguments: Any, **more: Any) -> None:
        mkdir(path, *arguments, **more)
        files = ("cgroup.procs", "cgroup.kill", "cgroup.subtree_control", "memory.max", "memory.oom.group", "pids.max")
        for name in files:
            (path / name).touch()
        (path / "memory.events").write_text("low 0\nmax 3\noom 0\noom_kill 0\noom_group_kill 0\n")

    def removed(path: Path) -> None:
        for file in path.iterdir():
            if file.is_file():
                file.unlink()
        rmdir(path)

    monkeypatch.setattr(Path, "mkdir", made)
    monkeypatch.setattr(Path, "rmdir", removed)
    return tmp_path


def test_an_environment_is_kept_within_its_limits(kernels: Path) -> None:
    group = Cgroups.below((kernels,), "jupyter-fn-1").make("a", limits_of(512, 100))
    assert group is not None
    assert (group / "memory.max").read_text() == str(512 << 20)
    assert (group / "memory.oom.group").read_text() == "1"
    assert (group / "pids.max").read_text() == "1600"
    assert not (group / "memory.swap.max").exists()  # a file that the kernel has not is not made
    join(group)
    assert (group / "cgroup.procs").read_text() == "0"


def test_controllers_are_handed_down(kernels: Path) -> None:
    Cgroups.below((kernels,), "jupyter-fn-1")
    assert (kernels / "jupyter-fn-1" / "cgroup.subtree_control").read_text().startswith("+cpu")


def test_ending_one_kills_what_is_in_it_and_says_whether_memory_was_short(kernels: Path) -> None:
    groups = Cgroups.below((kernels,), "jupyter-fn-1")
    quiet, short = groups.make("quiet", {}), groups.make("short", {})
    assert quiet is not None
    assert short is not None
    (short / "memory.events").write_text("oom_kill 1\n")
    assert groups.kill("quiet")
    assert (quiet / "cgroup.kill").read_text() == "1"
    assert not groups.remove("quiet")
    assert groups.remove("short")
    groups.close()
    assert not (kernels / "jupyter-fn-1").exists()


def test_what_a_killed_zygote_could_not_remove_is_removed_by_the_next(kernels: Path) -> None:
    Cgroups.below((kernels,), "jupyter-fn-1").make("a", {})
    Cgroups.below((kernels,), "jupyter-fn-2")
    assert [path.name for path in kernels.iterdir()] == ["jupyter-fn-2"]


@pytest.mark.parametrize("there", [(), (Path("/proc"),), (Path("/no/such/folder"),)])
def test_without_a_place_nothing_is_done(there: tuple[Path, ...]) -> None:
    groups = Cgroups.below(there, "jupyter-fn-1")
    assert groups.make("a", limits_of(512, 100)) is None
    assert not groups.kill("a")
    assert not groups.remove("a")
    groups.close()


def test_places_are_those_that_are_said() -> None:
    assert places("off") == ()
    assert places("/sys/fs/cgroup/fn") == (Path("/sys/fs/cgroup/fn"),)


@pytest.mark.parametrize("own", ["/", "/user.slice/fn.service"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_a_delegated_place_is_ours_or_the_one_above(
    tmp_path: Path, own: str, uid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    mount = tmp_path / "mount"
    here = mount / own.lstrip("/")
    here.mkdir(parents=True)
    for place in {here, here.parent}:
        (place / "cgroup.procs").touch()
    (tmp_path / "cgroup").write_text(f"4:memory:/x\n0::{own}\n")
    (tmp_path / "mountinfo").write_text(f"36 24 0:31 / {mount} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n")
    assert delegated(tmp_path) == ((here.parent, here) if own != "/" and uid else (here,))


def test_machines_without_version_2_have_none(tmp_path: Path) -> None:
    assert delegated(tmp_path) == ()
    (tmp_path / "cgroup").write_text("4:memory:/x\n0::/\n")
    (tmp_path / "mountinfo").write_text("36 24 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
    assert delegated(tmp_path) == ()


@pytest.fixture
def real() -> Any:
    groups = Cgroups.below(delegated(), f"jupyter-fn-{os.getpid()}-test")
    if groups.make("probe", {}) is None:
        pytest.skip("This process may make no cgroup here.")
    groups.remove("probe")
    yield groups
    groups.close()


def test_the_kernel_ends_what_is_in_one_whatever_it_has_called(real: Any) -> None:
    group = real.make("a", limits_of(512, 100))
    assert group is not None
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        join(group)
        os.setsid()
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        os.write(tell, b"1")
        while True:
            signal.pause()
    os.read(told, 1)
    real.remove("a")
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert not group.exists()
    os.close(told)
    os.close(tell)
