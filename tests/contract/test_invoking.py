"""By hand: `invoke` in all its forms, what it prints where, and looking at runs afterwards."""

import json
import re
import threading

import pytest

REPORT = re.compile(
    r"REPORT RequestId: ([0-9a-f-]{36})\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\t"
    r"Memory Size: (\d+) MB\tMax Memory Used: (\d+) MB(?:\tInit Duration: (\d+\.\d\d) ms)?"
)
MODULE = """
import time
from pathlib import Path

@fn(memory="256MB", timeout="20s", retries=0)
def halve(event):
    print("halving", event.n)
    return {"half": 10 / event.n}

@fn(retries=0)
def echo(event, context):
    context.logger.warning("careful")
    return {"event": event, "version": context.function_version, "key": context.idempotency_key,
            "request": context.aws_request_id, "memory": context.memory_limit_in_mb,
            "left": context.get_remaining_time_in_millis(), "attempt": context.attempt}

@fn
def count(event):
    for number in range(event.to):
        yield {"number": number}

@fn
def strange(event):
    return object()

@fn
def slow(event):
    print("begun", flush=True)
    while not Path(event.gate).exists():
        time.sleep(0.01)
    print("done")
    return "late"
"""


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


def test_the_value_on_one_stream_the_log_and_the_report_on_the_other(house):
    said = house.invoke("halve", {"n": 4})
    assert (said.code, said.out) == (0, '{"half": 2.5}\n')
    *log, report = said.err.splitlines()
    assert log == ["halving 4"]
    found = REPORT.fullmatch(report)
    assert found
    run = house.ok(f"run {found[1]} --json").json
    assert (run["function"], run["state"], run["result"]) == ("halve", "succeeded", {"half": 2.5})
    assert (int(found[3]), int(found[4]), int(found[5])) == (run["billed_ms"], 256, run["max_memory_mb"])
    assert run["max_memory_mb"] > 0
    assert bool(found[6]) is run["cold"]


def test_the_second_run_finds_a_warm_environment(house):
    house.ok("invoke halve --event '{\"n\": 1}'")
    report = house.ok("invoke halve --event '{\"n\": 1}'").err.splitlines()[-1]
    assert "Init Duration" not in report
    assert REPORT.fullmatch(report)


def test_a_handler_that_raises_ends_with_one_and_its_own_traceback(house):
    said = house.invoke("halve", {"n": 0})
    assert (said.code, said.out) == (1, "")
    assert "ZeroDivisionError: division by zero" in said.err
    assert 'return {"half": 10 / event.n}' in said.err
    assert "jupyter_fn/runtime" not in said.err
    assert any(REPORT.fullmatch(line) for line in said.err.splitlines())


def test_the_event_and_the_context_are_those_of_aws_and_more(house):
    value = house.invoke("echo", {"n": 1}).json
    event = value["event"]
    assert event["n"] == 1
    assert {"id", "source", "type", "time", "function", "trigger", "attempt"} <= set(event)
    assert (event["function"], event["attempt"], value["attempt"]) == ("echo", 1, 1)
    assert (value["version"], value["memory"]) == ("1", 512)
    assert 0 < value["left"] <= 60_000
    assert value["key"]
    assert value["request"] == house.runs("echo --last 1")[0]["id"]


@pytest.mark.parametrize("payload", [[1, "ä"], "text", 5, True])
def test_an_event_that_is_no_object_stands_under_data(house, payload):
    assert house.invoke("echo", payload).json["event"]["data"] == payload


def test_an_event_may_stand_in_a_file_or_be_left_out(house):
    house.write("event.json", json.dumps({"to": 2}))
    assert house.ok("invoke count --event @event.json").json == [{"number": 0}, {"number": 1}]
    assert "n" not in house.ok("invoke echo").json["event"]


def test_the_loggers_words_are_in_the_log(house):
    assert "careful" in house.ok("invoke echo").err


