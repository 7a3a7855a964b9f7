"""Python twins of the trigger grammar: each gives the text that `--on` takes."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import Any

from ..model.errors import BadTrigger
from ..model.trigger import parse_trigger
from ..model.units import iso


def files(path: Any, **options: Any) -> str:
    """New files: a path with a glob or any fsspec URL, `files("incoming/*.csv", settle="1s")`."""
    return _text(_word(str(path)), options)


def stream(uri: str, **options: Any) -> str:
    """Records of a stream by its URI, `stream("topic:orders", batch=500, window="1s")`."""
    return _text(_word(uri), options)


def topic(name: str, **options: Any) -> str:
    """Records of one of the service's own topics, `topic("orders", start="earliest")`."""
    return _text(f"topic:{name}", options)


def cron(expression: str, **options: Any) -> str:
    """A cron schedule of five fields, or of AWS's six, `cron("0 6 * * *", tz="Europe/Berlin")`."""
    return _text(f"cron({expression})", options)


def rate(period: str | float | timedelta, **options: Any) -> str:
    """Once every period: `"5 minutes"`, a timedelta, or seconds."""
    return _text(f"rate({_period(period)})", options)


def at(time: str | datetime, **options: Any) -> str:
    """Once, at an ISO 8601 time or a datetime; one without an offset is in `tz=`, else in UTC."""
    if isinstance(time, datetime):
        time = time.isoformat() if time.tzinfo is None else str(iso(time.timestamp()))
    return _text(f"at({time})", options)


def after(function: Any, on: str = "success", **options: Any) -> str:
    """The results of another function, by its name or handle; `on="failure"` for runs that ended dead.

    Raises:
        BadTrigger: `on` is neither `success` nor `failure`.
    """
    if on not in ("success", "failure"):
        raise BadTrigger(f"after(…, on={on!r}) is not known.", "Write on='success' or on='failure'.")
    name = function if isinstance(function, str) else function.name
    return _text(f"fn:{name}", {**({"on": on} if on != "success" else {}), **options})


def _text(uri: str, options: dict[str, Any]) -> str:
    said = {key: _value(value) for key, value in options.items() if value is not None}
    text = " ".join([uri, *(f"{key}={shlex.quote(value)}" for key, value in said.items())])
    parse_trigger(text)
    return text


def _word(uri: str) -> str:
    """Quoted only where it must be, so that globs stay readable."""
    return shlex.quote(uri) if set(uri) & set(" \t\"'\\") else uri


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _period(period: str | float | timedelta) -> str:
    if isinstance(period, str):
        return period
    seconds = period.total_seconds() if isinstance(period, timedelta) else period
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
