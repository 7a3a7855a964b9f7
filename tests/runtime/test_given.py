"""Attempts that a worker has been given already."""

from typing import Any

from hypothesis import given as drawn
from hypothesis import strategies as st

from jupyter_fn.runtime.given import Given
from tests.attempts import attempt


def test_an_attempt_is_new_once_and_another_token_is_another_attempt() -> None:
    given = Given()
    assert given.add(attempt("r", token=1))
    assert not given.add(attempt("r", token=1))
    assert given.add(attempt("r", token=2))
    assert given.add(attempt("s", token=1))


@drawn(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3)), max_size=60), st.integers(1, 20))
def test_none_of_the_last_few_is_ever_new_again_and_no_more_are_remembered(pairs: Any, most: int) -> None:
    given = Given(most)
    accepted: list[tuple[str, int]] = []
    for pair in pairs:
        assert given.add(attempt(pair[0], token=pair[1])) == (pair not in accepted[-most:])
        if pair not in accepted[-most:]:
            accepted.append(pair)
