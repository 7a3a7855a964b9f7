"""Which files become events."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadTrigger
from jupyter_fn.policy.discovery import escape, file_key, matches, settled_at, skipped, static_prefix

NAMES = st.text("ab.[]*?{}-^!\\", min_size=1, max_size=8)
FOLDERS = st.lists(st.text("ab", min_size=1, max_size=2), max_size=4)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/in/*.csv", ["/in/a.csv", "/in/.csv"], ["/in/x/a.csv", "/in/a.csv.part", "/a.csv", "/in/a\n/b.csv"]),
        ("/in/**/*.csv", ["/in/a.csv", "/in/x/a.csv", "/in/x/y/a.csv"], ["/inx/a.csv", "/in/x/a.txt"]),
        ("/in/**", ["/in/a", "/in/x/a"], ["/in", "/out/a"]),
        ("/in/a?.csv", ["/in/ab.csv"], ["/in/a.csv", "/in/abc.csv", "/in/a/.csv"]),
        ("/in/[a-c]*", ["/in/b", "/in/cd"], ["/in/d", "/in/-"]),
        ("/in/[!a-c]*", ["/in/d"], ["/in/b", "/in/"]),
        ("/in/*.{csv,txt}", ["/in/a.csv", "/in/a.txt"], ["/in/a.parquet", "/in/a.csvtxt"]),
        ("/in/a**b", ["/in/ab", "/in/axb"], ["/in/a/b"]),
        ("/in/[x", ["/in/[x"], ["/in/x"]),
        ("s3://b/in/*.json", ["s3://b/in/a.json"], ["s3://c/in/a.json"]),
    ],
)
def test_patterns_take_what_they_say(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not matches(pattern, path)] == []
    assert [path for path in no if matches(pattern, path)] == []


@given(st.text("ab*?.", max_size=6), st.text("ab.", min_size=1, max_size=6))
def test_without_folders_it_is_the_usual_globbing(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


@given(NAMES)
def test_an_escaped_name_matches_itself_only(name: str) -> None:
    assert matches(escape(name), name)
    assert not matches(escape(name), f"{name}a")


@given(FOLDERS, FOLDERS, st.sampled_from(["*", "**/*", "a*/b", "?"]))
def test_what_matches_lies_below_the_static_prefix(above: list[str], below: list[str], rest: str) -> None:
    pattern = "/".join(["", *above, rest])
    path = "/".join(["", *above, *below, "b"])
    if matches(pattern, path):
        assert path.startswith(f"{static_prefix(pattern)}/")


def test_the_static_prefix_is_a_folder() -> None:
    assert static_prefix("/in/2026-*/x.csv") == "/in"
    assert static_prefix("/in/plain.csv") == "/in"
    assert static_prefix("*.csv") == ""


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadTrigger, match="cannot be read"):
        matches("/in/[z-a]", "/in/b")


@pytest.mark.parametrize("name", [".a", "_a", "a.tmp", "a.part", "a.partial", "a.crdownload", "a~", "_x/a", "x/.y/a"])
def test_names_of_unfinished_and_hidden_files_are_skipped(name: str) -> None:
    assert skipped(name, 1, pattern="*")


@pytest.mark.parametrize(("pattern", "name"), [("_*.csv", "_a.csv"), ("*.tmp", "a.tmp"), ("x*/_in/*", "x/_in/a")])
def test_what_the_pattern_names_itself_is_not_skipped(pattern: str, name: str) -> None:
    assert not skipped(name, 1, pattern=pattern)


def test_empty_files_are_skipped_and_a_size_that_is_not_known_says_nothing() -> None:
    assert skipped("a", 0) == "it is empty"
    assert not skipped("a", None)


@given(st.floats(0, 1e10), st.floats(0, 1e10), st.floats(0, 100), st.floats(0, 1e10))
def test_a_file_settles_after_its_last_change_and_never_waits_for_the_future(
    modified: float, changed: float, settle_s: float, now: float
) -> None:
    due = settled_at(modified=modified, changed=changed, settle_s=settle_s, now=now)
    assert due >= changed + settle_s
    assert due <= max(changed, now) + settle_s


def test_versions_of_a_path_share_a_key_only_where_overwriting_is_ignored() -> None:
    assert file_key("/a", "1") != file_key("/a", "2")
    assert file_key("/a", "1", on_overwrite="ignore") == file_key("/a", "2", on_overwrite="ignore")
