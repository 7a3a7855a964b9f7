"""Which writes are a loop: the paths that the trigger itself would take, by the same grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import LoopRefused
from jupyter_fn.policy.discovery import matches, skipped, static_prefix
from jupyter_fn.runtime.watched import fits, refuse_target

CASES = [
    ("/in/a.csv", "/in/*.csv", True),
    ("/in/a.json", "/in/*.csv", False),
    ("/in/b/a.csv", "/in/*.csv", False),
    ("/in/b/c/a.csv", "/in/**/*.csv", True),
    ("/in/a.csv", "/in/**/*.csv", True),
    ("/in/b/a", "/in/**", True),
    ("/in/a.txt", "/in/*.{csv,txt}", True),
    ("/in/a.bin", "/in/*.{csv,txt}", False),
    ("/in/{a}.csv", "/in/*.csv", True),
    ("/.home/in/a.csv", "/.home/in/*.csv", True),
    ("/in/.a.csv", "/in/*.csv", False),
    ("/in/_a.csv", "/in/*.csv", False),
    ("/in/_a.csv", "/in/_*.csv", True),
    ("/in/.r.1.staged.a.csv", "/in/*.csv", False),
    ("/in/a1.csv", "/in/a[0-9].csv", True),
    ("/in/ax.csv", "/in/a[!0-9].csv", True),
    ("/in/a.csv", "/in/a.csv", True),
    ("/in/.hidden/a.csv", "/in/*/a.csv", False),
    ("/in/_temporary/0/a.csv", "/in/**/*.csv", False),
    ("/_in/a.csv", "/_in/*.csv", True),
    ("s3://bucket/in/a.csv", "s3://bucket/in/*.csv", True),
    ("/in/a.csv.tmp", "/in/*", False),
]


@pytest.mark.parametrize(("path", "glob", "taken"), CASES)
def test_a_path_fits_when_the_trigger_would_take_it(path: str, glob: str, taken: bool) -> None:
    assert fits(path, glob) is taken
    assert taken == taken_by_policy(path, glob)


def taken_by_policy(path: str, glob: str) -> bool:
    base = static_prefix(glob) + "/"
    if not path.startswith(base):
        return False
    name, pattern = path.removeprefix(base), glob.removeprefix(base)
    return matches(pattern, name) and not skipped(name, None, pattern=pattern)


_PARTS = st.sampled_from(["a", "b", ".a", "_a", "a.csv", "b.csv", "_b.csv", "a.tmp", "ab"])
_WILD = st.sampled_from(["*", "?", "a", "b", "**", "*.csv", "_*", "a.{csv,tmp}", "[ab]", "*.tmp"])


@given(st.lists(_PARTS, min_size=1, max_size=4), st.lists(_WILD, min_size=1, max_size=4))
def test_it_agrees_with_the_triggers_own_grammar(path: list[str], glob: list[str]) -> None:
    whole, pattern = "/" + "/".join(path), "/" + "/".join(glob)
    assert fits(whole, pattern) == taken_by_policy(whole, pattern)


def test_a_refusal_names_the_file_and_the_trigger_and_the_way_out() -> None:
    with pytest.raises(LoopRefused) as refused:
        refuse_target("/in/x/../a.csv", ["/other/*", "/in/*.csv"])
    assert "/in/a.csv" in refused.value.cause
    assert "/in/*.csv" in refused.value.cause
    assert "--allow-loop" in refused.value.remedy


def test_other_targets_are_fine() -> None:
    refuse_target(b"/out/a.csv", ["/in/*.csv"])
    refuse_target("s3://bucket/in/a.csv", ["/in/*.csv"])
