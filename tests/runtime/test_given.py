"""Attempts that a worker has been given already."""

from typing import Any

from hypothesis import given as drawn
from hypothesis import strategies as st

from jupyter_fn.runtime.assignment import Assignment
from jupyter_fn.runtime.given import Given


def attempt(run_id: str, token: int) -> Assignment:
    fields: dict[str, Any] = {"function": "f", "version": 1, "bundle": "b", "folder": "/", "event": {}, "attempt": 1}
    return Assignment(run_id=run_id, token=token, timeout_s=1.0, memory_mb=1, **fields)


def test_an_attempt_is_new_once_and_another_token_is_another_attempt() -> None:
    given = Given()
    assert given.add(attempt("r", 1))
    assert not given.add(attempt("r", 1))
    assert given.add(attempt("r", 2))
    assert given.add(attempt("s", 1))


@drawn(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3)), max_size=60), st.integers(1, 20))
def test_none_of_the_last_few_is_ever_new_again_and_no_more_are_remembered(pairs: Any, most: int) -> None:
    given = Given(most)
    accepted: list[tuple[str, int]] = []
    for pair in pairs:
        assert given.add(attempt(*pair)) == (pair not in accepted[-most:])
        if pair not in accepted[-most:]:
            accepted.append(pair)
