"""Targets of destinations: one text, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.target import FILE_SCHEMES, Kind, Target, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("repair", Target(Kind.FUNCTION, "repair", "fn")),
        ("fn:repair", Target(Kind.FUNCTION, "repair", "fn")),
        ("topic:dead", Target(Kind.TOPIC, "dead", "topic")),
        ("https://hooks.example/x?y=1", Target(Kind.WEBHOOK, "https://hooks.example/x?y=1", "https")),
        ("failures/", Target(Kind.FILE, "failures/{function}-{run}.json", "file")),
        ("out/failures", Target(Kind.FILE, "out/failures/{function}-{run}.json", "file")),
        ("../x.y/failures/", Target(Kind.FILE, "../x.y/failures/{function}-{run}.json", "file")),
        ("s3://my.bucket", Target(Kind.FILE, "s3://my.bucket/{function}-{run}.json", "s3")),
        ("s3://bucket/dead/", Target(Kind.FILE, "s3://bucket/dead/{function}-{run}.json", "s3")),
        ("dead/{date}/{run}.txt", Target(Kind.FILE, "dead/{date}/{run}.txt", "file")),
        ("dead/{run}", Target(Kind.FILE, "dead/{run}.json", "file")),
        ("file:///var/dead/", Target(Kind.FILE, "file:///var/dead/{function}-{run}.json", "file")),
    ],
)
def test_what_can_be_a_target(text: str, target: Target) -> None:
    assert parse_target(f" {text} ") == target


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("", "The target is empty.", "Write a function"),
        ("htps://x/y", "'htps' of the target 'htps://x/y' is no known scheme.", "Did you mean 'https'?"),
        ("topc:dead", "'topc' of the target", "Did you mean 'topic'?"),
        ("kafka://host/t", "kafka: of the target 'kafka://host/t' is not known as a destination yet.", "Known: a func"),
        ("sqs://queue", "not known as a destination yet", "topic:NAME"),
        ("topic:a b", "'a b' cannot name a topic.", "Use a letter"),
        ("fn:1", "'1' cannot name a function.", "Use a letter"),
        ("http:/x", "'http:/x' is no whole URL.", "http://example.org/hook"),
        ("s3://", "'s3://' is no whole URL.", "s3://bucket/failures/"),
        ("dead.json", "is one file for all records", "{run}"),
        ("s3://bucket/dead.json", "is one file for all records", "{run}"),
        ("dead/{ran}.json", "{ran} in the target", "Did you mean 'run'?"),
    ],
)
def test_what_cannot_says_why_and_what_to_write(text: str, cause: str, remedy: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_target(text)
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy


@given(st.sampled_from(FILE_SCHEMES), st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,3}/?", fullmatch=True))
def test_a_folder_has_a_file_for_each_run_whether_its_slash_is_written_or_not(scheme: str, path: str) -> None:
    target = parse_target(f"{scheme}://{path}")
    assert target.address == f"{scheme}://{path.rstrip('/')}/{{function}}-{{run}}.json"


@given(st.text())
def test_every_text_is_a_target_or_is_refused_in_two_lines(text: str) -> None:
    try:
        said = parse_target(text).address
    except BadValue as error:
        said = error.cause and error.remedy
    assert said
