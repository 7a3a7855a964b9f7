"""The demo's own checks hold when all is right, and say what is wrong when it is not."""

from decimal import Decimal

import pandas as pd
import pytest

from jupyter_fn.demo import checks
from jupyter_fn.model.cost import AWS_X86
from jupyter_fn.model.cost import price as priced
from jupyter_fn.model.units import money

DAYS = ["2013-01-01", "2013-01-02"]
BOOK = {"name": "aws-lambda-x86", "per_million_requests": "0.20", "per_gb_s": "0.0000166667", "per_worker_hour": "0"}


def run(day="2013-01-01", *, state="succeeded", ms=15.5, billed=16, attempts=1, cost=None):
    exact = priced(AWS_X86, requests=attempts, mb_ms=billed * 512)
    return {
        "id": f"run-{day}",
        "state": state,
        "result": {"day": day} if state == "succeeded" else None,
        "attempts": attempts,
        "lost": 0,
        "price_book": BOOK["name"],
        "duration_ms": ms,
        "billed_ms": billed,
        "memory_mb": 512,
        "cost_usd": cost or money(exact),
    }


def summary(*runs):
    total = sum((Decimal(one["cost_usd"]) for one in runs), Decimal(0))
    return {"total_usd": money(total), "prices": {"active": BOOK["name"], "books": [BOOK]}}


def test_every_day_once():
    check = checks.every_day_once([run(day) for day in DAYS], DAYS)
    assert check.holds
    assert check.found == "2 days in, 2 succeeded, 2 different days"


@pytest.mark.parametrize(
    "runs",
    [
        [run(DAYS[0])],
        [run(DAYS[0]), run(DAYS[0])],
        [*map(run, DAYS), run(DAYS[1])],
        [run(DAYS[0]), run(DAYS[1], state="dead")],
    ],
    ids=["one is missing", "one came twice", "one too many", "one failed"],
)
def test_not_every_day_once(runs):
    assert not checks.every_day_once(runs, DAYS).holds


def test_the_report_follows_every_day():
    assert checks.all_succeeded([run(), run()], 2).holds
    assert not checks.all_succeeded([run()], 2).holds
    assert not checks.all_succeeded([run(), run(state="running")], 2).holds


def test_every_file_has_its_rows():
    assert checks.whole_files({"a": 2, "b": 3}, {"a": 2, "b": 3}).found == "2 Parquet files, 5 rows"
    assert not checks.whole_files({"a": 2, "b": 2}, {"a": 2, "b": 3}).holds
    assert not checks.whole_files({"a": 2}, {"a": 2, "b": 3}).holds


def test_totals_are_compared_month_by_month():
    wanted = pd.DataFrame({"month": ["2013-01", "2013-02"], "flights": [3, 4], "late": [1, 0]})
    assert checks.same_totals(wanted[::-1], wanted).found == "2 months × 2 totals equal"
    wrong = checks.same_totals(wanted.assign(late=[1, 1]), wanted)
    assert (wrong.holds, wrong.found) == (False, "2013-02: late is 1, pandas says 0")
    assert not checks.same_totals(wanted[:1], wanted).holds
    assert not checks.same_totals(pd.concat([wanted, wanted[:1].assign(month="2013-03")]), wanted).holds


def test_an_audit_must_be_balanced_and_sum():
    audit = {"observed": 3, "done": 2, "pending": 1, "dead": 0, "skipped": 0, "superseded": 0, "balanced": True}
    assert checks.balanced("f", audit).holds
    assert not checks.balanced("f", {**audit, "balanced": False}).holds
    assert not checks.balanced("f", {**audit, "observed": 4}).holds


def test_costs_are_those_of_the_formula():
    runs = [run(DAYS[0]), run(DAYS[1], ms=100.0, billed=100)]
    check = checks.exact_cost("f", runs, summary(*runs))
    assert check.holds
    assert check.found == "2 runs, $0.0000013666686"


def test_attempts_that_were_lost_are_not_billed():
    tried_twice, lost_once = {**run(), "attempts": 2}, {**run(), "attempts": 1, "lost": 1}
    assert not checks.exact_cost("f", [tried_twice], summary(tried_twice)).holds
    assert checks.exact_cost("f", [lost_once], summary(lost_once)).holds


@pytest.mark.parametrize(
    "wrong", [run(cost="0.0000003333335"), run(billed=17), run(ms=16.2)], ids=["digit", "billed", "rounded"]
)
def test_a_cost_that_is_not_that_of_the_formula(wrong):
    check = checks.exact_cost("f", [wrong], summary(wrong))
    assert not check.holds
    assert wrong["id"] in check.found


def test_a_sum_that_is_not_that_of_the_runs():
    assert not checks.exact_cost("f", [run()], summary(run(), run())).holds
