"""The frozen values: identity, JSON forms, names."""

import dataclasses
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.codec import dumps, loads
from jupyter_fn.model.cost import AWS_X86, PRICE_BOOKS, price
from jupyter_fn.model.errors import BadTrigger, BadValue
from jupyter_fn.model.event import Event
from jupyter_fn.model.function import Options, check_name
from jupyter_fn.model.ids import digest, digest_json, new_id, trigger_id
from jupyter_fn.model.run import HELD, SHOWN_STATES, TERMINAL, Run, State
from jupyter_fn.model.trigger import parse_trigger
from jupyter_fn.model.version import Bundle, Captured, Draft

# --- names and identity


@pytest.mark.parametrize("name", ["daily_delays", "_x", "A-1", "a" * 140])
def test_names_that_may_be_given(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "a.b", "ä", "a\n", "a" * 141])
def test_names_that_may_not(name: str) -> None:
    with pytest.raises(BadValue, match="cannot name a topic"):
        check_name(name, "topic")


def test_ids_are_uuids_and_never_the_same() -> None:
    ids = [new_id() for _ in range(2000)]
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in ids} == {(7, uuid.RFC_4122)}
    assert len(set(ids)) == len(ids)
    assert [one[:13] for one in ids] == sorted(one[:13] for one in ids)


def test_a_json_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_json({"a": 1, "b": [2]}) == digest_json({"b": [2], "a": 1}) != digest_json({"a": 1, "b": [3]})
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_trigger_keeps_its_id_as_long_as_its_text() -> None:
    assert trigger_id("f", "in/*.csv") == trigger_id("f", "in/*.csv")
    assert len({trigger_id("f", "in/*.csv"), trigger_id("g", "in/*.csv"), trigger_id("f", "in/*.json")}) == 3


# --- options, drafts, bundles

OPTIONS = st.builds(
    Options,
    on=st.lists(st.text(), max_size=3).map(tuple),
    memory_mb=st.integers(1, 10_000),
    concurrency=st.none() | st.integers(0, 9),
    env=st.dictionaries(st.text(), st.text()).map(lambda d: tuple(sorted(d.items()))),
    tags=st.dictionaries(st.text(), st.text()).map(lambda d: tuple(sorted(d.items()))),
)


@given(OPTIONS)
def test_options_survive_their_json(options: Options) -> None:
    assert Options.from_dict(loads(dumps(options.to_dict()))) == options


@given(OPTIONS, st.dictionaries(st.text(), st.binary()))
def test_a_draft_survives_its_json(options: Options, values: dict[str, bytes]) -> None:
    bundle = Bundle(kind="cell", source="def handler(event): …", handler="handler", filename="<fn>", values=values)
    captured = (Captured(name="x", type="int", size=5, preview="1", digest="d"),)
    draft = Draft(
        function="f",
        bundle=bundle,
        options=options,
        folder="/work",
        python="3.11.7",
        packages={"pandas": "3.1.1"},
        captured=captured,
        digest="d",
    )
    assert Draft.from_dict(loads(dumps(draft.to_dict()))) == draft


# --- events


def event(**data: object) -> Event:
    return Event(
        id="e1",
        seq=1,
        function="f",
        trigger="t",
        key="k",
        type="file.created",
        source="file:///in",
        time=0.0,
        admitted=1.0,
        data=data,
    )


def test_the_handler_sees_the_events_own_keys_first() -> None:
    seen = event(path="/in/a.csv", source="mine").for_handler(attempt=2)
    assert seen["id"] == "e1"
    assert (seen["path"], seen["source"], seen["attempt"]) == ("/in/a.csv", "mine", 2)
    assert seen["time"] == "1970-01-01T00:00:00.000000Z"
    assert {"id", "source", "type", "time", "function", "trigger", "attempt"} <= seen.keys()


def test_a_cloudevent_has_what_the_specification_requires() -> None:
    told = event(path="/in/a.csv").to_cloudevent()
    assert {"specversion", "id", "source", "type"} <= told.keys()
    assert told["specversion"] == "1.0"
    assert told["data"] == {"path": "/in/a.csv"}


