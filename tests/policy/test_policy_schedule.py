"""When schedules fire."""

from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadTrigger, BadValue
from jupyter_fn.policy.schedule import (
    At,
    Due,
    Rate,
    Schedule,
    check_misfire,
    due,
    fires,
    interval,
    next_fire,
    parse_schedule,
    parse_zone,
)

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str, tz: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()


def shown(moments: list[float], tz: str) -> list[str]:
    return [datetime.fromtimestamp(moment, ZoneInfo(tz)).isoformat(timespec="minutes") for moment in moments]


def first(text: str, after: str, count: int, tz: str = "UTC") -> list[str]:
    found = islice(parse_schedule(text, tz=tz).after(at(after, tz)), count)
    return [moment.partition("+")[0] for moment in shown(list(found), tz)]


# --- five fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 6 * * *)", ["2026-01-02T06:00", "2026-01-03T06:00"]),
        ("cron(*/20 8 * * *)", ["2026-01-02T08:00", "2026-01-02T08:20"]),
        ("cron(0 6 * * MON-FRI)", ["2026-01-02T06:00", "2026-01-05T06:00"]),
        ("cron(0 0 1 * *)", ["2026-02-01T00:00", "2026-03-01T00:00"]),
        ("cron(0 0 29 2 *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 0 13 * FRI)", ["2026-01-02T00:00", "2026-01-09T00:00"]),
    ],
)
def test_five_fields_are_unix_cron(text: str, expected: list[str]) -> None:
    assert first(text, "2026-01-01T12:00:00", 2) == expected


def test_a_fire_time_is_strictly_after() -> None:
    six = parse_schedule("cron(0 6 * * *)")
    moment = at("2026-01-02T06:00:00")
    assert next_fire(six, moment - 0.000_001) == moment
    assert next_fire(six, moment) == moment + 86_400


def test_a_time_that_does_not_exist_is_skipped() -> None:
    daily = parse_schedule("cron(30 2 * * *)", tz=BERLIN)
    found = fires(daily, at("2026-03-28T00:00:00", BERLIN), at("2026-03-31T00:00:00", BERLIN), 9)
    assert shown(found, BERLIN) == ["2026-03-28T02:30+01:00", "2026-03-30T02:30+02:00"]
    daily = parse_schedule("cron(30 2 * * *)", tz=NEW_YORK)
    found = fires(daily, at("2026-03-07T00:00:00", NEW_YORK), at("2026-03-10T00:00:00", NEW_YORK), 9)
    assert shown(found, NEW_YORK) == ["2026-03-07T02:30-05:00", "2026-03-09T02:30-04:00"]


def test_a_time_that_exists_twice_fires_the_first_time() -> None:
    daily = parse_schedule("cron(30 2 * * *)", tz=BERLIN)
    found = fires(daily, at("2026-10-24T12:00:00", BERLIN), at("2026-10-26T12:00:00", BERLIN), 9)
    assert shown(found, BERLIN) == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]
    daily = parse_schedule("cron(30 1 * * *)", tz=NEW_YORK)
    found = fires(daily, at("2026-10-31T12:00:00", NEW_YORK), at("2026-11-02T12:00:00", NEW_YORK), 9)
    assert shown(found, NEW_YORK) == ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]


def test_six_in_the_morning_is_six_in_the_morning_all_year() -> None:
    daily = parse_schedule("cron(0 6 * * *)", tz=BERLIN)
    year = fires(daily, at("2026-01-01T00:00:00", BERLIN), at("2027-01-01T00:00:00", BERLIN), 999)
    assert len(year) == 365
    assert {moment[11:16] for moment in shown(year, BERLIN)} == {"06:00"}


def test_in_the_second_pass_of_an_hour_nothing_fires_and_the_first_pass_is_past() -> None:
    quarterly = parse_schedule("cron(*/15 * * * *)", tz=BERLIN)
    second_pass = datetime(2026, 10, 25, 2, 20, tzinfo=ZoneInfo(BERLIN), fold=1).timestamp()
    assert shown([next(quarterly.after(second_pass))], BERLIN) == ["2026-10-25T03:00+01:00"]
    assert shown([next(quarterly.before(second_pass))], BERLIN) == ["2026-10-25T02:45+02:00"]


