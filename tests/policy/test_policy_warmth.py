"""Which workers keep how many environments ready."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.policy.warmth import shares, workers_for

WANTED = st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=5)


@given(WANTED, st.lists(st.text(max_size=3), unique=True, max_size=5))
def test_every_wish_is_kept_somewhere_and_no_worker_has_more_than_one_more_than_another(wanted, workers):
    found = shares(wanted, workers)
    assert list(found) == workers
    totals = [sum(kept.values()) for kept in found.values()]
    if workers:
        assert max(totals) - min(totals) <= 1
        for key, number in wanted.items():
            assert sum(kept.get(key, 0) for kept in found.values()) == number


def test_there_are_workers_enough_for_all_to_run_at_once():
    assert [workers_for(numbers, 4) for numbers in ([], [1], [4], [3, 2], [9])] == [0, 1, 1, 2, 3]
