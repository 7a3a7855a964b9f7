"""`--json`: one document each, with the keys that programs rely on."""

import re
from decimal import Decimal

import pytest

RUN = {
    "id",
    "function",
    "version",
    "alias",
    "trigger",
    "state",
    "reason",
    "attempts",
    "event_id",
    "batch_size",
    "created",
    "started",
    "ended",
    "duration_ms",
    "billed_ms",
    "init_ms",
    "memory_mb",
    "max_memory_mb",
    "cpu_ms",
    "bytes_read",
    "bytes_written",
    "cost_usd",
    "worker",
    "cold",
    "error",
    "result",
}
FUNCTION = {"name", "version", "state", "triggers", "runs", "cost_usd", "tags"}
COST = {"total_usd", "by", "cluster", "prices"}
COST_LINE = {"key", "runs", "billed_ms", "gb_s", "cpu_s", "bytes_read", "bytes_written", "cost_usd", "waste_usd"}
CLUSTER = {"worker_s", "busy_s", "idle_s", "cost_usd"}
AUDIT = {"observed", "done", "pending", "dead", "skipped", "superseded", "balanced"}
STATES = {"queued", "running", "waiting", "succeeded", "failed", "dead", "cancelled", "split", "unknown", "skipped"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture(scope="module", autouse=True)
def runs(house):
    """One run that succeeded, one that died."""
    house.publish(
        """
        @fn(on="in/*.txt settle=100ms", retries=0, tag={"team": "etl"})
        def reader(event):
            return 1 / int(event.open().read())
        """
    )
    house.write("in/good.txt", "1")
    house.write("in/bad.txt", "0")
    return house.all_ended("reader", 2)


def test_a_run(house):
    runs = house.runs()
    assert {run["state"] for run in runs} == {"succeeded", "dead"}
    for run in runs:
        assert set(run) >= RUN
        assert run["state"] in STATES
        assert all(TIME.fullmatch(run[key]) for key in ("created", "started", "ended"))
        assert run["created"] <= run["started"] <= run["ended"]
        assert Decimal(run["cost_usd"]) > 0
        assert (run["function"], run["version"], run["alias"], run["memory_mb"]) == ("reader", 1, "live", 512)
        assert (run["attempts"], run["batch_size"]) == (1, 1)
        assert run["duration_ms"] > 0
        assert run["worker"]


def test_a_failed_run_says_why_and_a_good_one_its_value(house):
    dead, good = (house.runs(f"--state {state}")[0] for state in ("dead", "succeeded"))
    assert set(dead["error"]) >= {"type", "message", "traceback"}
    assert (dead["error"]["type"], dead["error"]["message"]) == ("ZeroDivisionError", "division by zero")
    assert "Traceback" in dead["error"]["traceback"]
    assert dead["reason"] == "RetriesExhausted"
    assert (good["result"], good["error"]) == (1.0, None)


def test_one_run_has_its_attempts_and_its_event(house):
    run = house.ok(f"run {house.runs('--state succeeded')[0]['id']} --json").json
    assert set(run) >= RUN
    assert [attempt["state"] for attempt in run["attempts_list"]] == ["succeeded"]
    assert run["event"]["name"] == "good.txt"


def test_a_function(house):
    (function,) = house.ok("ls --json").json
    assert set(function) >= FUNCTION
    assert (function["name"], function["version"], function["state"]) == ("reader", 1, "active")
    assert function["runs"] == {"succeeded": 1, "dead": 1} or function["runs"].items() >= {
        ("succeeded", 1),
        ("dead", 1),
    }
    assert function["tags"] == {"team": "etl"}
    (trigger,) = function["triggers"]
    assert set(trigger) >= {"id", "uri", "state", "lag"}
    assert (trigger["uri"], trigger["state"], trigger["lag"]) == ("in/*.txt settle=100ms", "active", 0)
    assert Decimal(function["cost_usd"]) == sum(Decimal(run["cost_usd"]) for run in house.runs())


def test_a_cost_summary(house):
    cost = house.ok("cost --json").json
    assert set(cost) >= COST
    assert set(cost["cluster"]) >= CLUSTER
    (line,) = cost["by"]
    assert set(line) >= COST_LINE
    assert (line["key"], line["runs"]) == ("reader", 2)
    assert cost["prices"]["active"] == "aws-lambda-x86"


def test_an_audit(house):
    audit = house.ok("audit reader --json").json
    assert set(audit) >= AUDIT
    expected = {"observed": 2, "done": 1, "pending": 0, "dead": 1, "skipped": 0, "superseded": 0, "balanced": True}
    assert {key: audit[key] for key in AUDIT} == expected


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "ls",
        "show reader",
        "versions reader",
        "runs",
        "failures reader",
        "redrive reader --dry-run",
        "cost --by tag",
        "explain reader in/good.txt",
        "audit reader",
    ],
)
def test_every_table_has_a_document_and_a_text(house, words):
    said = house.ok(f"{words} --json")
    assert said.json is not None
    assert said.err == ""
    text = house.ok(words)
    assert text.out.strip()
    assert text.err == ""
