"""Which files become events, when, and under which key."""

import re

import pytest
from fsspec.utils import glob_translate
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadTrigger
from jupyter_fn.policy.discovery import (
    escape,
    file_key,
    hidden_folder,
    local_version,
    matches,
    settled_at,
    skipped,
    static_prefix,
)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/in/*.csv", ["/in/a.csv", "/in/.csv"], ["/in/sub/a.csv", "/in/a.csv.gz", "/other/a.csv", "in/a.csv"]),
        ("/in/?.csv", ["/in/a.csv"], ["/in/ab.csv", "/in/.csv", "/in//.csv"]),
        ("/in/**/*.csv", ["/in/a.csv", "/in/x/y/a.csv"], ["/in/a.txt", "/inn/a.csv"]),
        ("/in/**", ["/in/a", "/in/x/y/a"], ["/in", "/inn/a"]),
        ("/in/x**/a", ["/in/xyz/a"], ["/in/x/y/a"]),
        ("/in/[ab]*.csv", ["/in/a.csv", "/in/bc.csv"], ["/in/c.csv"]),
        ("/in/[!ab]*.csv", ["/in/c.csv"], ["/in/a.csv", "/in//.csv"]),
        ("/in/[0-9].csv", ["/in/7.csv"], ["/in/-.csv"]),
        ("/in/*.{csv,json}", ["/in/a.csv", "/in/a.json"], ["/in/a.parquet"]),
        ("/in/a+(1).csv", ["/in/a+(1).csv"], ["/in/aa1.csv"]),
        ("s3://bucket/in/*.json", ["s3://bucket/in/a.json"], ["s3://bucket/in/b/a.json"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not matches(pattern, path)] == []
    assert [path for path in no if matches(pattern, path)] == []


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadTrigger):
        matches("/in/[z-a].csv", "/in/a.csv")


PARTS = st.sampled_from(["a", "b", "*", "**", "?", "a*", "*.b", "?a", "a.b"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "a.b", ".a"]), min_size=1, max_size=4).map("/".join)


@given(PATTERNS, PATHS)
def test_patterns_mean_what_they_mean_to_fsspec(pattern: str, path: str) -> None:
    assert matches(pattern, path) == bool(re.fullmatch(glob_translate(pattern), path))


@given(st.text(st.characters(exclude_characters="/"), min_size=1))
def test_an_escaped_path_matches_itself_only(name: str) -> None:
    path = f"/in/{name}"
    assert matches(escape(path), path)
    assert not matches(escape(path), f"{path}x")


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("/data/in/*.csv", "/data/in"),
        ("/data/in-*/*.csv", "/data"),
        ("/data/**/x.csv", "/data"),
        ("/data/in/a.csv", "/data/in"),
        ("*.csv", ""),
        ("bucket/in/{a,b}/c", "bucket/in"),
    ],
)
def test_a_listing_starts_below_the_folder_without_wildcards(pattern: str, folder: str) -> None:
    assert static_prefix(pattern) == folder


RUN_ID = "0b8e7f57-6f4e-4c2b-9a52-0d8a6f1f7c11"


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        (".hidden.csv", 1, "starts with ."),
        ("_SUCCESS", 1, "starts with _"),
        ("a.csv.tmp", 1, "ends with .tmp"),
        ("a.csv.part", 1, "ends with .part"),
        ("a.partial", 1, "ends with .partial"),
        ("a.crdownload", 1, "ends with .crdownload"),
        ("a.csv~", 1, "ends with ~"),
        ("a.csv", 0, "empty"),
        ("_temporary/0/a.csv", 1, "folder _temporary"),
        (f".{RUN_ID}.3.staged.a.csv", 1, "staged by a run"),
    ],
)
def test_unfinished_and_hidden_files_are_left_out_and_it_says_why(name: str, size: int, words: str) -> None:
    assert words in skipped(name, size)


@pytest.mark.parametrize(
    ("name", "pattern"), [("a.csv", ""), ("sub/a_b.c.csv", ""), (".env", ".*"), ("_a.csv", "_*"), ("a.tmp", "*.tmp")]
)
def test_what_the_pattern_asks_for_is_not_left_out(name: str, pattern: str) -> None:
    assert skipped(name, 1, pattern=pattern) == ""
    assert skipped(name, None, pattern=pattern) == ""


def test_our_own_staging_is_left_out_whatever_the_pattern_asks_for() -> None:
    assert skipped(f".{RUN_ID}.3.staged.a.csv", 1, pattern=".*")


def test_folders_with_a_dot_or_underscore_are_entered_only_when_asked_for() -> None:
    assert hidden_folder(".ipynb_checkpoints", "**/*.csv")
    assert not hidden_folder("_logs", "_logs/*.csv")
    assert not hidden_folder("logs", "**/*.csv")


def test_a_file_settles_when_nothing_has_changed_for_a_while() -> None:
    assert settled_at(modified=100.0, changed=100.0, settle_s=2.0, now=101.0) == 102.0
    assert settled_at(modified=50.0, changed=100.0, settle_s=2.0, now=101.0) == 102.0


def test_a_modification_time_in_the_future_says_nothing() -> None:
    assert settled_at(modified=9_999.0, changed=100.0, settle_s=2.0, now=101.0) == 102.0


def test_another_content_is_another_version_and_another_key() -> None:
    before = local_version(inode=7, size=10, mtime_ns=1)
    assert before == local_version(inode=7, size=10, mtime_ns=1)
    others = [local_version(inode=i, size=s, mtime_ns=m) for i, s, m in [(8, 10, 1), (7, 11, 1), (7, 10, 2)]]
    assert len({before, *others}) == 4
    assert file_key("/in/a", before) != file_key("/in/a", others[0])
    assert file_key("/in/a", before, on_overwrite="ignore") == file_key("/in/a", others[0], on_overwrite="ignore")