@pytest.mark.parametrize(
    "text",
    [
        "cron()",
        "cron(* * *)",
        "cron(61 * * * *)",
        "cron(0 6 * * XYZ)",
        "cron(0 6 * * * * *)",
        "cron(0 0 31 2 *)",
        "hourly",
    ],
)
def test_a_cron_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadTrigger) as caught:
        parse_schedule(text)
    assert caught.value.remedy


def test_a_zone_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(BadValue, match="no time zone 'Europe/Berln'") as caught:
        parse_schedule("cron(0 6 * * *)", tz="Europe/Berln")
    assert caught.value.remedy == "Did you mean 'Europe/Berlin'?"
    for name in ("", "../etc/passwd", "Europe", "qqqqqqqqqqqqqqqq"):
        with pytest.raises(BadValue):
            parse_zone(name)


# --- six fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 6 ? * MON-FRI *)", ["2026-01-02T06:00", "2026-01-05T06:00", "2026-01-06T06:00"]),
        ("cron(0 6 ? * 2-6 *)", ["2026-01-02T06:00", "2026-01-05T06:00", "2026-01-06T06:00"]),
        ("cron(15 10 * * ? *)", ["2026-01-02T10:15", "2026-01-03T10:15", "2026-01-04T10:15"]),
        ("cron(0 18 ? * 1 *)", ["2026-01-04T18:00", "2026-01-11T18:00", "2026-01-18T18:00"]),
        ("cron(0/25 0 2 * ? *)", ["2026-01-02T00:00", "2026-01-02T00:25", "2026-01-02T00:50"]),
        ("cron(0 0 1 1/4 ? *)", ["2026-05-01T00:00", "2026-09-01T00:00", "2027-01-01T00:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-01-30T00:00", "2026-02-27T00:00", "2026-03-31T00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-02-02T00:00", "2026-03-02T00:00", "2026-04-01T00:00"]),
        ("cron(0 0 15W * ? *)", ["2026-01-15T00:00", "2026-02-16T00:00", "2026-03-16T00:00"]),
        ("cron(0 0 31W * ? *)", ["2026-01-30T00:00", "2026-03-31T00:00", "2026-05-29T00:00"]),
        ("cron(0 10 ? * 6L 2026-2027)", ["2026-01-30T10:00", "2026-02-27T10:00", "2026-03-27T10:00"]),
        ("cron(0 10 ? * FRIL *)", ["2026-01-30T10:00", "2026-02-27T10:00", "2026-03-27T10:00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00", "2026-01-10T00:00", "2026-01-17T00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-01-13T00:00", "2026-02-10T00:00", "2026-03-10T00:00"]),
        ("cron(0 0 ? * MON#5 *)", ["2026-03-30T00:00", "2026-06-29T00:00", "2026-08-31T00:00"]),
        ("cron(0 0 ? jan,DEC sun,2 *)", ["2026-01-04T00:00", "2026-01-05T00:00", "2026-01-11T00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("cron(0 0 1 1 ? 2025/2)", ["2027-01-01T00:00", "2029-01-01T00:00", "2031-01-01T00:00"]),
        ("cron(0 0 1 1 ? 2025)", []),
        ("cron(0 0 30 2 ? *)", []),
    ],
)
def test_six_fields_are_awss_cron(text: str, expected: list[str]) -> None:
    assert first(text, "2026-01-01T12:00:00", 3) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cron(0 6 * * * *)",
        "cron(0 6 ? * ? *)",
        "cron(0 6 1 * MON *)",
        "cron(60 6 ? * MON *)",
        "cron(0 24 ? * MON *)",
        "cron(0 6 0 * ? *)",
        "cron(0 6 ? * 0 *)",
        "cron(0 6 ? * FRI-MON *)",
        "cron(0 6 ? * MON 1969)",
        "cron(0 6 ? * 3#6 *)",
        "cron(0 6 ? * 3#1,6#3 *)",
        "cron(0 6 XW * ? *)",
        "cron(0/0 6 ? * MON *)",
        "cron(-5 6 ? * MON *)",
        "cron(5- 6 ? * MON *)",
        "cron(, 6 ? * MON *)",
    ],
)
def test_what_aws_refuses_is_refused(text: str) -> None:
    with pytest.raises(BadTrigger) as caught:
        parse_schedule(text)
    assert caught.value.remedy


