"""What is said where there is no terminal."""

from decimal import Decimal

import pandas as pd

from jupyter_fn.demo.checks import Check
from jupyter_fn.demo.screen import Screen, Standing


def test_lines_instead_of_bars_and_not_too_many(capsys):
    with Screen().following(2) as shown:
        for standing in (
            Standing(arrived=1),
            Standing(arrived=2, cleaned=1),
            Standing(2, 2, 2, cost_usd=Decimal("0.002")),
        ):
            shown.tell(standing)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "     0 s  2 of 2 days arrived, 2 cleaned, 2 reported, $0.002\n"


def test_failures_are_shouted(capsys):
    with Screen().following(2) as shown:
        shown.tell(Standing(2, 1, 2, failed=1))
    assert "1 FAILED" in capsys.readouterr().err


def test_the_report_is_in_means(capsys):
    row = {"month": "2013-01", "days": 31, "flights": 1200, "cancelled": 200, "late": 150, "dep_delay": 12_500}
    Screen().months(pd.DataFrame([{**row, "arr_delay": 1, "in_rain": 500, "rain_delay": 10_000}]))
    assert " ".join(capsys.readouterr().out.splitlines()[-1].split()) == "2013-01 31 1,200 200 15.0 12.5 20.0 5.0"


def test_checks_stand_below_each_other(capsys):
    Screen().checks([Check("short", True, "found"), Check("much longer", False, "nothing")])
    assert capsys.readouterr().out.splitlines() == [
        "  ok     short        found",
        "  WRONG  much longer  nothing",
    ]
