"""Handlers that fail: retries, giving up, failures, redrive, and what follows a failure."""

import json

import pytest

MODULE = """
from pathlib import Path

@fn(retries=2, backoff="fixed(50ms)")
def third_time(event):
    print("attempt", event.attempt)
    if event.attempt < 3:
        raise OSError("not yet")
    return event.attempt

@fn(retries=1, backoff="fixed(50ms)", memory="256MB")
def hopeless(event):
    raise ValueError(f"bad {event.n}")

@fn(on="fn:hopeless on=failure")
def mourner(event):
    return {"run": event.run, "said": event.data["message"]}

@fn(retries=0)
def needs_file(event):
    return Path("medicine.txt").read_text()

@fn(retries=5, backoff="fixed(1h)")
def patient(event):
    raise ValueError("later")

class Later(Exception):
    retry_after = 0.05

@fn(retries=1, backoff="fixed(1h)")
def polite(event):
    if event.attempt == 1:
        raise Later("in a moment")
    return "thanks"
"""


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


def test_a_handler_that_fails_is_tried_again_until_it_succeeds(house):
    run = house.invoke("third_time", {}, "--json").json
    assert (run["state"], run["attempts"], run["result"]) == ("succeeded", 3, 3)
    attempts = house.ok(f"run {run['id']} --json").json["attempts_list"]
    assert [attempt["state"] for attempt in attempts] == ["failed", "failed", "succeeded"]
    assert [line for line in house.ok(f"logs {run['id']}").out.splitlines() if line.startswith("attempt")] == [
        "attempt 1",
        "attempt 2",
        "attempt 3",
    ]


def test_one_that_goes_on_failing_dies_and_says_so(house):
    said = house.invoke("hopeless", {"n": 1})
    assert said.code == 1
    assert "ValueError: bad 1" in said.err
    run = house.runs("hopeless --last 1")[0]
    assert (run["state"], run["reason"], run["attempts"]) == ("dead", "RetriesExhausted", 2)
    explained = house.ok(f"explain hopeless {run['id']} --json").json
    assert any("retry" in sentence for sentence in explained["sentences"])


def test_a_failure_is_an_event_for_who_follows_it(house):
    dead = house.runs("hopeless --state dead")[-1]
    follower = house.until(lambda: [r for r in house.all_ended("mourner", 1) if r["result"]["run"] == dead["id"]])[0]
    assert follower["result"] == {"run": dead["id"], "said": "bad 1"}


def test_failures_are_listed_counted_and_run_again(house):
    run_id = house.submit("needs_file")
    assert house.ended(run_id)["error"]["type"] == "FileNotFoundError"
    assert [run["id"] for run in house.ok("failures needs_file --json").json] == [run_id]
    dry = house.ok("redrive needs_file --dry-run --json").json
    assert dry["count"] == 1
    assert float(dry["estimated_cost_usd"]) > 0
    assert not dry["runs"]
    assert len(house.runs("needs_file")) == 1

    house.write("medicine.txt", "better")
    driven = house.ok("redrive needs_file --json").json
    assert (driven["count"], len(driven["runs"])) == (1, 1)
    assert house.ended(driven["runs"][0])["result"] == "better"
    assert house.get(f"runs/{run_id}")["state"] == "dead"  # the original stays
    assert house.ok("failures needs_file --json").json == []


def test_a_redrive_may_use_the_latest_code(house):
    source = "@fn(retries=0)\ndef mended(event):\n    raise KeyError(event.n)\n"
    house.publish(source, name="mended.py")
    ids = [house.submit("mended", {"n": n}) for n in (1, 2)]
    for run_id in ids:
        house.ended(run_id)
    house.publish(source.replace("raise KeyError(event.n)", "return event.n"), name="mended.py")
    driven = house.ok(f"redrive mended --ids {ids[0]} --code latest --json").json
    run = house.ended(driven["runs"][0])
    assert (run["version"], run["result"]) == (2, 1)
    assert [run["id"] for run in house.ok("failures mended --json").json] == [ids[1]]


def test_a_run_that_waits_says_until_when_and_can_be_cancelled(house):
    run_id = house.submit("patient")
    assert house.in_state(run_id, "waiting")["attempts"] == 1
    (sentence,) = [s for s in house.ok(f"explain patient {run_id} --json").json["sentences"] if "again at" in s]
    assert run_id in sentence
    house.ok(f"cancel {run_id}")
    assert house.ended(run_id)["state"] == "cancelled"


def test_a_handler_may_say_when_it_wants_to_be_tried_again(house):
    assert house.invoke("polite").out == '"thanks"\n'


def test_a_failure_is_redriven_with_another_event(house):
    house.publish("@fn(retries=0)\ndef picky(event):\n    return 10 // event.n\n", name="picky.py")
    ids = [house.submit("picky", {"n": 0}) for _ in range(3)]
    for run_id in ids:
        assert house.ended(run_id)["state"] == "dead"
    assert {row["id"]: row["event"] for row in house.ok("failures picky --json").json} == {
        run_id: {"n": 0} for run_id in ids
    }
    driven = house.ok(["redrive", "picky", "--ids", ids[0], "--event", '{"n": 5}', "--json"]).json
    (edited,) = (house.ended(run_id) for run_id in driven["runs"])
    assert (edited["result"], edited["parent"], edited["event"]["n"]) == (2, ids[0], 5)
    assert house.get(f"runs/{ids[0]}")["event"]["n"] == 0
    house.write("events.json", json.dumps({ids[1]: {"n": 1}, ids[2]: {"n": 2}}))
    driven = house.ok("redrive picky --events @events.json --json").json
    assert {house.ended(run_id)["result"] for run_id in driven["runs"]} == {10, 5}
    assert house.ok("failures picky --json").json == []
    assert house.ok("audit picky --json").json["balanced"] is True
    refused = house.fn(["redrive", "picky", "--ids", ids[0], "--event", "{}"])
    assert refused.code == 1
    assert "was redriven already" in refused.two_lines[0]


def test_past_events_run_again_apart_from_the_live_runs(house):
    source = "@fn\ndef counted(event, context):\n    return [event.n, event.get('replay'), context.idempotency_key]\n"
    house.publish(source, name="counted.py")
    for n in (1, 2, 3):
        house.ended(house.submit("counted", {"n": n}))
    before = house.ok("audit counted --json").json
    dry = house.ok("replay counted --last 2 --dry-run --json").json
    assert (dry["count"], dry["runs"]) == (2, [])
    assert dry["bytes"] > 0
    assert float(dry["estimated_cost_usd"]) > 0
    made = house.ok("replay counted --since 1h --last 2 --json").json
    runs = [house.ended(run_id) for run_id in made["runs"]]
    name = made["replay"]
    assert [run["result"][:2] for run in runs] == [[2, name], [3, name]]
    assert [run["result"][2] for run in runs] == [f"{run['event_id']}:{name}" for run in runs]
    assert {run["id"] for run in house.runs(f"--replay {name}")} == set(made["runs"])
    assert house.ok(f"replay counted --last 2 --replay {name} --json").json["runs"] == made["runs"]
    assert house.ok("replay counted --until 1h --json").json["count"] == 0
    assert len(house.runs("counted")) == 5
    assert house.ok("audit counted --json").json == before
    refused = house.fn("replay counted --since 1h --until 2h")
    assert refused.code == 2
    assert refused.two_lines
