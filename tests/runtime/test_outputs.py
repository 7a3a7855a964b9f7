"""Putting staged files in place, twice if need be, on any filesystem."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from jupyter_fn.model.errors import FnError
from jupyter_fn.model.run import Staged
from jupyter_fn.runtime.outputs import discard, local_path, publish, staged_name


@pytest.fixture(params=["local", "file://", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param != "memory":
        yield f"{'file://' if request.param == 'file://' else ''}{tmp_path}"
        return
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/out/keep", b"")
    yield "memory://out"
    fs.rm("/out", recursive=True)


def stage(base: str, text: str = "new", *, token: int = 1) -> Staged:
    target = f"{base}/a.csv"
    staged = staged_name(target, "run", token)
    write(staged, text)
    return Staged(staged=staged, target=target, size=len(text))


def write(url: str, text: str) -> None:
    with fsspec.open(url, "w") as file:
        file.write(text)


def read(url: str) -> str:
    with fsspec.open(url, "r") as file:
        return str(file.read())


def names(base: str) -> set[str]:
    fs, path = fsspec.core.url_to_fs(base)
    return {entry.rpartition("/")[2] for entry in fs.ls(path, detail=False)} - {"keep"}


def test_publishing_replaces_what_was_there_and_may_be_repeated(base: str) -> None:
    write(f"{base}/a.csv", "old")
    file = stage(base)
    assert read(file.target) == "old"
    publish([file])
    publish([file])
    assert read(file.target) == "new"
    assert names(base) == {"a.csv"}


def test_discarding_removes_what_is_staged_and_may_be_repeated(base: str) -> None:
    file = stage(base)
    discard([file])
    discard([file])
    assert names(base) == set()


def test_a_folder_that_a_handler_has_made_of_it_is_discarded_too(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    (staged / "inside").mkdir(parents=True)
    discard([Staged(staged=str(staged), target=str(tmp_path / "a"), size=0)])
    assert not staged.exists()


def test_a_staged_file_that_has_vanished_without_a_trace_is_an_error(base: str) -> None:
    file = stage(base)
    discard([file])
    with pytest.raises(FnError, match="vanished"):
        publish([file])


def test_staged_names_are_hidden_keep_the_suffix_and_differ_by_attempt() -> None:
    first, second = (staged_name("s3://b/out/a.csv.gz", "run", token) for token in (1, 2))
    assert first == "s3://b/out/.run.1.staged.a.csv.gz"
    assert first != second
    assert staged_name("a.csv", "run", 1) == ".run.1.staged.a.csv"


def test_local_paths_are_told_from_urls() -> None:
    assert local_path("/a/b") == local_path("file:///a/b") == local_path("local:///a/b") == Path("/a/b")
    assert local_path("s3://b/a") is None
