"""The functions that the demo publishes, in this process: right in any order, also twice."""

import pandas as pd

from jupyter_fn.demo.cells import cell, draft

FEBRUARY = [f"2013-02-{day:02}" for day in range(1, 29)]


def test_a_cell_is_a_function_with_its_trigger(tmp_path):
    clean, monthly = draft("clean_day", tmp_path), draft("monthly_delays", tmp_path)
    assert clean.options.on == ("landing/*.csv settle=100ms",)
    assert (monthly.options.on, monthly.options.concurrency) == (("fn:clean_day",), 1)
    assert {clean.bundle.handler, monthly.bundle.handler} == {"handler"}
    assert clean.captured == monthly.captured == ()
    assert clean.bundle.source.startswith("# %%fn clean_day --on")


def test_the_lines_of_a_cell_begin_at_its_mark():
    line, body = cell("clean_day")
    assert line.startswith("clean_day --on ")
    assert body.startswith("from functools import cache\n")


def test_a_day_is_typed_marked_and_has_its_weather(year, place, arrive):
    result = arrive("2013-01-01")
    day = pd.read_parquet(place.clean / "2013-01-01.parquet")
    assert result == {"day": "2013-01-01", "flights": 842, "cancelled": 4}
    assert (len(day), int(day.cancelled.sum())) == (842, 4)
    assert str(day.scheduled.dt.tz) == "UTC"
    assert day.temp.notna().sum() > 800
    assert not list(place.clean.glob(".*"))


def test_a_month_is_what_pandas_says_whatever_the_order_and_however_often(year, place, arrive, report):
    results = [arrive(day) for day in FEBRUARY]
    for result in [*results[::-3], *results[::2], *results]:
        report(result)
    made = place.monthly().to_dict("records")
    assert made == [row for row in year.monthly().to_dict("records") if row["month"] == "2013-02"]


def test_a_report_is_of_the_days_that_are_there(year, place, arrive, report):
    first = arrive("2013-03-01")
    assert report(first)["days"] == 1
    arrive("2013-03-02")
    assert report(first)["days"] == 2
    assert report(arrive("2013-04-01"))["month"] == "2013-04"
    assert list(place.monthly().month) == ["2013-03", "2013-04"]
