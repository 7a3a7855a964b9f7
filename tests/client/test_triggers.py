"""The Python twins say what one would type."""

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_fn.client.triggers import after, at, cron, files, rate, stream, topic
from jupyter_fn.model.errors import BadTrigger
from jupyter_fn.model.trigger import parse_trigger


class Handle:
    name = "daily"


@pytest.mark.parametrize(
    ("twin", "text"),
    [
        (files("incoming/*.csv"), "incoming/*.csv"),
        (files("incoming/*.csv", settle="1s", existing="skip"), "incoming/*.csv settle=1s existing=skip"),
        (files("in coming/*.csv", settle=timedelta(milliseconds=500)), "'in coming/*.csv' settle=0.5s"),
        (files("s3://bucket/in/*.json"), "s3://bucket/in/*.json"),
        (stream("topic:orders", batch=500, window="1s"), "topic:orders batch=500 window=1s"),
        (topic("orders", start="earliest"), "topic:orders start=earliest"),
        (cron("0 6 * * *", tz="Europe/Berlin"), "cron(0 6 * * *) tz=Europe/Berlin"),
        (rate("5 minutes"), "rate(5 minutes)"),
        (rate(timedelta(minutes=5)), "rate(300 seconds)"),
        (rate(1), "rate(1 second)"),
        (at("2026-12-01T06:00:00"), "at(2026-12-01T06:00:00)"),
        (at(datetime(2026, 12, 1, 6, tzinfo=UTC)), "at(2026-12-01T06:00:00.000000Z)"),
        (at(datetime(2026, 12, 1, 6), tz="Europe/Berlin"), "at(2026-12-01T06:00:00) tz=Europe/Berlin"),
        (after("daily"), "fn:daily"),
        (after(Handle(), on="failure"), "fn:daily on=failure"),
        (files("a/*", settle=None), "a/*"),
        (files("a/*", recurse=True), "a/*  recurse=true".replace("  ", " ")),
    ],
)
def test_each_gives_the_text(twin, text):
    assert twin == text
    parse_trigger(twin)


def test_a_path_with_blanks_stays_one_word():
    assert parse_trigger(files("in coming/*.csv", marker="it's done")).options == {"marker": "it's done"}
    assert parse_trigger(files("in coming/*.csv")).uri == "in coming/*.csv"


def test_an_outcome_that_does_not_exist_is_refused():
    with pytest.raises(BadTrigger, match="on='maybe'"):
        after("daily", on="maybe")
