"""AWS's six-field cron: `minutes hours day-of-month month day-of-week year`.

Field by field as https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html documents it:
days of the week are 1–7 or SUN–SAT, one of the two day fields is `?`, `L` is the last day of the month or of the week,
`6L` the last Friday of the month, `15W` the weekday nearest to the 15th within the month, `LW` the last weekday, `3#2`
the second Tuesday (the only one in its field). Works on local times without a zone.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import product

from ..model.errors import BadTrigger

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_STEP = re.compile(r"(?P<base>[^/]+)/(?P<step>[1-9]\d*)")

_DayRule = Callable[[int, int], Iterable[int]]  # year, month → days of that month


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    first: int
    last: int
    words: dict[str, int]

    def number(self, text: str) -> int:
        value = self.words.get(text, int(text) if text.isascii() and text.isdigit() else -1)
        if not self.first <= value <= self.last:
            raise self.wrong(text)
        return value

    def numbers(self, text: str) -> set[int]:
        """The values of `*`, `3`, `1-5`, `0/15`, `MON-FRI/2` and lists of those."""
        if "," in text:
            return {value for part in text.split(",") for value in self.numbers(part)}
        stepped = _STEP.fullmatch(text)
        base, step = (stepped["base"], int(stepped["step"])) if stepped else (text, 1)
        if base == "*":
            return set(range(self.first, self.last + 1, step))
        low, dash, high = base.partition("-")
        start = self.number(low)
        end = self.number(high) if dash else (self.last if stepped else start)
        if end < start:
            raise self.wrong(text)
        return set(range(start, end + 1, step))

    def wrong(self, text: str) -> BadTrigger:
        return BadTrigger(
            f"{text!r} is not a value of the {self.name} field of a cron with six fields.",
            f"The {self.name} field goes from {self.first} to {self.last}.",
        )


_MINUTE = _Field(name="minutes", first=0, last=59, words={})
_HOUR = _Field(name="hours", first=0, last=23, words={})
_DAY = _Field(name="day-of-month", first=1, last=31, words={})
_MONTH = _Field(name="month", first=1, last=12, words=_MONTHS)
_WEEKDAY = _Field(name="day-of-week", first=1, last=7, words=_DAYS)
_YEAR = _Field(name="year", first=1970, last=2199, words={})


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCron:
    """A six-field cron, read."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]
    rules: tuple[_DayRule, ...]

    def moments(self, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        """Local times strictly after `start`, rising; strictly before it, falling, when `reverse`."""

        def beyond(*parts: int) -> bool:
            reached = (start.year, start.month, start.day)[: len(parts)]
            return parts <= reached if reverse else parts >= reached

        step = -1 if reverse else 1
        clock = list(product(self.hours, self.minutes))[::step]
        months = [(y, m) for y in self.years[::step] if beyond(y) for m in self.months[::step] if beyond(y, m)]
        for year, month in months:
            for day in self._days(year, month)[::step]:
                if beyond(year, month, day):
                    moments = (datetime(year, month, day, hour, minute) for hour, minute in clock)
                    yield from (m for m in moments if (m < start if reverse else m > start))

    def _days(self, year: int, month: int) -> list[int]:
        return sorted({day for rule in self.rules for day in rule(year, month)})


def parse_aws_cron(text: str) -> AwsCron:
    """Read six fields.

    Raises:
        BadTrigger: names the field that does not fit.
    """
    minutes, hours, day, month, weekday, year = text.upper().split()
    if (day == "?") == (weekday == "?"):
        raise BadTrigger(
            f"In cron({text}) exactly one of day-of-month and day-of-week has to be ?.",
            "Write such as cron(0 6 ? * MON-FRI *), or five fields, cron(0 6 * * MON-FRI).",
        )
    if "#" in weekday and "," in weekday:
        raise BadTrigger(f"In cron({text}) a day with # has to stand alone.", "Write such as cron(0 6 ? * 3#2 *).")
    return AwsCron(
        minutes=tuple(sorted(_MINUTE.numbers(minutes))),
        hours=tuple(sorted(_HOUR.numbers(hours))),
        months=tuple(sorted(_MONTH.numbers(month))),
        years=tuple(sorted(_YEAR.numbers(year))),
        rules=tuple(map(_weekday_rule, weekday.split(",")) if day == "?" else map(_day_rule, day.split(","))),
    )


# --- the two day fields -------------------------------------------------------------------------------------------


def _day_rule(text: str) -> _DayRule:
    if text == "L":
        return _last_day
    if text == "LW":
        return _last_working_day
    if text.endswith("W"):
        return partial(_nearest_working_day, _DAY.number(text[:-1]))
    return partial(_plain_days, _DAY.numbers(text))


def _weekday_rule(text: str) -> _DayRule:
    if text == "L":
        return partial(_weekdays, {_WEEKDAY.last})
    if text.endswith("L"):
        return partial(_last_weekday, _WEEKDAY.number(text[:-1]))
    weekday, hash_sign, nth = text.partition("#")
    if not hash_sign:
        return partial(_weekdays, _WEEKDAY.numbers(text))
    if nth not in ("1", "2", "3", "4", "5"):
        raise _WEEKDAY.wrong(text)
    return partial(_nth_weekday, _WEEKDAY.number(weekday), int(nth))


def _days_in(year: int, month: int) -> range:
    return range(1, monthrange(year, month)[1] + 1)


def _weekday_of(year: int, month: int, day: int) -> int:
    """1 = Sunday … 7 = Saturday."""
    return date(year, month, day).isoweekday() % 7 + 1


def _plain_days(days: set[int], year: int, month: int) -> Iterable[int]:
    return days & set(_days_in(year, month))


def _last_day(year: int, month: int) -> Iterable[int]:
    return [_days_in(year, month)[-1]]


def _last_working_day(year: int, month: int) -> Iterable[int]:
    return _nearest_working_day(_days_in(year, month)[-1], year, month)


def _nearest_working_day(wanted: int, year: int, month: int) -> Iterable[int]:
    """Monday to Friday; never leaves the month. Nothing in months without that day."""
    days = _days_in(year, month)
    working = [day for day in days if 2 <= _weekday_of(year, month, day) <= 6]
    return [min(working, key=lambda day: (abs(day - wanted), day))] if wanted in days else []


def _weekdays(weekdays: set[int], year: int, month: int) -> Iterable[int]:
    return [day for day in _days_in(year, month) if _weekday_of(year, month, day) in weekdays]


def _last_weekday(weekday: int, year: int, month: int) -> Iterable[int]:
    return list(_weekdays({weekday}, year, month))[-1:]


def _nth_weekday(weekday: int, nth: int, year: int, month: int) -> Iterable[int]:
    return list(_weekdays({weekday}, year, month))[nth - 1 : nth]
