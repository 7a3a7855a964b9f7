"""When a schedule fires: `cron(…)` with five fields or AWS's six, `rate(…)`, `at(…)`. All times are epoch seconds.

In a zone with daylight saving time a local time that does not exist is skipped, one that exists twice fires the first
time only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice, takewhile
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from ..model.errors import BadTrigger, BadValue, nearest
from ..model.units import parse_duration_s
from .cron_aws import parse_aws_cron

MISFIRES = ("latest", "all", "skip")
SHORTEST_RATE_S = 0.1
_CALL = re.compile(r"\s*(cron|rate|at)\s*\(([^)]*)\)\s*\Z")


class Schedule(Protocol):
    """Fire times, in both directions."""

    def after(self, moment: float) -> Iterator[float]:
        """Fire times strictly after `moment`, rising."""
        ...

    def before(self, moment: float) -> Iterator[float]:
        """Fire times strictly before `moment`, falling."""
        ...

    def begins(self, fire: float) -> float:
        """Where the interval begins that the fire time `fire` ends."""
        ...


def parse_schedule(text: str, *, tz: str = "UTC", anchor: float = 0.0) -> Schedule:
    """Read `cron(…)`, `rate(…)` or `at(…)`.

    Args:
        text: the trigger without its options.
        tz: IANA name of the zone that cron fields and `at` times without an offset are in.
        anchor: epoch seconds from which a rate counts its periods.

    Raises:
        BadTrigger: the text cannot be read.
        BadValue: there is no such zone, or the rate's period is not a duration.
    """
    match = _CALL.match(text)
    if not match:
        raise BadTrigger(f"{text!r} is not a schedule.", "Write such as cron(0 6 * * *), rate(5 minutes) or at(…).")
    kind, inner = match[1], match[2].strip()
    if kind == "rate":
        return _rate(inner, anchor)
    zone = parse_zone(tz)
    return Cron(_fields(inner), zone) if kind == "cron" else At(_moment(inner, zone))


def parse_zone(name: str) -> ZoneInfo:
    """The IANA zone called `name`; else BadValue, with the nearest name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        remedy = nearest(name, sorted(available_timezones()))
        near = remedy if remedy.startswith("Did") else "Write an IANA name such as Europe/Berlin."
        raise BadValue(f"There is no time zone {name!r}.", near) from None


# --- questions ----------------------------------------------------------------------------------------------------


def next_fire(schedule: Schedule, after: float) -> float | None:
    """The first fire time strictly after `after`; None when there is none any more."""
    return next(schedule.after(after), None)


def fires(schedule: Schedule, after: float, until: float, limit: int) -> list[float]:
    """At most `limit` fire times in `(after, until]`, rising."""
    return list(islice(takewhile(lambda fire: fire <= until, schedule.after(after)), limit))


def past_fires(schedule: Schedule, since: float, until: float) -> Iterator[float]:
    """Fire times in `[since, until)`, rising; those of a rate lie on its grid, which has no beginning here."""
    found = schedule.from_(since) if isinstance(schedule, Rate) else schedule.after(math.nextafter(since, -math.inf))
    return takewhile(lambda fire: fire < until, found)


def interval(schedule: Schedule, fire: float) -> tuple[float, float]:
    """`(start, end)` of the data that `fire` stands for: from the fire time before it to itself. Both are the same
    moment when there is none before."""
    return schedule.begins(fire), fire


@dataclass(frozen=True, slots=True)
class Due:
    """Fire times to make events of now, how far that reaches, and whether there are more."""

    fires: tuple[float, ...]
    position: float
    more: bool = False


def due(
    schedule: Schedule, *, after: float, now: float, misfire: str = "latest", grace_s: float = 10.0, limit: int = 1000
) -> Due:
    """What to fire now, when everything up to `after` is done.

    Fire times that passed while nobody looked: `latest` fires the last of them once, `all` fires each, `skip` none;
    one that is no older than `grace_s` is not missed. Ask again from `Due.position`.
    """
    if now <= after:
        return Due((), after)
    if misfire == "latest":
        last = next(schedule.before(math.nextafter(now, math.inf)), after)
        return Due((last,) if last > after else (), now)
    found = fires(schedule, max(after, now - grace_s) if misfire == "skip" else after, now, limit)
    full = len(found) == limit
    return Due(tuple(found), found[-1] if full else now, more=full)


def check_misfire(policy: str) -> str:
    """`policy` itself when it is one; else BadValue."""
    if policy not in MISFIRES:
        raise BadValue(f"misfire={policy} is not known.", nearest(policy, list(MISFIRES)))
    return policy


# --- cron ---------------------------------------------------------------------------------------------------------


class _Fields(Protocol):
    def moments(self, start: datetime, *, reverse: bool = False) -> Iterator[datetime]: ...


