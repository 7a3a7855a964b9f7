"""What wildcards cost to match, counted as AWS's event-ruler counts it."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.policy.wildcards import MOST_BEGINNINGS, beginnings, parse_wildcard, too_complex


def counted(*rules: list[str]) -> int:
    return beginnings([[parse_wildcard(text) for text in rule] for rule in rules], most=100)


@pytest.mark.parametrize(
    ("texts", "number"),
    [
        # The quotes around a text are matched, too: `"` and `"*` are two beginnings of `"*"`.
        (["abc"], 1),
        (["*"], 2),
        (["*ab"], 2),
        (["*aa"], 3),
        (["a*bb"], 3),
        (["a*bcb"], 3),
        (["*ab*ad"], 4),
        (["a*b*bb"], 5),
        (["*ab*b*b*"], 7),
        (["*a*a*a*a*a*a*a*a*"], 17),
        (["ab*cd", "ab*wx", "ab*yz"], 6),
        (["a*aaa", "aa*aa"], 7),
        (["*:*:*:*:*:event-bus/*"], 11),
        (["arn:aws:events:us-east-1:*:event-bus/*"], 3),
        (["/Users/*/dir/dir/dir/dir/dir/doc.txt"], 7),
        (["*/datasync/*.bif", "*/datasync/*.tif"], 8),
    ],
)
def test_what_one_text_can_be_in_the_middle_of(texts: list[str], number: int) -> None:
    assert {counted(*([text] for text in order)) for order in permutations(texts)} == {number}


def test_patterns_that_are_refused_together_share_what_they_begin_with() -> None:
    together = [f"*/bin/*.{end}" for end in ("jar", "class", "so")]
    assert counted(together) == 10
    assert counted(*([text] for text in together)) == 12


def test_equal_patterns_count_once() -> None:
    assert counted(["*aa", "*aa"]) == counted(["*aa"])


def test_what_takes_too_long_to_count_is_too_complex(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not too_complex([[parse_wildcard("*abc")]])
    monkeypatch.setattr("jupyter_fn.policy.wildcards._MOST_MOMENTS", 3)
    assert too_complex([[parse_wildcard("*abc")]])


wildcards = st.text("ab*", max_size=8).filter(lambda text: "**" not in text)


@given(rule=st.lists(wildcards, min_size=1, max_size=3), more=wildcards)
def test_one_more_never_makes_it_simpler(rule: list[str], more: str) -> None:
    alone = [[parse_wildcard(text)] for text in dict.fromkeys(rule)]
    both = [[parse_wildcard(text)] for text in dict.fromkeys([*rule, more])]
    assert beginnings(alone, most=MOST_BEGINNINGS) <= beginnings(both, most=MOST_BEGINNINGS)