def test_a_value_that_json_cannot_say_is_fatal(house):
    said = house.invoke("strange")
    assert said.code == 1
    run = house.runs("strange --last 1")[0]
    assert (run["state"], run["attempts"], run["error"]["type"]) == ("dead", 1, "ResultNotSerializable")


def test_a_version_or_an_alias_may_be_named(house):
    assert house.invoke("echo:1").json["version"] == "1"
    assert house.invoke("echo:live").json["version"] == "1"
    for missing in ("echo:9", "echo:nowhere"):
        said = house.invoke(missing)
        assert said.code == 1
        assert said.two_lines


def test_the_same_key_and_event_are_one_run_and_another_event_is_a_conflict(house):
    words = ("--run-key", "monday", "--json")
    first, second = (house.invoke("halve", {"n": 2}, *words).json for _ in range(2))
    assert first["id"] == second["id"]
    other = house.invoke("halve", {"n": 3}, *words)
    assert other.code == 1
    assert "monday" in other.two_lines[0]


def test_json_is_the_run_whether_it_succeeded_or_not(house):
    assert house.invoke("halve", {"n": 2}, "--json").json["result"] == {"half": 5.0}
    failed = house.invoke("halve", {"n": 0}, "--json")
    assert (failed.code, failed.json["state"]) == (1, "dead")
    assert failed.json["error"]["type"] == "ZeroDivisionError"


def test_async_prints_the_id_at_once_and_the_run_goes_on(house):
    run_id = house.submit("halve", {"n": 5})
    assert re.fullmatch(r"[0-9a-f-]{36}", run_id)
    assert house.ended(run_id)["result"] == {"half": 2.0}
    assert house.ok(f"run {run_id[-8:]} --json").json["id"] == run_id
    assert "halving 5" in house.ok(f"logs {run_id}").out


def test_following_a_log_prints_as_it_comes_and_ends_with_the_run(house):
    run_id = house.submit("slow", {"gate": "follow"})
    follower = house.popen(f"logs {run_id} -f")
    assert follower.stdout.readline() == "begun\n"
    assert follower.poll() is None
    house.write("follow", "open")
    out, err = follower.communicate(timeout=60)
    assert out.startswith("done\n")
    assert (follower.returncode, err) == (0, "")
    assert house.ended(run_id)["result"] == "late"


def test_following_a_function_prints_what_its_runs_say(house):
    house.ok("invoke halve --event '{\"n\": 111}'")
    follower = house.popen("logs halve -f")
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(follower.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        house.until(lambda: "halving 111\n" in lines, "what was said before")
        # Again and again, for nobody can see from outside when the follower has begun to listen.
        house.until(lambda: house.submit("halve", {"n": 222}) and "halving 222\n" in lines, "what is said now")
    finally:
        follower.kill()
        follower.wait()
        reader.join()
        follower.stdout.close()
        follower.stderr.close()


def test_a_run_that_goes_on_can_be_cancelled(house):
    run_id = house.submit("slow", {"gate": "never"})
    house.in_state(run_id, "running")
    assert "cancelled" in house.ok(f"cancel {run_id}").out or house.ended(run_id)
    run = house.ended(run_id)
    assert (run["state"], run["reason"]) == ("cancelled", "Cancelled")
    again = house.ok(f"cancel {run_id} --json").json
    assert again["state"] == "cancelled"


def test_who_waits_for_a_cancelled_run_is_told(house):
    waiting = house.popen(["invoke", "slow", "--event", '{"gate": "never"}', "--run-key", "waited-for"])
    assert waiting.stderr.readline() == "begun\n"
    run_id = house.runs("slow --state running")[0]["id"]
    house.ok(f"cancel {run_id}")
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (1, "")
    assert "cancelled" in err


def test_runs_are_listed_newest_first_by_name_state_and_number(house):
    everything = house.runs()
    assert [run["created"] for run in everything] == sorted((run["created"] for run in everything), reverse=True)
    assert {run["function"] for run in house.runs("count")} == {"count"}
    assert {run["state"] for run in house.runs("--state dead")} == {"dead"}
    assert house.runs("--last 2") == everything[:2]
