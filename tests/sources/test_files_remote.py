"""Files on filesystems that name no versions: memory, and one that tells size and time only, as FTP does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from jupyter_fn.model.errors import SourceUnreachable
from jupyter_fn.sources import registry
from jupyter_fn.sources.protocol import Poll, Source

Build = Callable[..., Source]
NOW = 2_000_000_000.0


class MinutesFileSystem(DirFileSystem):
    """Real files, of which only size and a time in whole minutes are told."""

    root = ""
    protocol = "ftp"
    down = False

    def __init__(self, **options: Any) -> None:
        super().__init__(path=self.root, fs=LocalFileSystem(), **options)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("ftp://host").strip("/")

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        minutes = info["mtime"] // 60 * 60
        return {"name": info["name"], "size": info["size"], "type": info["type"], "modified": minutes}

    def ls(self, path: str, detail: bool = True, **more: Any) -> Any:
        if self.down:
            raise ConnectionRefusedError(111, "Connection refused")
        return [self._told(info) for info in super().ls(path, detail=True)]

    def info(self, path: str, **more: Any) -> Any:
        return self._told(super().info(path))


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "in").mkdir()
    monkeypatch.setattr(MinutesFileSystem, "root", str(tmp_path))
    known = fsspec.get_filesystem_class("ftp")
    fsspec.register_implementation("ftp", MinutesFileSystem, clobber=True)
    yield tmp_path
    fsspec.register_implementation("ftp", known, clobber=True)


def paths(poll: Poll) -> list[str]:
    return [event.data["path"] for event in poll.events]


def test_a_file_is_complete_after_two_equal_looks(far: Path, source_of: Build) -> None:
    source = source_of("ftp://host/in/*.csv")
    (far / "in" / "a.csv").write_text("1")
    first = source.poll(None, NOW)
    assert not first.events
    assert first.wake_at == NOW + 1  # the usual look of remote places, before it can have settled
    (far / "in" / "a.csv").write_text("1,2")
    second = source.poll(first.position, NOW + 1)
    assert not source.poll(second.position, NOW + 2.5).events
    assert paths(source.poll(second.position, NOW + 3)) == ["ftp://host/in/a.csv"]


def test_a_same_size_edit_within_the_same_minute_is_seen(far: Path, source_of: Build) -> None:
    path = far / "in" / "a.csv"
    path.write_text("1")
    minute = path.stat().st_mtime // 60 * 60
    source = source_of("ftp://host/in/*.csv settle=0s")
    first = source.poll(None, minute + 30)
    path.write_text("2")
    second = source.poll(first.position, minute + 40)
    assert [event.type for event in (*first.events, *second.events)] == ["file.created", "file.modified"]
    assert first.events[0].key != second.events[0].key


def test_a_half_written_archive_waits_there_too(far: Path, source_of: Build) -> None:
    (far / "in" / "a.zip").write_bytes(b"PK\x03\x04 and so on")
    source = source_of("ftp://host/in/*.zip settle=0s")
    assert not source.poll(None, NOW).events
    assert "a zip archive ends with" in source.look("ftp://host/in/a.zip", NOW).verdict


def test_a_server_that_is_down_is_an_error_with_a_remedy_and_tried_again(
    far: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of("ftp://host/in/*.csv settle=0s")
    monkeypatch.setattr(MinutesFileSystem, "down", True)
    with pytest.raises(SourceUnreachable, match="Connection refused") as caught:
        source.poll(None, NOW)
    assert caught.value.remedy
    monkeypatch.setattr(MinutesFileSystem, "down", False)
    (far / "in" / "a.csv").write_text("1")
    assert source.poll(None, NOW).events


def test_memory_files_are_complete_at_once_and_versioned_by_content(source_of: Build) -> None:
    memory, base = fsspec.filesystem("memory"), f"memory://{uuid4()}"
    source = source_of(f"{base}/*.csv")
    memory.pipe_file(f"{base}/a.csv", b"1")
    first = source.poll(None, NOW)
    assert paths(first) == [f"{base}/a.csv"]
    memory.pipe_file(f"{base}/a.csv", b"1")
    second = source.poll(first.position, NOW)
    assert not second.events
    memory.pipe_file(f"{base}/a.csv", b"2")
    assert [event.type for event in source.poll(second.position, NOW).events] == ["file.modified"]


def test_a_pattern_at_the_root_of_a_filesystem_works(source_of: Build) -> None:
    name = f"{uuid4()}.csv"
    fsspec.filesystem("memory").pipe_file(f"memory://{name}", b"1")
    source = source_of(f"memory://{name[:20]}*.csv")
    assert paths(source.poll(None, NOW)) == [f"memory://{name}"]
    assert registry.watched(registry.check("memory://*.csv", "/")) == "memory://*.csv"


def test_there_are_no_hints_from_afar(source_of: Build) -> None:
    assert source_of("memory://in/*.csv").listen(lambda: None) is None
