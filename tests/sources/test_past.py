"""What sources know of the time before anybody looked."""

import os
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.policy.again import Span
from jupyter_fn.policy.schedule import Rate, fires, parse_schedule, past_fires
from jupyter_fn.sources import files as file_source
from jupyter_fn.sources import follow, schedule, topic
from jupyter_fn.sources.protocol import Asked

NOW = 2_000_000_000.0


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def past(source, now=NOW, **asked):
    """All events, and the last position."""
    polls = list(source.past(Asked(**{"span": Span(), **asked}), now))
    assert [poll.more for poll in polls] == [*[True] * (len(polls) - 1), False] or not polls
    return [event for poll in polls for event in poll.events], polls[-1].position if polls else None


# --- files


@pytest.fixture
def old_files(tmp_path):
    """Five files, one modified each second from 1000."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.csv").write_text("x")
        os.utime(folder / f"{number}.csv", (1000 + number, 1000 + number))
    return tmp_path


def test_all_files_are_there_by_the_keys_that_a_follower_gives_them(source_of, old_files):
    text = "in/*.csv settle=0s existing=process"
    events, _ = past(source_of(text, old_files))
    assert [event.key for event in events] == [event.key for event in source_of(text, old_files).poll(None, NOW).events]
    assert len(events) == 5


@pytest.mark.parametrize(
    ("span", "names"),
    [(Span(since=1002.0), "234"), (Span(until=1002.0), "01"), (Span(since=1001.0, until=1003.0), "12")],
)
def test_files_are_chosen_by_when_they_were_modified(source_of, old_files, monkeypatch, span, names):
    monkeypatch.setattr(file_source, "PAGE", 2)
    events, _ = past(source_of("in/*.csv settle=0s", old_files), span=span)
    assert sorted(event.data["stem"] for event in events) == list(names)


def test_files_that_settle_soon_are_waited_for_once(source_of, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "new.csv").write_text("x")
    now = (tmp_path / "in" / "new.csv").stat().st_ctime + 0.5
    wait, page = source_of("in/*.csv settle=2s", tmp_path).past(Asked(span=Span()), now)
    assert (wait.events, wait.more) == ([], True)
    assert wait.wake_at == pytest.approx(now + 1.5)
    assert [event.data["name"] for event in page.events] == ["new.csv"]
    (page,) = source_of("in/*.csv settle=1h", tmp_path).past(Asked(span=Span()), now)
    assert (page.events, page.wake_at, page.more) == ([], None, False)


# --- topics


def ranges(events):
    return [event.key for event in events]


def test_records_come_in_batches_up_to_where_a_follower_goes_on(source_of, logs):
    for number in range(10):
        logs.emit("t", number, at=float(number))
    source = source_of("topic:t batch=4 window=1h")
    assert ranges(past(source)[0]) == ["1-4", "5-8", "9-10"]
    assert ranges(past(source, live=True, position=6)[0]) == ["1-4", "5-6"]
    assert ranges(past(source, live=True, position=None)[0]) == []  # its first look brings them all
    assert ranges(past(source_of("topic:t batch=4 start=latest"), live=True)[0]) == ["1-4", "5-8", "9-10"]


def test_records_of_a_span_and_where_a_follower_would_go_on(source_of, logs):
    for number in range(10):
        logs.emit("t", number, at=float(number))
    source = source_of("topic:t batch=4")
    events, position = past(source, span=Span(since=2.0, until=7.0))
    assert (ranges(events), position) == (["3-6", "7-7"], 7)
    assert past(source)[1] == 10
    assert past(source_of("topic:u"))[1] == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=8),
    count=st.integers(1, 40),
    batch=st.integers(1, 7),
    read=st.integers(1, 9),
)
def test_every_record_is_in_the_ledger_once(source_of, logs, keys, count, batch, read):
    logs = type(logs)()  # one for each example
    for number in range(count):
        logs.emit("t", number)
        logs.emit("u", number)  # numbers run over all topics
    source = source_of(f"topic:t batch={batch}", logs=logs)
    taken = [f"{first}-{first + length}" for first, length in keys]
    covered = {seq for first, length in keys for seq in range(first, first + length + 1)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(topic, "_READ", read)
        events, _ = past(source, taken=lambda: taken)
    found = [record["offset"] for event in events for record in event.data["records"]]
    assert found == [record.seq for record in logs.topics["t"] if record.seq not in covered]
    assert all(event.size <= batch for event in events)
    assert not set(ranges(events)) & set(taken)


# --- other functions


def test_runs_that_ended_before_are_events_up_to_where_a_follower_goes_on(source_of, logs, monkeypatch):
    monkeypatch.setattr(follow, "PAGE", 2)
    for number in range(5):
        logs.finish("other", number)
        logs.finish("another", number)
    assert [event.data["data"] for event in past(source_of("fn:other"))[0]] == [0, 1, 2, 3, 4]
    assert [event.data["data"] for event in past(source_of("fn:other"), position=6)[0]] == [0, 1, 2]
    assert past(source_of("fn:other"), span=Span(since=2.0))[0] == []


# --- schedules


def test_every_fire_time_of_a_span_is_an_event_with_its_interval(source_of):
    span = Span(since=moment("2026-01-01"), until=moment("2026-01-04"))
    events, _ = past(source_of("cron(0 6 * * *)"), span=span)
    assert [event.data["scheduled_for"][:13] for event in events] == [f"2026-01-0{day}T06" for day in (1, 2, 3)]
    assert events[0].data["interval_start"].startswith("2025-12-31T06")


def test_the_beginning_of_a_span_is_in_it_and_its_end_is_not(source_of, monkeypatch):
    monkeypatch.setattr(schedule, "PAGE", 2)
    span = Span(since=moment("2026-01-01"), until=moment("2026-01-06"))
    assert len(past(source_of("cron(0 0 * * *)"), span=span)[0]) == 5
    assert len(past(source_of("rate(1 day)"), span=span)[0]) == 5
    assert len(past(source_of("at(2026-01-01T00:00:00)"), span=span)[0]) == 1
    assert past(source_of("at(2026-01-06T00:00:00)"), span=span)[0] == []


def test_what_has_not_come_yet_is_not_past(source_of):
    span = Span(since=moment("2026-01-01"), until=moment("2027-01-01"))
    events, _ = past(source_of("cron(0 0 * * *)"), now=moment("2026-01-03"), span=span)
    assert len(events) == 3


def test_fire_times_have_the_keys_that_a_follower_gives_them(source_of):
    text, start = "rate(7 minutes)", NOW - 1000.3
    source = source_of(text)
    position = source.poll(None, start).position
    polled = source_of(f"{text} misfire=all").poll(position, NOW).events
    span = Span(since=start - 3600.0, until=NOW)
    events, _ = past(source_of(text), span=span, live=True, position=position)
    assert [event.key for event in polled] == [event.key for event in events][-len(polled) :]
    assert len(events) > len(polled) > 1


@pytest.mark.parametrize("span", [Span(), Span(since=0.0), Span(until=NOW)])
def test_a_schedule_has_no_past_without_a_beginning_and_an_end(source_of, span):
    with pytest.raises(BadValue, match="has no end") as refused:
        past(source_of("rate(1 day)"), span=span)
    assert "--since T --until T" in refused.value.remedy


@given(period=st.floats(0.1, 1e5), anchor=st.floats(1e9, 2e9), back=st.floats(0.0, 1e6), length=st.floats(0.0, 1e4))
def test_the_grid_of_a_rate_reaches_into_the_past(period, anchor, back, length):
    rate = Rate(period, anchor)
    since = anchor - back
    until = since + min(length, 100 * period)
    found = list(past_fires(rate, since, until))
    assert all(since <= fire < until for fire in found)
    assert all(abs(later - earlier - period) < 1e-5 for earlier, later in pairwise(found))
    assert len(found) >= int((until - since) / period - 1e-6)
    assert [fire for fire in found if fire > anchor] == [f for f in fires(rate, anchor, until, 1000) if f < until]


@given(since=st.integers(1_700_000_000, 1_800_000_000), days=st.integers(0, 20))
def test_the_past_of_a_cron_is_what_it_would_have_fired(since, days):
    cron = parse_schedule("cron(30 */7 * * *)", tz="Europe/Berlin")
    until = since + days * 86_400.0
    assert list(past_fires(cron, since, until)) == [f for f in fires(cron, since - 1.0, until, 10_000) if f < until]
