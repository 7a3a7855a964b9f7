"""Everything observed is accounted for."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.run import State
from jupyter_fn.policy.audit import SUPERSEDED, audit, take_stock

COLUMNS = ("done", "pending", "dead", "skipped", "superseded")


def test_every_state_has_its_column() -> None:
    states = {"succeeded": 5, "queued": 1, "waiting": 1, "running": 1, "dead": 2, "skipped": 3, SUPERSEDED: 4}
    assert audit(17, states) == {
        "observed": 17,
        "done": 5,
        "pending": 3,
        "dead": 2,
        "skipped": 3,
        "superseded": 4,
        "balanced": True,
    }


def test_an_event_in_the_ledger_without_run_or_reason_is_an_imbalance() -> None:
    assert audit(*take_stock(None, {"a": "succeeded", "b": ""}))["balanced"] is False


def test_what_is_listed_and_not_yet_entered_is_pending() -> None:
    report = audit(*take_stock({"a", "b", "c"}, {"a": "succeeded", "gone": "dead"}))
    assert (report["observed"], report["pending"], report["done"], report["dead"]) == (4, 2, 1, 1)
    assert report["balanced"] is True


@given(st.sets(st.text(max_size=2)), st.dictionaries(st.text(max_size=2), st.sampled_from([*State, SUPERSEDED])))
def test_the_columns_sum(listed: set[str], ledger: dict[str, str]) -> None:
    report = audit(*take_stock(listed, ledger))
    assert report["balanced"] is True
    assert report["observed"] == len(listed | ledger.keys()) == sum(report[column] for column in COLUMNS)