# --- runs


def test_states_are_shown_by_the_contracts_names() -> None:
    names = "queued running waiting succeeded failed dead cancelled split unknown skipped"
    assert list(SHOWN_STATES) == names.split()
    assert {state.shown for state in State} == set(SHOWN_STATES)
    assert {state for state in State if state.terminal} == TERMINAL
    assert not HELD & TERMINAL


def test_a_run_is_never_changed_only_replaced() -> None:
    run = Run(id="r", function="f", version=1, alias="live", trigger="t", event_id="e", created=0.0, memory_mb=512)
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.state = State.DEAD  # type: ignore[misc]
    assert run.replace(state=State.DEAD).state is State.DEAD
    assert run.state is State.QUEUED


# --- cost


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**15)), max_size=20))
def test_the_price_of_a_sum_is_the_sum_of_the_prices(parts: list[tuple[int, int]]) -> None:
    whole = price(AWS_X86, requests=sum(r for r, _ in parts), mb_ms=sum(m for _, m in parts))
    assert whole == sum((price(AWS_X86, requests=r, mb_ms=m) for r, m in parts), Decimal(0))


def test_price_books_are_found_by_their_names() -> None:
    assert set(PRICE_BOOKS) == {"aws-lambda-x86", "aws-lambda-arm", "machine", "free"}


# --- trigger texts


@pytest.mark.parametrize(
    ("text", "scheme", "uri", "options"),
    [
        ("incoming/*.csv settle=1s", "file", "incoming/*.csv", {"settle": "1s"}),
        ('"in box/*.csv" settle=1s', "file", "in box/*.csv", {"settle": "1s"}),
        ("file:///data/**/*.parquet existing=skip", "file", "file:///data/**/*.parquet", {"existing": "skip"}),
        ("s3://bucket/in/*.json", "s3", "s3://bucket/in/*.json", {}),
        ("fn:other on=failure", "fn", "fn:other", {"on": "failure"}),
        ("C:/data/*.csv", "file", "C:/data/*.csv", {}),
        ("cron(0 6 * * *) tz=Europe/Berlin", "cron", "cron(0 6 * * *)", {"tz": "Europe/Berlin"}),
        ("rate( 5 minutes )", "rate", "rate(5 minutes)", {}),
        ("at(2026-12-01T06:00:00)", "at", "at(2026-12-01T06:00:00)", {}),
    ],
)
def test_trigger_texts(text: str, scheme: str, uri: str, options: dict[str, str]) -> None:
    found = parse_trigger(text)
    assert (found.scheme, found.uri, found.options) == (scheme, uri, options)


@pytest.mark.parametrize(
    "text", ["", "   ", "in/*.csv settle", "in box/*.csv", 'in/*.csv "open', "cron(0 6 * * *) daily"]
)
def test_trigger_texts_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadTrigger) as caught:
        parse_trigger(text)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("crn(0 6 * * *)", "'crn' in the trigger 'crn(0 6 * * *)' is no schedule.\nDid you mean 'cron'?"),
        ("Rate(5 minutes) tz=UTC", "Did you mean 'rate'?"),
        ("foo(3)", "Known: at, cron, rate."),
        ("cron(0 6 * * *", "'cron(0 6 * * *' has no closing parenthesis."),
    ],
)
def test_a_call_that_is_no_schedule_is_refused_and_the_nearest_is_named(text: str, said: str) -> None:
    with pytest.raises(BadTrigger) as caught:
        parse_trigger(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["old(1)/*.csv", "./foo(3)", "in/report(*).csv"])
def test_a_path_with_parentheses_is_a_path(text: str) -> None:
    assert parse_trigger(text).scheme == "file"


@pytest.mark.parametrize(
    "text",
    ["incoming/*.csv settle=1s", '"in box/*.csv" settle=1s', "cron(0 6 * * *) tz=Europe/Berlin", "fn:other note='a b'"],
)
def test_a_trigger_text_written_again_reads_the_same(text: str) -> None:
    found = parse_trigger(text)
    assert parse_trigger(str(found)) == found
