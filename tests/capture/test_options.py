"""One table of options, read from flags and from keywords."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.capture.options import OPTIONS, given_by_keywords, given_by_words, help_text, split_line
from jupyter_fn.model.errors import BadTrigger, BadValue, FnError, UnknownOption
from jupyter_fn.model.function import Options


def test_nothing_given_means_the_defaults():
    options = given_by_words(["daily"]).options
    assert (options.memory_mb, options.timeout_s, options.retries) == (512, 60.0, 2)
    assert options == given_by_keywords({}).options == Options()


def test_every_flag_and_its_keyword_end_in_the_same_options():
    line = (
        'daily --on "in/*.csv settle=1s" --on topic:orders --memory 1GB --timeout=5m --retries 0 --backoff lambda '
        "--concurrency 3 --batch 10 --window 2s --env A=1 --env B=x=y --tag team=etl --alias prod --allow-loop "
        """--filter '{"suffix": [ ".csv" ]}'"""
    )
    by_words = given_by_words(split_line(line))
    by_keywords = given_by_keywords(
        {
            "on": ["in/*.csv settle=1s", "topic:orders"],
            "memory": "1GB",
            "timeout": 300,
            "retries": 0,
            "backoff": "lambda",
            "concurrency": 3,
            "batch": 10,
            "window": "2s",
            "env": {"A": 1, "B": "x=y"},
            "tag": ["team=etl"],
            "alias": "prod",
            "allow_loop": True,
            "filter": {"suffix": [".csv"]},
        }
    )
    assert by_words.options == by_keywords.options
    assert by_words.words == ("daily",)
    options = by_words.options
    assert options.memory_mb == 1024
    assert options.env == (("A", "1"), ("B", "x=y"))
    assert options.filter == '{"suffix":[".csv"]}'
    assert {option.part for option in OPTIONS} - {""} == set(Options.__dataclass_fields__) - {"lock"}  # made of others


def test_options_survive_the_way_through_json():
    options = given_by_words(split_line("daily --env B=1 --env A=2 --tag x=y --on a/*.csv")).options
    assert Options.from_dict(options.to_dict()) == options


def test_a_dry_run_is_not_part_of_the_version():
    dry = given_by_words(["daily", "--dry-run"])
    assert dry.dry_run
    assert dry.options == Options()
    assert given_by_keywords({"dry_run": True}).dry_run


def test_none_as_a_keyword_means_not_given():
    assert given_by_keywords({"memory": None, "on": None}).options == Options()


@pytest.mark.parametrize(
    ("flag", "nearest"), [("--memroy", "--memory"), ("--timout", "--timeout"), ("--allow_loop", "--allow-loop")]
)
def test_an_unknown_flag_is_refused_and_the_nearest_is_named(flag, nearest):
    with pytest.raises(UnknownOption) as caught:
        given_by_words(["daily", flag, "1"])
    assert flag in caught.value.cause
    assert repr(nearest) in caught.value.remedy


def test_an_unknown_keyword_is_refused_and_the_nearest_is_named():
    with pytest.raises(UnknownOption, match="memmory is not an option") as caught:
        given_by_keywords({"memmory": 1})
    assert "'memory'" in caught.value.remedy


def test_options_of_later_issues_are_unknown():
    for flag in ("--secret", "--budget", "--sandbox"):
        with pytest.raises(UnknownOption):
            given_by_words(["daily", flag, "x"])


@pytest.mark.parametrize(
    "line",
    [
        "--memory 12parsecs",
        "--memory 0",
        "--timeout 0",
        "--timeout soon",
        "--retries -1",
        "--retries two",
        "--concurrency 1.5",
        "--batch 0",
        "--window 0s",
        "--env A",
        "--env =1",
        "--tag novalue",
        "--alias 'not a name'",
        "--filter {suffix:.csv}",
        "--filter []",
        "--memory",
        "--memory --timeout 1s",
        "--allow-loop=yes",
        "--memory 1GB --memory 2GB",
    ],
)
def test_a_value_that_does_not_fit_names_its_option_and_a_remedy(line):
    with pytest.raises(BadValue) as caught:
        given_by_words(["daily", *split_line(line)])
    assert line.split("=")[0].split(" ")[0] in caught.value.cause
    assert caught.value.remedy


def test_a_keyword_that_does_not_fit_is_called_by_its_keyword():
    with pytest.raises(BadValue, match=r"^retries: True is not"):
        given_by_keywords({"retries": True})


def test_a_trigger_that_nobody_can_read_is_refused():
    with pytest.raises(BadTrigger):
        given_by_words(["daily", "--on", "in/*.csv settle"])


def test_a_quote_that_is_not_closed_is_named():
    with pytest.raises(BadValue, match="No closing quotation"):
        split_line("daily --on 'x")


def test_the_same_trigger_twice_is_one():
    assert given_by_keywords({"on": ["a/*", "a/*"]}).options.on == ("a/*",)


def test_help_names_every_option():
    text = help_text()
    assert text.startswith("%%fn NAME [options]")
    assert all(f"--{option.flag}" in text and option.help in text for option in OPTIONS)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_no_words_whatever_end_the_kernel(words):
    with contextlib.suppress(FnError):
        given_by_words(words)


@dataclass
class Handle:
    name: str = "repair"


def test_destinations_are_texts_handles_and_paths():
    read = given_by_keywords({"then": [Handle(), "topic:done"], "on_failure": Path("failures"), "max_age": "6h"})
    assert (read.options.then, read.options.on_failure) == (("repair", "topic:done"), ("failures/",))
    assert read.options.max_age_s == 21_600.0
    assert given_by_words(["f", "--then", "next", "--then", "s3://b/x/"]).options.then == ("next", "s3://b/x/")


def test_a_destination_that_cannot_be_says_which_option_is_meant():
    with pytest.raises(BadValue, match="--on-failure: 'htps'"):
        given_by_words(["f", "--on-failure", "htps://x"])
