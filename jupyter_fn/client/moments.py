"""Moments as people type them."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..model.errors import BadValue
from ..model.units import iso, parse_duration_s, parse_time

Moment = str | float | datetime | timedelta | None


def moment(since: Moment, now: float) -> str | None:
    """A time (datetime, ISO text) or a duration before `now` (timedelta, seconds, `"24h"`) as ISO text."""
    if isinstance(since, str) and since:
        try:
            return iso(parse_time(since))
        except BadValue:
            return iso(now - parse_duration_s(since))
    if isinstance(since, timedelta):
        return iso(now - since.total_seconds())
    if isinstance(since, datetime):
        return iso(since.timestamp())
    return iso(now - since) if since else None
