"""Filters, as a person at the command line and in a script meets them."""

import json

import pytest

MODULE = """
@fn(filter={"size": [{"numeric": [">", 10]}]})
def big(event):
    return {"size": event.size}

@fn(on="topic:paints batch=2", filter={"value": {"colour": ["red"]}})
def red(event):
    return [record["value"]["n"] for record in event["records"]]
"""


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


def test_an_event_that_does_not_match_prints_null_and_says_so(house):
    said = house.invoke("big", {"size": 3})
    assert (said.code, said.out) == (0, "null\n")
    assert said.err == "The event does not match the filter of big; it was not run.\n"
    (run,) = house.runs("big --state skipped")
    assert (run["reason"], run["attempts"], run["cost_usd"]) == ("Filtered", 0, "0")


def test_an_event_that_matches_runs(house):
    assert house.invoke("big", {"size": 30}).out == '{"size": 30}\n'


def test_explain_takes_an_event(house):
    assert "takes this event" in house.ok(["explain", "big", '{"size": 11}']).out
    said = house.ok(["explain", "big", '{"size": 3}']).out
    assert 'size is 3, which [{"numeric":[">",10]}] does not take.' in said


def test_batches_of_a_topic_fill_with_what_matches(house):
    colours = [{"colour": colour, "n": n} for n, colour in enumerate(["red", "blue", "red"], start=1)]
    lines = "".join(json.dumps({"value": value}) + "\n" for value in colours)
    house.ok("emit paints --record -", stdin=lines)
    assert [run["result"] for run in house.all_ended("red", 1)] == [[1, 3]]


@pytest.mark.parametrize("dry_run", ["", "--dry-run"])
def test_a_filter_that_cannot_be_read_is_refused_when_it_is_published(house, dry_run):
    house.write("bad.py", "from jupyter_fn import fn\n\n@fn(filter={'size': []})\ndef bad(event):\n    return 1\n")
    said = house.fn(f"publish bad.py {dry_run}")
    assert said.code == 2
    assert said.two_lines[0].endswith("--filter: The filter cannot be read at size: the list is empty.")
