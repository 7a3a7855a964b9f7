"""Handlers that misbehave are ended alone: they say why, and whoever runs beside them goes on."""

import pytest

MODULE = """
import ctypes, os, sys, time
from pathlib import Path

@fn
def neighbour(event):
    while not Path(event.gate).exists():
        time.sleep(0.01)
    return "went on"

@fn(timeout="1s", retries=0)
def sleeper(event):
    print("going to sleep", flush=True)
    time.sleep(600)

@fn(timeout="1s", retries=0)
def spinner(event):
    while True:
        pass

@fn(memory="256MB", retries=0)
def glutton(event):
    return len(bytearray(event.mb * 1024 * 1024))

@fn(retries=0)
def leaver(event):
    os._exit(3)

@fn(retries=0)
def quitter(event):
    sys.exit(4)

@fn(retries=0)
def crasher(event):
    ctypes.string_at(0)

@fn(retries=0)
def suicide(event):
    os.kill(os.getpid(), 9)

@fn(retries=0)
def well(event):
    return os.getcwd()
"""
CASES = {
    "sleeper": ({}, "RunTimedOut", "1 s"),
    "spinner": ({}, "RunTimedOut", "1 s"),
    "glutton": ({"mb": 2000}, "OutOfMemory", "256 MB"),
    "leaver": ({}, "EnvironmentDied", "exit code 3"),
    "quitter": ({}, "SystemExit", "4"),
    "crasher": ({}, "EnvironmentDied", "SIGSEGV"),
    "suicide": ({}, "EnvironmentDied", "SIGKILL"),
}


@pytest.fixture(scope="module")
def settings():
    """One worker, so that everybody is everybody's neighbour."""
    return {"max_workers": "1", "poll_s": "0.5"}


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


@pytest.fixture(scope="module")
def beside(house):
    """A run that goes on while everything else here happens."""
    run_id = house.submit("neighbour", {"gate": "gate"})
    house.in_state(run_id, "running")
    return run_id


@pytest.mark.parametrize("name", CASES)
def test_the_run_dies_alone_and_says_why(house, beside, name):
    event, kind, words = CASES[name]
    said = house.invoke(name, event)
    assert said.code == 1
    run = house.runs(f"{name} --last 1")[0]
    assert (run["state"], run["attempts"], run["error"]["type"]) == ("dead", 1, kind)
    assert words in run["error"]["message"]
    assert words in said.err
    assert house.get(f"runs/{beside}")["state"] == "running"
    assert house.invoke("well").code == 0


def test_the_reason_is_a_word_that_programs_can_read(house, beside):
    reasons = {
        name: house.runs(f"{name} --last 1")[0]["reason"] for name in ("sleeper", "glutton", "leaver", "quitter")
    }
    assert reasons == {
        "sleeper": "Timeout",
        "glutton": "OutOfMemory",
        "leaver": "EnvironmentDied",
        "quitter": "RetriesExhausted",
    }


def test_a_run_killed_at_its_limit_lasted_as_long_and_keeps_its_log(house, beside):
    run = house.runs("sleeper --last 1")[0]
    assert run["duration_ms"] >= 1000
    assert "going to sleep" in house.ok(f"logs {run['id']}").out


def test_out_of_memory_names_the_limit_and_the_peak(house, beside):
    error = house.runs("glutton --last 1")[0]["error"]
    assert "limit of 256 MB" in error["message"]
    assert "peak" in error["message"]


def test_what_fits_into_its_memory_is_no_fault(house, beside):
    assert house.invoke("glutton", {"mb": 64}).out == f"{64 * 1024 * 1024}\n"


def test_the_neighbour_ends_as_if_nothing_had_happened(house, beside):
    house.write("gate", "open")
    run = house.ended(beside)
    assert (run["state"], run["attempts"], run["result"]) == ("succeeded", 1, "went on")