@dataclass(frozen=True, slots=True)
class _FiveFields:
    """Unix cron, by the library cronsim, on local times without a zone."""

    text: str

    def moments(self, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        yield from CronSim(self.text, start, reverse=reverse)


def _fields(text: str) -> _Fields:
    fields = len(text.split())
    if fields == 6:
        return parse_aws_cron(text)
    if fields != 5:
        raise BadTrigger(
            f"cron({text}) has {fields} fields.",
            "Write five, cron(minute hour day month weekday), or AWS's six, cron(0 6 ? * MON-FRI *).",
        )
    try:
        CronSim(text, datetime(2000, 1, 1))
    except CronSimError as error:
        raise BadTrigger(
            f"cron({text}) cannot be read: {str(error)[:1].lower()}{str(error)[1:]}.",
            "The fields are minute hour day-of-month month day-of-week, such as cron(0 6 * * MON-FRI).",
        ) from None
    return _FiveFields(text)


@dataclass(frozen=True, slots=True)
class Cron:
    """Local times of a zone."""

    fields: _Fields
    zone: ZoneInfo

    def after(self, moment: float) -> Iterator[float]:
        """Fire times strictly after `moment`, rising."""
        start = datetime.fromtimestamp(math.floor(moment), self.zone)
        found = self._instants(self.fields.moments(start.replace(tzinfo=None, fold=0)))
        return (fire for fire in found if fire > moment)

    def before(self, moment: float) -> Iterator[float]:
        """Fire times strictly before `moment`, falling."""
        start = datetime.fromtimestamp(math.ceil(moment), self.zone)
        # In the second pass of an hour that comes twice, all of the first pass is past.
        local = start.replace(tzinfo=None, fold=0) + _repeated(start)
        return (fire for fire in self._instants(self.fields.moments(local, reverse=True)) if fire < moment)

    def begins(self, fire: float) -> float:
        """The fire time before `fire`, or `fire` itself when it is the first."""
        return next(self.before(fire), fire)

    def _instants(self, moments: Iterator[datetime]) -> Iterator[float]:
        for local in moments:
            instant = local.replace(tzinfo=self.zone)
            if _exists(instant):
                yield instant.timestamp()


def _exists(instant: datetime) -> bool:
    """False for a local time that the clocks jump over."""
    there_and_back = instant.astimezone(UTC).astimezone(instant.tzinfo)
    return there_and_back.replace(tzinfo=None) == instant.replace(tzinfo=None)


def _repeated(instant: datetime) -> timedelta:
    """How much local time has been shown twice at `instant`; zero except in a second pass."""
    first, second = instant.replace(fold=0).utcoffset(), instant.replace(fold=1).utcoffset()
    return first - second if instant.fold and first and second else timedelta()


# --- rate and at --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    """Every `period_s`, counted from `anchor`; the first fire is one period after it."""

    period_s: float
    anchor: float

    def after(self, moment: float) -> Iterator[float]:
        """Fire times strictly after `moment`, rising."""
        first = max(1, math.floor((moment - self.anchor) / self.period_s))
        return (fire for fire in map(self._fire, count(first)) if fire > moment)

    def from_(self, moment: float) -> Iterator[float]:
        """Points of the grid at or after `moment`, rising, also those before the first fire."""
        first = math.floor((moment - self.anchor) / self.period_s) - 1
        return (fire for fire in map(self._fire, count(first)) if fire >= moment)

    def before(self, moment: float) -> Iterator[float]:
        """Fire times strictly before `moment`, falling."""
        highest = math.ceil((moment - self.anchor) / self.period_s)
        return (fire for fire in map(self._fire, range(highest, 0, -1)) if fire < moment)

    def begins(self, fire: float) -> float:
        """One period before, on the same grid."""
        return self._fire(round((fire - self.anchor) / self.period_s) - 1)

    def _fire(self, number: int) -> float:
        return self.anchor + number * self.period_s


def _rate(text: str, anchor: float) -> Rate:
    period_s = parse_duration_s(text)
    if period_s < SHORTEST_RATE_S:
        raise BadTrigger(f"rate({text}) is too fast.", f"The shortest period is {SHORTEST_RATE_S} s.")
    return Rate(period_s, anchor)


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    moment: float

    def after(self, moment: float) -> Iterator[float]:
        """The moment, while it lies ahead."""
        return iter([self.moment] if self.moment > moment else [])

    def before(self, moment: float) -> Iterator[float]:
        """The moment, when it has passed."""
        return iter([self.moment] if self.moment < moment else [])

    def begins(self, fire: float) -> float:
        """An interval of no length."""
        return fire


def _moment(text: str, zone: ZoneInfo) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadTrigger(
            f"{text!r} in at({text}) is not a time.", "Write ISO 8601, such as at(2026-12-01T06:00:00)."
        ) from None
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if not _exists(local):
        raise BadTrigger(f"{text} does not exist in {zone.key}: the clocks jump over it.", "Choose another time.")
    return local.timestamp()