def test_six_fields_keep_to_their_zone_and_skip_what_does_not_exist() -> None:
    daily = parse_schedule("cron(30 2 * * ? *)", tz=BERLIN)
    found = fires(daily, at("2026-03-28T00:00:00", BERLIN), at("2026-03-31T00:00:00", BERLIN), 9)
    assert shown(found, BERLIN) == ["2026-03-28T02:30+01:00", "2026-03-30T02:30+02:00"]


# --- rate and at


def test_a_rate_counts_from_its_anchor() -> None:
    rate = parse_schedule("rate(5 minutes)", anchor=100.0)
    assert fires(rate, 100.0, 1300.0, 9) == [400.0, 700.0, 1000.0, 1300.0]
    assert fires(rate, 0.0, 399.0, 9) == []
    assert next_fire(rate, 700.0) == 1000.0
    assert interval(rate, 400.0) == (100.0, 400.0)


@pytest.mark.parametrize(("text", "period_s"), [("rate(1 second)", 1), ("rate( 1 hour )", 3600), ("rate(90s)", 90)])
def test_rates_are_durations(text: str, period_s: float) -> None:
    assert parse_schedule(text) == Rate(period_s, 0.0)


@pytest.mark.parametrize(("text", "error"), [("rate(0s)", BadTrigger), ("rate(soon)", BadValue), ("rate()", BadValue)])
def test_a_rate_without_a_period_is_refused(text: str, error: type) -> None:
    with pytest.raises(error):
        parse_schedule(text)


def test_at_fires_once() -> None:
    once = parse_schedule("at(2026-12-01T06:00:00)", tz=BERLIN)
    moment = at("2026-12-01T05:00:00")
    assert once == At(moment)
    assert fires(once, 0.0, 1e12, 9) == [moment]
    assert next_fire(once, moment) is None
    assert interval(once, moment) == (moment, moment)


def test_an_offset_in_at_wins_over_the_zone() -> None:
    assert parse_schedule("at(2026-12-01T06:00:00Z)", tz=BERLIN) == At(at("2026-12-01T06:00:00"))


@pytest.mark.parametrize("text", ["at(tomorrow)", "at()", "at(2026-03-29T02:30:00)"])
def test_a_moment_that_cannot_come_is_refused(text: str) -> None:
    with pytest.raises(BadTrigger):
        parse_schedule(text, tz=BERLIN)


# --- intervals and misfires


def test_an_interval_reaches_from_the_fire_time_before() -> None:
    weekdays = parse_schedule("cron(0 6 ? * MON-FRI *)")
    monday = at("2026-01-05T06:00:00")
    assert interval(weekdays, monday) == (at("2026-01-02T06:00:00"), monday)


def test_the_interval_of_the_very_first_fire_time_is_empty() -> None:
    schedule = parse_schedule("cron(0 6 1 1 ? 2027)")
    moment = at("2027-01-01T06:00:00")
    assert interval(schedule, moment) == (moment, moment)


MINUTELY = parse_schedule("rate(1 minute)")


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("latest", Due((300.0,), 305.0)),
        ("all", Due((60.0, 120.0, 180.0, 240.0, 300.0), 305.0)),
        ("skip", Due((300.0,), 305.0)),
    ],
)
def test_after_a_pause_the_misfire_policy_decides(misfire: str, expected: Due) -> None:
    assert due(MINUTELY, after=0.0, now=305.0, misfire=misfire) == expected


def test_skip_forgets_what_is_older_than_the_grace() -> None:
    assert due(MINUTELY, after=0.0, now=330.0, misfire="skip", grace_s=10.0) == Due((), 330.0)


