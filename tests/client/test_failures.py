"""Failures as a table that can be edited."""

import pandas as pd
import pytest

from jupyter_fn.client.client import Client
from jupyter_fn.client.handle import Function
from jupyter_fn.model.errors import BadValue, NotFound

ERROR = {"type": "ValueError", "message": "bad row"}


@pytest.fixture
def daily(fake, run_json):
    runs = [run_json(id=f"{n}-run", state="dead", error=ERROR, event={"n": n}) for n in (1, 2, 3)]
    fake.on("GET", "functions/daily/failures", runs)
    fake.on("POST", "functions/daily/redrive", {"count": 1, "bytes": 7, "estimated_cost_usd": "0.1", "runs": ["new"]})
    client = Client(fake.home, start=False, transport=fake.transport)
    yield Function("daily", client)
    client.close()


@pytest.fixture
def failures(daily):
    return daily.failures()


def test_they_are_runs_by_place_id_or_its_beginning(failures):
    assert [run.id for run in failures] == ["1-run", "2-run", "3-run"]
    assert failures["2-run"].id == failures["2"].id == failures[1].id == failures[-2].id == "2-run"
    assert [run.id for run in failures[1:]] == ["2-run", "3-run"]
    for nobody in ("4", "", "2-runs"):
        with pytest.raises(NotFound):
            failures[nobody]


def test_a_frame_has_what_somebody_needs_to_decide(failures):
    made = failures.to_pandas()
    assert list(made.columns) == ["id", "reason", "error", "attempts", "ended", "batch_size", "event"]
    assert made["error"].tolist() == ["ValueError: bad row"] * 3
    assert made["event"].tolist() == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_they_show_themselves_with_what_was_edited(failures):
    assert "edited" not in repr(failures)
    failures["2"] = {"n": 20}
    assert failures.to_pandas()["event"].tolist() == [{"n": 1}, {"n": 20}, {"n": 3}]
    assert '{"n":20}' in repr(failures)
    assert "yes" in repr(failures)
    assert "<table" in failures._repr_html_()


def test_those_kept_are_redriven_with_their_edits(fake, failures):
    failures["2"] = {"n": 20}
    failures.edit(2, {"n": 30})
    del failures["3"]
    assert failures.redrive(code="same", dry_run=True).count == 1
    assert fake.body() == {"ids": ["1-run", "2-run"], "code": "same", "events": {"2-run": {"n": 20}}, "dry_run": True}
    failures[:1].redrive()
    assert fake.body() == {"ids": ["1-run"], "code": "latest", "events": {}, "dry_run": False}
    failures[2:].redrive()
    assert fake.body()["ids"] == []


@pytest.mark.parametrize(("event", "said"), [([1], "no JSON object"), ("text", "no JSON object"), ({"f": open}, "f")])
def test_an_event_that_is_no_json_object_is_refused_at_once(failures, event, said):
    with pytest.raises(BadValue, match=said):
        failures["1"] = event
    assert failures.edits == {}


def test_a_frame_that_somebody_has_edited_is_redriven(fake, daily, failures):
    edited = failures.to_pandas().iloc[:2].copy()
    edited.at[0, "event"] = {"n": 10}
    daily.redrive(edited)
    assert fake.body()["ids"] == ["1-run", "2-run"]
    assert fake.body()["events"] == {"1-run": {"n": 10}, "2-run": {"n": 2}}


def test_events_of_a_frame_may_be_texts_or_nothing(fake, daily):
    daily.redrive(pd.DataFrame({"id": ["1-run", "2-run"], "event": ['{"n": 10}', None]}))
    assert fake.body()["events"] == {"1-run": {"n": 10}}
    daily.redrive(pd.DataFrame({"id": ["1-run"], "event": [float("nan")]}))
    assert fake.body()["events"] == {}
    daily.redrive(pd.DataFrame({"id": ["1-run"]}))
    assert (fake.body()["ids"], fake.body()["events"]) == (["1-run"], {})
    for wrong in (pd.DataFrame({"run": ["1"]}), pd.DataFrame({"id": ["1"], "event": ["{"]})):
        with pytest.raises(BadValue):
            daily.redrive(wrong)


def test_one_id_is_one_id(fake, daily):
    daily.redrive("1-run", events={"1-run": {"n": 1}})
    assert (fake.body()["ids"], fake.body()["events"]) == (["1-run"], {"1-run": {"n": 1}})
