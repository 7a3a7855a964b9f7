"""Everything observed is accounted for."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.run import State
from jupyter_fn.policy.audit import GATHERING, SUPERSEDED, audit

COLUMNS = ("done", "pending", "dead", "skipped", "superseded")


def test_every_state_has_its_column() -> None:
    states = {"succeeded": 5, "queued": 1, "waiting": 1, "running": 1, "skipped": 3, SUPERSEDED: 4, GATHERING: 6}
    assert audit(23, {**states, "dead": 1, "unknown": 1}) == {
        "observed": 23,
        "done": 5,
        "pending": 9,
        "dead": 2,
        "skipped": 3,
        "superseded": 4,
        "balanced": True,
    }


def test_an_item_in_the_ledger_without_a_state_is_an_imbalance() -> None:
    assert audit(2, {"succeeded": 1})["balanced"] is False


def test_a_batch_that_is_split_and_does_not_go_on_is_an_imbalance() -> None:
    assert audit(2, {"succeeded": 1, "split": 1})["balanced"] is False


def test_what_is_listed_and_not_yet_entered_is_pending() -> None:
    report = audit(2, {"succeeded": 1, "dead": 1}, listed=2)
    assert (report["observed"], report["pending"], report["done"], report["dead"]) == (4, 2, 1, 1)
    assert report["balanced"] is True


@given(
    st.dictionaries(st.sampled_from([*set(State) - {State.SPLIT}, SUPERSEDED, GATHERING]), st.integers(0, 9)),
    st.integers(0, 9),
)
def test_the_columns_sum(states: dict[str, int], listed: int) -> None:
    report = audit(sum(states.values()), states, listed=listed)
    assert report["balanced"] is True
    assert report["observed"] == sum(states.values()) + listed == sum(report[column] for column in COLUMNS)
