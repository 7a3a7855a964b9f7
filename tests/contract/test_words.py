"""Wrong words and missing things: exit codes, two lines on standard error, and no service started for nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

WRONG = {
    "sho x": ("'sho'", "Did you mean 'show'?"),
    "runs --stat dead": ("--stat", "Did you mean '--state'?"),
    "runs --last none": ("--last", "Usage: jupyter fn runs"),
    "runs --state sleeping": ("sleeping", "Usage: jupyter fn runs"),
    "show": ("NAME", "Usage: jupyter fn show"),
    "invoke x --event {": ("--event", "Write JSON"),
    "invoke x --event @nowhere.json": ("nowhere.json", "Name a readable text file"),
    "alias x live": ("'live'", "Write live=3"),
    "cost --since whenever": ("whenever", "Write a number and a unit"),
    "cost --by colour": ("colour", "Usage: jupyter fn cost"),
    "publish jobs.txt": ("jobs.txt", "Name a Python module or a notebook."),
    "schedule report.ipynb --memory 12parsecs": ("12parsecs", "Write a number and a unit"),
    "schedule report.ipynb -p year": ("'year'", "Write a name"),
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_is_two_in_two_lines_and_starts_no_service(bare, words):
    said = bare.fn(words)
    cause, remedy = said.two_lines
    assert said.code == 2
    assert WRONG[words][0] in cause
    assert WRONG[words][1] in remedy
    assert not (bare.home / "service.json").exists()


def test_a_file_that_is_missing_is_one(bare):
    said = bare.fn("publish nowhere.py")
    assert said.code == 1
    assert "nowhere.py" in said.two_lines[0]


@pytest.mark.parametrize("words", ["status", "status --json"])
def test_asking_for_the_status_starts_nothing_and_says_how(bare, words):
    said = bare.fn(words)
    assert said.code == 1
    assert "jupyter fn start" in said.two_lines[1]
    assert not (bare.home / "service.json").exists()


def test_stopping_what_does_not_run_is_fine(bare):
    assert bare.ok("stop").out == "No service was running.\n"


@pytest.mark.parametrize("words", ["--help", "runs --help", "invoke --help", "publish --help", "schedule --help"])
def test_help_goes_to_standard_output(bare, words):
    said = bare.ok(words)
    assert "Usage: jupyter fn" in said.out
    assert said.err == ""


def test_jupyter_finds_the_command(bare):
    jupyter = Path(sys.executable).parent / "jupyter"
    done = subprocess.run([jupyter, "fn", "--help"], env=bare.environment, capture_output=True, text=True, check=True)
    assert "Usage: jupyter fn" in done.stdout


@pytest.mark.parametrize("command", ["show", "versions", "pause", "resume", "rollback", "failures", "audit", "rm"])
def test_a_function_that_does_not_exist_is_one_in_two_lines(house, command):
    said = house.fn(f"{command} nobody")
    assert said.code == 1
    assert "nobody" in said.two_lines[0]


def test_the_nearest_function_is_named(house):
    house.publish("@fn\ndef weekly(event):\n    return 1\n")
    said = house.invoke("weekyl")
    assert said.code == 1
    assert "weekyl" in said.two_lines[0]
    assert "'weekly'" in said.two_lines[1]


@pytest.mark.parametrize("words", ["run 12345678", "cancel 12345678", "logs 12345678"])
def test_a_run_that_does_not_exist_is_one_in_two_lines(house, words):
    said = house.fn(words)
    assert said.code == 1
    assert "12345678" in said.two_lines[0]
