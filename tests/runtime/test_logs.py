"""Reading ranges of a log that is still being written."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_fn.runtime.logs import droppable, new_log, read_new, read_range


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    fd = new_log(tmp_path)
    yield fd
    os.close(fd)


def test_a_log_has_no_name(log: int, tmp_path: Path) -> None:
    os.write(log, b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_range_is_its_text(log: int) -> None:
    os.write(log, "onetwoé".encode())
    assert read_range(log, 3, 8) == "twoé"
    assert read_range(log, 3, 3) == ""


def test_of_a_long_range_both_ends_are_kept(log: int) -> None:
    os.write(log, b"a" * 10 + b"-" * 100 + b"z" * 10)
    assert read_range(log, 0, 120, most=20) == f"{'a' * 10}\n[… 100 bytes left out …]\n{'z' * 10}"


def test_bytes_that_are_no_text_are_shown_as_such(log: int) -> None:
    os.write(log, b"a\xffb")
    assert read_range(log, 0, 3) == "a�b"


def test_a_character_that_is_half_there_waits_for_its_other_half(log: int) -> None:
    whole = "aé".encode()
    os.write(log, whole[:2])
    assert read_new(log, 0, 2) == ("a", 1)
    os.write(log, whole[2:])
    assert read_new(log, 1, 3) == ("é", 3)


def test_new_text_comes_in_parts(log: int) -> None:
    os.write(log, b"abcdef")
    assert read_new(log, 0, 6, most=4) == ("abcd", 4)


def test_only_a_large_middle_is_given_back() -> None:
    kept = 262_144
    assert droppable(100, 100 + 2 * kept + 1000)[1] == 0
    start, length = droppable(100, 100 + 2 * kept + (1 << 24))
    assert (start, length) == (100 + kept, 1 << 24)
