"""The real flights, and what the demo makes of them without a service."""

import os

import pytest

from jupyter_fn.client.local import run_draft
from jupyter_fn.demo.cells import draft
from jupyter_fn.demo.flights import Place, load


@pytest.fixture(scope="session")
def year():
    return load()


@pytest.fixture
def place(year, tmp_path, monkeypatch):
    """A prepared folder, which is also the current one: as in an environment of a function published from there."""
    made = Place(tmp_path / "flights")
    made.prepare(year.weather)
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def arrive(year, place):
    """`arrive("2013-01-01")`: the day's file is there; what `clean_day` returns for it."""
    tables = dict(year.days())

    def arrived(day):
        place.arrive(day, tables[day])
        event = {"path": os.fspath(place.landing / f"{day}.csv"), "stem": day}
        return run_draft(draft("clean_day", place.folder), event)

    return arrived


@pytest.fixture
def report(place):
    """`report(result)`: `monthly_delays` follows a result of `clean_day`."""
    made = draft("monthly_delays", place.folder)
    return lambda result: run_draft(made, {"data": result, "run": "r"})
