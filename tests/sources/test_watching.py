"""Hints from the operating system, with real folders."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import watchfiles

from jupyter_fn.sources.protocol import Source

Build = Callable[..., Source]
PATIENCE_S = 20


@contextmanager
def hinted(source: Source) -> Iterator[threading.Event]:
    event = threading.Event()
    stop = source.listen(event.set)
    assert stop is not None
    try:
        yield event
    finally:
        stop()


def until(event: threading.Event, poke: Callable[[int], object]) -> bool:
    """Poke until the hint comes: the watch is up only some time after `listen` has returned."""
    for attempt in range(PATIENCE_S * 10):
        poke(attempt)
        if event.wait(0.1):
            return True
    return False


@pytest.mark.parametrize("text", ["in/*.csv", "in/**/*.csv"])
def test_a_new_file_gives_a_hint(tmp_path: Path, source_of: Build, text: str) -> None:
    (tmp_path / "in").mkdir()
    with hinted(source_of(text, tmp_path)) as hint:
        assert until(hint, lambda n: (tmp_path / "in" / f"{n}.csv").write_text("1"))


def test_a_folder_below_that_is_moved_in_gives_a_hint(tmp_path: Path, source_of: Build) -> None:
    (tmp_path / "in").mkdir()

    def move_in(n: int) -> None:
        (tmp_path / f"{n}").mkdir()
        (tmp_path / f"{n}" / "a.csv").write_text("1")
        (tmp_path / f"{n}").rename(tmp_path / "in" / f"{n}")

    with hinted(source_of("in/*/*.csv", tmp_path)) as hint:
        assert until(hint, move_in)


def test_a_folder_that_comes_later_gives_a_hint_and_so_do_its_files(tmp_path: Path, source_of: Build) -> None:
    with hinted(source_of("a/b/in/*.csv", tmp_path)) as hint:

        def make_again(n: int) -> None:
            shutil.rmtree(tmp_path / "a", ignore_errors=True)
            (tmp_path / "a" / "b" / "in").mkdir(parents=True)

        assert until(hint, make_again)
        hint.clear()
        assert until(hint, lambda n: (tmp_path / "a" / "b" / "in" / f"{n}.csv").write_text("1"))


def test_a_folder_that_is_removed_and_made_again_is_watched_again(tmp_path: Path, source_of: Build) -> None:
    (tmp_path / "in").mkdir()
    with hinted(source_of("in/*.csv", tmp_path)) as hint:
        assert until(hint, lambda n: (tmp_path / "in" / f"{n}.csv").write_text("1"))
        shutil.rmtree(tmp_path / "in")
        (tmp_path / "in").mkdir()
        hint.clear()
        assert until(hint, lambda n: (tmp_path / "in" / f"{n}.csv").write_text("1"))


def test_other_files_give_no_hint(tmp_path: Path, source_of: Build) -> None:
    with hinted(source_of("*.csv", tmp_path)) as csv, hinted(source_of("*.txt", tmp_path)) as txt:
        assert until(csv, lambda n: (tmp_path / f"{n}.csv").write_text("1"))
        for _ in range(20):  # what was written before may still be told of, piece by piece, but not for ever
            csv.clear()
            txt.clear()
            assert until(txt, lambda n: (tmp_path / f"{n}.txt").write_text("1"))
            if not csv.is_set():
                return
        raise AssertionError("Other files gave hints, again and again.")


def test_where_the_system_cannot_watch_the_thread_ends_and_polling_remains(
    tmp_path: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*paths: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watchfiles, "watch", exhausted)
    name = f"jupyter-fn watch {tmp_path}"
    source = source_of("*.csv", tmp_path)
    with hinted(source) as hint:
        deadline = time.monotonic() + PATIENCE_S
        while any(thread.name == name for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert not hint.is_set()
    assert source.poll(None, 100.0).wake_at == 105.0


def test_the_stopper_ends_the_thread(tmp_path: Path, source_of: Build) -> None:
    stop = source_of("*.csv", tmp_path).listen(lambda: None)
    assert stop is not None
    stop()
    assert not [thread for thread in threading.enumerate() if str(tmp_path) in thread.name]
