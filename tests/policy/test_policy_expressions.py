"""Expressions over events, and what they make of functions' lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.event import Event
from jupyter_fn.model.function import Options
from jupyter_fn.policy.admission import Limits
from jupyter_fn.policy.expressions import NO_VALUE, parse_expression, value_of
from jupyter_fn.policy.lines import lines_of

EVENT = {"customer": "acme", "path": "/in/2026/a.csv", "n": 2, "records": [{"key": "k"}], "detail": {"x": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.customer", "acme"),
        ("customer", "acme"),
        ('event["customer"]', "acme"),
        ('event.path.split("/")[-2]', "2026"),
        ("event.records[0].key", "k"),
        ("event.n + 1", "3"),
        ("event.n % 2 == 0", "true"),
        ("event.detail", '{"x": [1, 2]}'),
        ("f'{event.customer}-{event.n}'", "acme-2"),
        ("event.nothing", NO_VALUE),
        ("event.n / 0", NO_VALUE),
        ('"x" * 10000000000', NO_VALUE),
        ("event.__class__", NO_VALUE),
    ],
)
def test_an_expression_gives_a_text_for_every_event(text, value):
    assert value_of(parse_expression(text), EVENT) == value


@pytest.mark.parametrize("text", ["", "event.", "a = 1", "import os", "a; b", "open('x')", "evnt(1)", "\0"])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(BadValue):
        parse_expression(text)


@given(st.text(max_size=30))
def test_any_text_is_an_expression_or_a_bad_value(text):
    try:
        expression = parse_expression(text)
    except BadValue:
        return
    assert isinstance(value_of(expression, EVENT), str)


def event(seq=7, **data):
    facts = {"id": "e", "function": "f", "trigger": "t", "key": "k", "type": "invoke", "source": "s"}
    return Event(**facts, seq=seq, time=1.0, admitted=1.0, data=data)


def test_a_concurrency_key_takes_the_limit_for_itself():
    assert lines_of(Options(concurrency_key="event.customer", concurrency=3)).limits == Limits(per_key=3)
    assert lines_of(Options(concurrency_key="event.customer")).limits == Limits(per_key=1)
    both = lines_of(Options(concurrency_key="event.customer limit=2", concurrency=9))
    assert both.limits == Limits(total=9, per_key=2)
    assert lines_of(Options(concurrency=9)).limits == Limits(total=9)


def test_ordered_runs_are_ranked_by_the_sequence_of_their_events():
    keys = lines_of(Options(order_by="event.customer", concurrency_key="event.region")).keys_of
    first, second = keys(event(9, customer="a", region="r")), keys(event(10, customer="a", region="r"))
    assert first["lane"] == second["lane"] == "a"
    assert first["concurrency_key"] == "r"
    assert first["rank"] < second["rank"]


def test_without_order_the_lane_is_the_concurrency_key():
    assert lines_of(Options(concurrency_key="event.region")).keys_of(event(region="r")) == {
        "concurrency_key": "r",
        "lane": "r",
    }


@pytest.mark.parametrize(
    "options",
    [{"order_by": "event."}, {"concurrency_key": "1 +"}, {"concurrency_key": "event.x limit=no"}],
)
def test_what_cannot_be_read_names_its_option(options):
    with pytest.raises(BadValue, match=r"--(order-by|concurrency-key)"):
        lines_of(Options(**options))
