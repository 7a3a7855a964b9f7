"""Publishing without a kernel: modules, notebooks and scripts; the same content is the same version."""

import json
import subprocess
import sys

import pytest

MODULE = """
from jupyter_fn import fn

RATE = 3

@fn(memory="256MB", tag={"team": "etl"})
def triple(event):
    return event.n * RATE

@fn(name="twice")
def double_it(event, context):
    return event.n * 2
"""


def notebook(*cells):
    document = {
        "cells": [
            {"id": f"c{i}", "cell_type": "code", "metadata": {}, "source": c, "outputs": [], "execution_count": None}
            for i, c in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document)


def test_a_module_publishes_what_it_decorates(house):
    house.write("jobs.py", MODULE)
    published = house.ok("publish jobs.py --json").json
    assert [(row["function"], row["number"], row["created"]) for row in published] == [
        ("triple", 1, True),
        ("twice", 1, True),
    ]
    assert house.invoke("triple", {"n": 5}).out == "15\n"
    assert house.invoke("twice", {"n": 5}).out == "10\n"
    assert house.ok("ls --json").json[0]["tags"] == {"team": "etl"}


def test_the_same_content_is_the_same_version_and_other_content_the_next(house):
    source = "@fn\ndef steady(event):\n    return 1\n"
    assert house.publish(source)[0]["number"] == 1
    again = house.publish(source + "\n\n# a comment changes nothing\n")[0]
    assert (again["number"], again["created"]) == (1, False)
    changed = house.publish(source.replace("return 1", "return 2"))[0]
    assert (changed["number"], changed["created"]) == (2, True)
    back = house.publish(source)[0]
    assert (back["number"], back["created"]) == (1, False)
    assert [version["number"] for version in house.ok("versions steady --json").json] == [2, 1]


def test_publishing_earlier_content_again_makes_it_live(house):
    source = "@fn\ndef swing(event):\n    return 1\n"
    house.publish(source)
    house.publish(source.replace("return 1", "return 2"))
    house.publish(source)
    assert house.invoke("swing").out == "1\n"


def test_options_and_captured_values_are_part_of_the_content(house):
    source = "LIMIT = 1\n\n@fn(memory='256MB')\ndef strict(event):\n    return LIMIT\n"
    numbers = [
        house.publish(text)[0]["number"]
        for text in (source, source.replace("LIMIT = 1", "LIMIT = 2"), source.replace("256MB", "300MB"), source)
    ]
    assert numbers == [1, 2, 3, 1]


def test_only_those_named_are_published(house):
    house.write("some.py", MODULE.replace("def triple", "def triple_some").replace('"twice"', '"twice_some"'))
    assert [row["function"] for row in house.ok("publish some.py twice_some --json").json] == ["twice_some"]
    said = house.fn("publish some.py twice_sum")
    assert said.code == 1
    assert "twice_some" in said.two_lines[1]


def test_a_dry_run_publishes_nothing(house):
    house.write("dry.py", "from jupyter_fn import fn\n\n@fn\ndef dry(event):\n    return 1\n")
    assert house.ok("publish dry.py --dry-run --json").json[0]["dry_run"] is True
    assert house.fn("show dry").code == 1


def test_the_cells_of_a_notebook_are_published_without_opening_it(house):
    house.write(
        "book.ipynb",
        notebook(
            "%load_ext jupyter_fn\nimport math",
            "FACTOR = 4",
            "raise SystemExit('nobody runs this cell')",
            "%%fn scale --memory 256MB --timeout 20s\ndef handler(event, context):\n    return FACTOR * event.n",
        ),
    )
    assert [row["function"] for row in house.ok("publish book.ipynb --json").json] == ["scale"]
    assert house.invoke("scale", {"n": 2}).out == "8\n"
    shown = house.ok("show scale --json").json
    assert [value["name"] for value in shown["version"]["captured"]] == ["FACTOR"]
    assert "def handler(event, context):" in shown["version"]["source"]


def test_a_script_publishes_when_it_is_executed(house):
    house.write(
        "script.py",
        """
        from jupyter_fn import fn

        GREETING = "hello"

        @fn(timeout="20s")
        def greet(event):
            return f"{GREETING} {event.who}"

        print(greet.invoke({"who": "you"}))
        print(fn["greet"].invoke({"who": "again"}))
        print(greet.local({"who": "here"}))
        """,
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=house.work, env=house.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "hello you\nhello again\nhello here\n"
    assert "greet · version 1 · new" in done.stderr


REFUSED = {
    "undefined name": ("def bad(event):\n    return missing_name", "missing_name"),
    "value that cannot travel": (
        "import sqlite3\nconn = sqlite3.connect(':memory:', check_same_thread=False)\n\n{fn}\ndef bad(event):\n    return conn",
        "sqlite3.Connection",
    ),
    "value too large": ("big = bytes(11_000_000)\n\n{fn}\ndef bad(event):\n    return len(big)", "big"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_captured_is_refused_in_two_lines_and_publishes_nothing(house, case):
    source, word = REFUSED[case]
    source = source.replace("{fn}", "@fn") if "{fn}" in source else f"@fn\n{source}"
    house.write("bad.py", f"from jupyter_fn import fn\n\n@fn\ndef good(event):\n    return 1\n\n{source}\n")
    said = house.fn("publish bad.py")
    assert said.code == 1
    assert word in said.two_lines[0]
    assert {"bad", "good"}.isdisjoint(row["name"] for row in house.ok("ls --json").json)


def test_an_unknown_option_names_the_nearest(house):
    house.write("typo.py", "from jupyter_fn import fn\n\n@fn(memroy='1GB')\ndef typo(event):\n    return 1\n")
    said = house.fn("publish typo.py")
    assert said.code != 0
    assert "memroy" in said.two_lines[0]


TRIGGERS = {
    "s4://bucket/*.csv": "s3",
    "incoming/*.csv setle=1s": "settle",
    "cron(61 * * * *)": "",
    "cron(0 6 * * *) tz=Europe/Berln": "Europe/Berlin",
    "rate(banana)": "",
    "at(tomorrow)": "",
    "fn:not/a/name": "",
}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_that_nobody_understands_is_refused_with_the_nearest(house, trigger):
    house.write("bad.py", f"from jupyter_fn import fn\n\n@fn(on={trigger!r})\ndef watcher(event):\n    return 1\n")
    said = house.fn("publish bad.py")
    assert said.code == 2
    assert TRIGGERS[trigger] in said.two_lines[1]
    assert "watcher" not in [row["name"] for row in house.ok("ls --json").json]
