"""Chains that go round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.event import MAX_HOPS
from jupyter_fn.policy.loops import goes_round, loop_error, named


def test_the_limit_is_sixteen_runs() -> None:
    assert MAX_HOPS == 16
    assert not goes_round(16)
    assert goes_round(17)


@pytest.mark.parametrize(
    ("chain", "loop"),
    [
        (["a", "b", "a", "b", "a"], "a → b → a"),
        (["x", "a", "b", "c", "a"], "a → b → c → a"),
        (["a", "a", "a"], "a → a"),
        (["a", "b", "c"], "a → b → c"),
        ([], ""),
    ],
)
def test_a_loop_is_named_by_its_functions(chain: list[str], loop: str) -> None:
    assert named(chain) == loop


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20))
def test_what_is_named_comes_back_to_the_last_function_once_or_is_the_whole_chain(chain: list[str]) -> None:
    loop = named(chain).split(" → ")
    assert loop == chain[len(chain) - len(loop) :]
    assert loop.count(chain[-1]) == (2 if chain.count(chain[-1]) > 1 else 1)


def test_the_error_says_how_far_and_through_what() -> None:
    error = loop_error(17, ["a", "b", "a"])
    assert error.cause == "The event is 17 runs away from what began its chain, 16 is the limit: a → b → a."
    assert error.remedy
