"""Putting staged files in place, twice if need be, on any filesystem."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem

from jupyter_fn.model.errors import FnError
from jupyter_fn.model.run import Staged
from jupyter_fn.runtime.outputs import discard, is_staged, local_path, publish, staged_name

LOST = r"vanished|nobody else sees it"


@pytest.fixture(params=["local", "file://", "memory", "s3"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "s3":
        yield request.getfixturevalue("s3")
        return
    if request.param != "memory":
        yield f"{'file://' if request.param == 'file://' else ''}{tmp_path}"
        return
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/out/keep", b"")
    yield "memory://out"
    fs.rm("/out", recursive=True)


def stage(base: str, text: str = "new", *, token: int = 1, name: str = "a.csv") -> Staged:
    target = f"{base}/{name}"
    staged = staged_name(target, "run", token)
    write(staged, text)
    return Staged(staged=staged, target=target, size=len(text))


def write(url: str, text: str) -> None:
    with fsspec.open(url, "w") as file:
        file.write(text)


def read(url: str) -> str:
    fs, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return str(fs.cat_file(path).decode())


def names(base: str) -> set[str]:
    fs, path = fsspec.core.url_to_fs(base, use_listings_cache=False)
    if not fs.exists(path):
        return set()
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
    with pytest.raises(FnError, match=LOST):
        publish([file])


def test_a_crash_between_two_files_or_before_the_commit_is_made_good_by_doing_it_again(base: str) -> None:
    files = [stage(base, "one", name="1.csv"), stage(base, "two", name="2.csv")]
    publish(files[:1])
    publish(files)
    publish(files)
    assert [read(file.target) for file in files] == ["one", "two"]
    assert names(base) == {"1.csv", "2.csv"}


def test_a_crash_between_the_copy_and_the_removal_of_the_original_is_made_good_too(base: str) -> None:
    file = stage(base)
    write(file.target, "new")
    publish([file])
    assert read(file.target) == "new"
    assert names(base) == {"a.csv"}


def test_an_old_version_is_not_taken_for_the_one_that_has_vanished(base: str) -> None:
    file = stage(base, "new and longer")
    write(file.target, "old")
    discard([file])
    with pytest.raises(FnError, match=LOST):
        publish([file])
    assert read(file.target) == "old"


def test_wildcards_in_a_name_are_letters(base: str) -> None:
    write(f"{base}/a1.csv", "other")
    file = stage(base, name="a[1]*.csv")
    publish([file])
    assert names(base) == {"a1.csv", "a[1]*.csv"}
    assert read(f"{base}/a1.csv") == "other"


def test_who_publishes_at_the_same_time_does_no_harm(base: str) -> None:
    for number in range(5):
        file = stage(base, f"content {number}")
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(publish, [file]) for _ in range(4)]:
                done.result()
        assert read(file.target) == f"content {number}"
    assert names(base) == {"a.csv"}


def test_readers_see_one_whole_version_whatever_is_put_in_its_place(base: str) -> None:
    texts = [letter * 100_000 for letter in "abcdefgh"]
    publish([stage(base, texts[0])])
    over = threading.Event()
    seen: set[str] = set()

    def look() -> None:
        while not over.is_set():
            seen.add(read(f"{base}/a.csv"))

    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(look)
        for token, text in enumerate(texts[1:], start=2):
            publish([stage(base, text, token=token)])
        over.set()
        looking.result()
    assert seen <= set(texts)
    assert read(f"{base}/a.csv") == texts[-1]


def test_a_filesystem_that_refuses_is_heard_and_the_file_stays_staged(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stage(base)
    with refusing(monkeypatch, "replace", "cp_file"), pytest.raises(PermissionError):
        publish([file])
    publish([file])
    assert read(file.target) == "new"


def test_what_cannot_be_removed_is_told_in_the_log_and_the_others_are(
    base: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = [stage(base, name="1.csv"), stage(base, name="2.csv")]
    with refusing(monkeypatch, "unlink", "rm_file"):
        discard(files)
    told = [record.getMessage() for record in caplog.records if record.name.endswith("outputs")]
    assert ["1.csv could not be removed: PermissionError" in message for message in told] == [True, False]
    discard(files)
    assert names(base) == set()


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, local: str, elsewhere: str) -> Iterator[None]:
    """One verb of every filesystem is not permitted."""

    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError("no")

    async def refuse_later(*arguments: object, **named: object) -> None:
        refuse()

    with monkeypatch.context() as patched:
        patched.setattr(Path, local, refuse)
        patched.setattr(MemoryFileSystem, elsewhere, refuse)
        patched.setattr(S3FileSystem, f"_{elsewhere}", refuse_later)
        S3FileSystem.clear_instance_cache()  # instances have made their verbs of those of the class
        yield
    S3FileSystem.clear_instance_cache()


def test_staged_names_are_hidden_keep_the_suffix_and_differ_by_attempt() -> None:
    first, second = (staged_name("s3://b/out/a.csv.gz", "run", token) for token in (1, 2))
    assert first == "s3://b/out/.run.1.staged.a.csv.gz"
    assert first != second
    assert staged_name("a.csv", "run", 1) == ".run.1.staged.a.csv"
    assert is_staged("/out/.run.1.staged.a.csv")
    assert not is_staged("/out/.run.1.staged/a.csv")


def test_local_paths_are_told_from_urls() -> None:
    assert local_path("/a/b") == local_path("file:///a/b") == local_path("local:///a/b") == Path("/a/b")
    assert local_path("s3://b/a") is None
