"""Bad weather, seen from outside: a real service on a disk that is full, or may not be written; a store that is damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from jupyter_fn.store.database import Database

from .kills.house import House, command, until

pytestmark = [pytest.mark.service, pytest.mark.timeout(180, method="signal")]
SIZE = "24m"


@pytest.fixture
def small_disk() -> Iterator[Callable[[str], Path]]:
    """`small_disk("size=24m")` → a folder that is a filesystem of its own."""
    if os.getuid() != 0:
        pytest.skip("Only root can make a filesystem.")
    folder = Path(tempfile.mkdtemp(prefix="fn-disk-"))
    mounted: list[str] = []

    def mount(options: str) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", f"remount,{options}" if mounted else options, "tmpfs", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"No filesystem can be made here: {done.stderr}")
        mounted.append(options)
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
    folder.rmdir()


def fill(folder: Path) -> Path:
    """Nothing more goes onto that filesystem."""
    filler = folder / "filler"
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 4096, 64):
        with suppress(OSError):
            while os.write(file, b"x" * size):
                pass
    os.close(file)
    return filler


def refusal(house: House) -> dict[str, str]:
    """What the service says when it can store nothing: invoked until it does."""

    def look() -> dict[str, str] | None:
        address = house.address()
        answer = httpx.post(
            f"{address['url']}/api/v1/functions/doubler/invoke",
            json={"event": {"n": 1, "pad": "y" * 50_000}, "run_key": "", "wait_s": 0.0},
            headers={"Authorization": f"Bearer {address['token']}"},
            trust_env=False,
        )
        found: dict[str, str] | None = answer.json().get("error")
        return found if answer.status_code >= 400 else None

    return until(look, "a refusal")


def all_succeed(house: House, run_ids: list[str]) -> None:
    for run_id in run_ids:
        run = until(lambda: house.ask("GET", f"runs/{run_id}?wait_s=5"), f"run {run_id}")  # noqa: B023
        while run["state"] in ("queued", "running", "waiting"):
            run = house.insist("GET", f"runs/{run_id}?wait_s=5")
        assert run["state"] == "succeeded", run


def test_a_service_whose_disk_is_full_says_so_loses_nothing_and_goes_on_when_there_is_room(
    small_disk: Callable[[str], Path],
) -> None:
    disk = small_disk(f"size={SIZE}")
    with House(home=disk / "home") as house:
        told = [invoke(house, number) for number in range(5)]
        filler = fill(disk)
        error = refusal(house)
        assert "full" in error["message"]
        assert "Free some space" in error["remedy"]
        filler.unlink()
        told += [invoke(house, number) for number in range(5)]
        all_succeed(house, told)


def test_a_service_that_is_killed_while_its_disk_is_full_starts_again_when_there_is_room(
    small_disk: Callable[[str], Path],
) -> None:
    disk = small_disk(f"size={SIZE}")
    with House(home=disk / "home") as house:
        told = [invoke(house, number) for number in range(5)]
        filler = fill(disk)
        refusal(house)
        assert house.service is not None
        house.service.send_signal(signal.SIGKILL)
        house.service.wait()
        filler.unlink()
        house.start()
        all_succeed(house, told)


def test_a_home_that_may_not_be_written_is_refused_in_two_lines(small_disk: Callable[[str], Path]) -> None:
    disk = small_disk(f"size={SIZE}")
    (disk / "home").mkdir()
    small_disk("ro")
    said = serve(disk / "home")
    assert said.returncode == 1
    cause, remedy = said.stderr.splitlines()
    assert str(disk / "home") in cause
    assert "Read-only" in cause or "not writable" in cause
    assert "--home" in remedy


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: b"no database at all, but long enough to look like one" * 100, "is not a store"),
        (lambda data: data[:100] + b"\xff" * 4000 + data[4100:], "damaged"),
        (lambda data: data[: len(data) // 3], "damaged"),
    ],
    ids=["garbage", "first page", "cut off"],
)
def test_a_damaged_store_is_refused_in_two_lines(tmp_path: Path, damage: Callable[[bytes], bytes], says: str) -> None:
    store = tmp_path / "home" / "store.db"
    Database.open(store).close()
    store.write_bytes(damage(store.read_bytes()))
    said = serve(tmp_path / "home")
    assert said.returncode == 1, said.stderr
    cause, remedy = said.stderr.splitlines()
    assert says in cause
    assert str(store) in cause
    assert "--home" in remedy


def invoke(house: House, number: int) -> str:
    """The id of a run that was acknowledged."""
    body = {"event": {"n": number}, "wait_s": 0.0}
    return str(house.insist("POST", "functions/doubler/invoke", body)["id"])


def serve(home: Path) -> subprocess.CompletedProcess[str]:
    """`serve`, which is expected to end by itself."""
    return subprocess.run(
        command("jupyter_fn.cli.main", "serve", "--home", str(home)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
