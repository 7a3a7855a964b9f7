"""Schedules as events: `cron(0 6 * * *) tz=Europe/Berlin`, `rate(5 minutes)`, `at(2026-12-01T06:00:00)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from ..model.errors import BadTrigger, BadValue
from ..model.event import NewEvent
from ..model.trigger import Trigger
from ..model.units import iso, parse_time
from ..policy.schedule import (
    Rate,
    Schedule,
    check_misfire,
    due,
    fires,
    interval,
    next_fire,
    parse_schedule,
    parse_zone,
    past_fires,
)
from .options import Option, one_of
from .protocol import Asked, Look, Poll
from .wiring import Wiring

PAGE = 1000  # events in one transaction
_TICK_S = 1e-3  # fire times of one schedule are never nearer than this


def _zone(text: str) -> str:
    parse_zone(text)
    return text


class ScheduleSource:
    """One event per fire time, which is its key.

    Position: `{"anchor": s, "last": s}`, epoch seconds: the first look, from which a rate counts, and the fire time up to
    which everything is done. What lies before the first look never fires.
    """

    OPTIONS: ClassVar[Mapping[str, Option]] = {
        "tz": Option(_zone, "UTC", "IANA name of the zone that the fields are in"),
        "overlap": Option(one_of("allow", "skip"), "allow", "what a fire time does while a run of it is under way"),
        "misfire": Option(check_misfire, "latest", "which of several missed fire times count: latest, all or skip"),
    }

    def __init__(self, wiring: Wiring) -> None:
        self._text = wiring.trigger.target
        self._tz: str = wiring.options["tz"]
        self._misfire: str = wiring.options["misfire"]
        self._anchor = (wiring.trigger.position or {}).get("anchor")

    @classmethod
    def check(cls, trigger: Trigger, options: Mapping[str, Any]) -> None:
        """Refuse what is no schedule, and a zone where none is used."""
        parse_schedule(trigger.target, tz=options["tz"])
        if trigger.scheme == "rate" and "tz" in trigger.options:
            raise BadTrigger(f"{trigger.target} is the same in every zone.", "Leave out tz=, or write cron(…).")

    def _schedule(self, anchor: float) -> Schedule:
        self._anchor = anchor
        return parse_schedule(self._text, tz=self._tz, anchor=anchor)

    def poll(self, position: Any, now: float) -> Poll:
        """Everything that fires up to `now`; wakes at the next fire time."""
        state = self._as_of(position or {"anchor": now, "last": now}, now)
        schedule = self._schedule(state["anchor"])
        found = due(schedule, after=state["last"], now=now, misfire=self._misfire)
        events = [self._event(schedule, fire) for fire in found.fires]
        after = {**state, "last": found.fires[-1]} if found.fires else state
        wake_at = next_fire(schedule, max(now, found.position))
        return Poll(
            events=events, position=after, wake_at=wake_at, more=found.more, ended=wake_at is None and not found.more
        )

    def _as_of(self, state: dict[str, float], now: float) -> dict[str, float]:
        """What is done up to a moment to come was done before the clock was set back. It goes on from now, and a rate that has
        not begun yet on the grid that it has: what fires again has the key that it had, and the ledger knows it."""
        if state["last"] <= now:
            return state
        schedule, anchor = self._schedule(state["anchor"]), state["anchor"]
        if isinstance(schedule, Rate) and anchor > now + schedule.period_s:
            anchor -= schedule.period_s * math.ceil((anchor - now) / schedule.period_s)
        return {**state, "last": now, "anchor": anchor}

    def past(self, asked: Asked, now: float) -> Iterator[Poll]:
        """Every fire time of the span up to now. A rate that nobody follows counts from the beginning of the span."""
        since, until = asked.span.since, asked.span.until
        if since is None or until is None:
            raise BadValue(f"The past of {self._text} has no end.", "Say from when to when: --since T --until T.")
        schedule = self._schedule((asked.position or {}).get("anchor", since))
        found = past_fires(schedule, since, min(until, math.nextafter(now, math.inf)))
        while page := list(islice(found, PAGE)):
            yield Poll(events=[self._event(schedule, fire) for fire in page], position=None, more=len(page) == PAGE)

    def _event(self, schedule: Schedule, fire: float) -> NewEvent:
        start, end = interval(schedule, fire)
        data = {"scheduled_for": iso(fire), "interval_start": iso(start), "interval_end": iso(end)}
        return NewEvent(key=_key(fire), type="schedule.fired", source=self._text, time=fire, data=data)

    @classmethod
    def watches(cls, trigger: Trigger) -> str:
        """No files."""
        return ""

    def listen(self, hint: Callable[[], None]) -> Callable[[], None] | None:
        """The clock is no channel; `wake_at` says all."""
        return None

    def survey(self, now: float) -> Sequence[str] | None:
        """Fire times are not kept anywhere."""
        return None

    def look(self, subject: str, now: float) -> Look:
        """What a moment (ISO 8601, in the schedule's zone where it names none) is to this schedule."""
        moment = self._moment(subject)
        if self._anchor is None:
            return Look(key="", verdict=f"{self._text} has not been looked at yet.", takes=False)
        schedule = self._schedule(self._anchor)
        if moment <= self._anchor:
            said = f"{iso(moment)} lies before the first look of {self._text}, at {iso(self._anchor)}."
            return Look(key="", verdict=said, takes=False)
        if not fires(schedule, moment - _TICK_S, moment, 1):
            later = next_fire(schedule, moment)
            then = f"the next is {iso(later)}" if later else "there is none after it"
            return Look(key="", verdict=f"{iso(moment)} is no fire time of {self._text}; {then}.", takes=False)
        past = moment <= now
        said = f"{self._text} {'fired' if past else 'fires'} at {iso(moment)}."
        return Look(key=_key(moment), verdict=said, takes=past)

    def _moment(self, subject: str) -> float:
        try:
            local = datetime.fromisoformat(subject)
        except ValueError:
            return parse_time(subject)
        return (local if local.tzinfo else local.replace(tzinfo=parse_zone(self._tz))).timestamp()


def _key(fire: float) -> str:
    return str(iso(fire))