def test_latest_fires_nothing_twice() -> None:
    assert due(MINUTELY, after=305.0, now=359.0) == Due((), 359.0)
    assert due(MINUTELY, after=305.0, now=360.0) == Due((360.0,), 360.0)
    assert due(MINUTELY, after=360.0, now=360.0) == Due((), 360.0)


def test_a_clock_that_went_back_fires_nothing_again() -> None:
    assert due(MINUTELY, after=360.0, now=300.0) == Due((), 360.0)


def test_many_missed_fire_times_come_in_portions() -> None:
    found, position = [], 0.0
    while True:
        portion = due(MINUTELY, after=position, now=605.0, misfire="all", limit=4)
        found += portion.fires
        position = portion.position
        if not portion.more:
            break
    assert found == [60.0 * number for number in range(1, 11)]


def test_misfire_policies_that_do_not_exist_are_refused() -> None:
    assert check_misfire("all") == "all"
    with pytest.raises(BadValue, match="misfire=lates") as caught:
        check_misfire("lates")
    assert caught.value.remedy == "Did you mean 'latest'?"


# --- properties

ZONES = st.sampled_from(["UTC", BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata"])
MINUTES = st.sampled_from(["0", "30", "*/15", "5-50/15", "7,31"])
HOURS = st.sampled_from(["*", "2", "0-5", "1,2,3", "*/6"])
CRONS = st.builds(
    "cron({} {} {})".format, MINUTES, HOURS, st.sampled_from(["* * *", "1 * *", "* * MON-FRI", "* * ? *", "? * 1L *"])
)
SCHEDULES = st.one_of(
    st.builds(lambda text, tz: parse_schedule(text, tz=tz), CRONS, ZONES),
    st.builds(Rate, st.floats(0.1, 1e6), st.floats(0, 2e9)),
    st.builds(At, st.floats(1.7e9, 1.8e9)),
)
MOMENTS = st.one_of(
    st.floats(1.7e9, 1.8e9),
    st.integers(0, 86_400).map(lambda s: at("2026-10-25T00:00:00") + s - 43_200),
    st.integers(0, 86_400).map(lambda s: at("2026-03-29T00:00:00") + s - 43_200),
)


@settings(deadline=None)
@given(SCHEDULES, MOMENTS)
def test_fire_times_rise_and_the_way_back_meets_the_same_ones(schedule: Schedule, moment: float) -> None:
    ahead = list(islice(schedule.after(moment), 20))
    assert all(fire > moment for fire in ahead)
    assert all(early < late for early, late in pairwise(ahead))
    assume(ahead)
    beyond = ahead[-1] + 0.01
    behind = list(islice(schedule.before(beyond), len(ahead)))
    assert behind == ahead[::-1]
    for early, late in pairwise(ahead):
        assert interval(schedule, late) == (early, late)


@settings(deadline=None)
@given(SCHEDULES, MOMENTS, st.lists(st.floats(0.5, 20_000), min_size=1, max_size=8))
def test_looking_often_or_seldom_fires_the_same_times(schedule: Schedule, moment: float, steps: list[float]) -> None:
    assume(not (isinstance(schedule, Rate) and schedule.period_s < 60))
    found, position, now = [], moment, moment
    for step in steps:
        now += step
        portion = due(schedule, after=position, now=now, misfire="all", limit=10**6)
        found += portion.fires
        position = portion.position
    assert found == fires(schedule, moment, now, 10**6)
    latest = due(schedule, after=moment, now=now, misfire="latest")
    assert list(latest.fires) == found[-1:]


def test_cron_and_aws_agree_where_they_say_the_same() -> None:
    unix, aws = parse_schedule("cron(15 3 * * 1-5)", tz=BERLIN), parse_schedule("cron(15 3 ? * 2-6 *)", tz=BERLIN)
    start, end = at("2026-01-01T00:00:00"), at("2027-01-01T00:00:00")
    assert fires(unix, start, end, 999) == fires(aws, start, end, 999)


def test_all_times_are_seconds_since_the_epoch() -> None:
    assert datetime.fromtimestamp(next_fire(parse_schedule("cron(0 0 1 1 *)"), 0.0) or 0, UTC).year == 1971
