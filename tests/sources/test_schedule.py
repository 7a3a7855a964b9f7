"""Schedules as a source; when they fire is tested with the policy."""

from collections.abc import Callable

import pytest

from jupyter_fn.model.units import iso, parse_time
from jupyter_fn.sources.protocol import Poll, Source

Build = Callable[..., Source]
MORNING = parse_time("2026-03-02T06:00:00Z")
HOUR, DAY = 3600.0, 86400.0


def fired(poll: Poll) -> list[float]:
    return [event.time for event in poll.events]


def test_a_fire_time_is_an_event_with_the_interval_that_it_stands_for(source_of: Build) -> None:
    source = source_of("cron(0 6 * * *)")
    first = source.poll(None, MORNING - HOUR)
    assert not first.events
    assert first.wake_at == MORNING
    second = source.poll(first.position, MORNING)
    (event,) = second.events
    assert event.data == {
        "scheduled_for": "2026-03-02T06:00:00.000000Z",
        "interval_start": "2026-03-01T06:00:00.000000Z",
        "interval_end": "2026-03-02T06:00:00.000000Z",
    }
    assert (event.key, event.type, event.time) == (iso(MORNING), "schedule.fired", MORNING)
    assert second.wake_at == MORNING + DAY


def test_a_rate_counts_from_the_first_look_also_after_restarts(source_of: Build) -> None:
    position = source_of("rate(10 minutes)").poll(None, MORNING + 7).position
    poll = source_of("rate(10 minutes)").poll(position, MORNING + 700)
    assert fired(poll) == [MORNING + 607]
    assert poll.wake_at == MORNING + 1207


@pytest.mark.parametrize("text", ["rate(10 minutes)", "cron(*/10 * * * *)"])
def test_when_the_clock_was_set_back_it_goes_on_from_there_and_what_fires_again_has_the_same_key(
    source_of: Build, text: str
) -> None:
    first = source_of(text).poll(None, MORNING)
    fired_before = source_of(text).poll(first.position, MORNING + 1200)
    back = source_of(text).poll(fired_before.position, MORNING + 900)
    assert (fired(back), back.wake_at) == ([], MORNING + 1200)
    again = source_of(text).poll(back.position, MORNING + 1200)
    assert [event.key for event in again.events] == [event.key for event in fired_before.events]
    assert again.wake_at == MORNING + 1800


@pytest.mark.parametrize("text", ["rate(10 minutes)", "cron(*/10 * * * *)"])
def test_what_has_begun_in_a_future_that_was_none_does_not_wait_for_it(source_of: Build, text: str) -> None:
    first = source_of(text).poll(None, MORNING + 365 * DAY)
    wrong = source_of(text).poll(first.position, MORNING + 365 * DAY + 600)
    back = source_of(text).poll(wrong.position, MORNING)
    assert (fired(back), back.wake_at) == ([], MORNING + 600)
    assert fired(source_of(text).poll(back.position, MORNING + 600)) == [MORNING + 600]


def test_between_fire_times_the_position_stays(source_of: Build) -> None:
    source = source_of("rate(10 minutes)")
    position = source.poll(None, MORNING).position
    assert source.poll(position, MORNING + 300).position == position


@pytest.mark.parametrize(("misfire", "count"), [("latest", 1), ("all", 3), ("skip", 0)])
def test_fire_times_that_were_missed(source_of: Build, misfire: str, count: int) -> None:
    text = f"rate(1 hour) misfire={misfire}"
    position = source_of(text).poll(None, MORNING).position
    back = source_of(text).poll(position, MORNING + 3.5 * HOUR)
    assert fired(back) == [MORNING + HOUR * n for n in (1, 2, 3)][3 - count :]
    assert back.wake_at == MORNING + 4 * HOUR
    again = source_of(text).poll(back.position, MORNING + 3.6 * HOUR)
    assert not again.events


def test_at_fires_once_and_ends(source_of: Build) -> None:
    source = source_of("at(2026-03-02T07:00:00) tz=Europe/Berlin")
    first = source.poll(None, MORNING - 1)
    assert (fired(first), first.wake_at, first.ended) == ([], MORNING, False)
    second = source.poll(first.position, MORNING + 5)
    assert (fired(second), second.wake_at, second.ended) == ([MORNING], None, True)


def test_a_moment_that_has_passed_ends_at_once(source_of: Build) -> None:
    poll = source_of("at(2001-01-01T00:00:00)").poll(None, MORNING)
    assert poll.ended
    assert not poll.events


def test_look_tells_fire_times_from_other_moments(source_of: Build) -> None:
    source = source_of("cron(0 7 * * *) tz=Europe/Berlin")
    assert "has not been looked at yet" in source.look("2026-03-02T06:00:00Z", MORNING).verdict
    source.poll(None, MORNING - HOUR)
    past = source.look("2026-03-02T07:00:00", MORNING + HOUR)
    assert (past.takes, past.key) == (True, iso(MORNING))
    future = source.look("2026-03-03T07:00:00", MORNING + HOUR)
    assert (future.takes, future.key) == (False, iso(MORNING + DAY))
    assert "the next is 2026-03-03T06:00:00" in source.look("2026-03-02T09:30:00", MORNING).verdict
    assert "before the first look" in source.look("2026-03-01T07:00:00", MORNING).verdict
