"""Runs that are stopped: their processes are gone when the command ends."""

import json

import pytest

MODULE = """
import os, subprocess, time
from pathlib import Path

@fn(concurrency=2)
def stays(event):
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    aside = Path(f".{event.name}")
    aside.write_text(f"{os.getpid()} {child.pid}")
    aside.rename(event.name)
    time.sleep(1000)
"""


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


def processes(house, name):
    """The handler's process and its child's, once both are there."""
    path = house.work / name
    house.until(path.exists, name)
    pids = [int(pid) for pid in path.read_text().split()]
    assert all(house.alive(pid) for pid in pids)
    return pids


def test_a_run_that_is_stopped_leaves_no_process(house):
    run_id = house.submit("stays", {"name": "one"})
    pids = processes(house, "one")
    stopped = house.ok(f"cancel {run_id} --json").json
    assert [pid for pid in pids if house.alive(pid)] == []
    assert (stopped["state"], stopped["reason"]) == ("cancelled", "Cancelled")


def test_several_are_stopped_and_none_when_one_is_unknown(house):
    ids = [house.submit("stays", {"name": name}) for name in ("two", "three")]
    pids = processes(house, "two") + processes(house, "three")
    refused = house.fn(f"cancel {ids[0]} 00000000-0000-4000-8000-000000000000")
    assert refused.code == 1
    assert refused.two_lines
    assert all(house.alive(pid) for pid in pids)
    stopped = house.ok(["cancel", *ids, "--json"]).json
    assert [pid for pid in pids if house.alive(pid)] == []
    assert [(run["id"], run["state"]) for run in stopped] == [(run_id, "cancelled") for run_id in ids]


def test_all_of_a_function_are_stopped_those_that_wait_too(house):
    ids = [house.submit("stays", {"name": name}) for name in ("four", "five", "six")]
    pids = processes(house, "four") + processes(house, "five")
    stopped = house.ok("cancel --all stays --json").json
    assert [pid for pid in pids if house.alive(pid)] == []
    assert {run["id"]: run["state"] for run in stopped} == dict.fromkeys(ids, "cancelled")
    assert not (house.work / "six").exists()
    assert house.ok("cancel --all stays --json").json == []
    assert json.loads(house.ok("audit stays --json").out)["balanced"] is True


@pytest.mark.parametrize("words", ["cancel", "cancel --all stays 0b1d"])
def test_it_is_either_runs_or_all_of_them(house, words):
    refused = house.fn(words)
    assert refused.code == 2
    assert refused.two_lines
