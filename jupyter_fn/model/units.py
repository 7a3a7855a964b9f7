"""Sizes, durations, times: texts that users type, numbers that the program computes with."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from .errors import BadValue

_SIZE = re.compile(r"(?i)^\s*(\d+(?:\.\d+)?)\s*(b|k|kb|kib|m|mb|mib|g|gb|gib)?\s*$")
_SIZE_BYTES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_DURATION = re.compile(r"(?i)^\s*(?:\d+(?:\.\d+)?\s*(?:ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)?\s*)+$")
_DURATION_PART = re.compile(r"(?i)(\d+(?:\.\d+)?)\s*(ms|seconds?|sec|s|minutes?|min|m|hours?|h|days?|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_size_mb(text: str | int | float) -> int:
    """`"512MB"`, `"2GB"`, `"0.5 GiB"` or a bare number of MB → MB (1 MB = 1,048,576 bytes, as AWS counts memory)."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _positive_mb(float(text) * (1 << 20), text)
    return _positive_mb(_read_size(str(text), unit="m"), text)


def parse_size_bytes(text: str) -> int:
    """`"10MB"`, `"512 KiB"` or a bare number of bytes → bytes, at least 1 (1 MB = 1,048,576 bytes)."""
    size = round(_read_size(text, unit="b"))
    if size < 1:
        raise BadValue(f"{text!r} is less than a byte.", "Write a size such as 10MB.")
    return size


def _read_size(text: str, *, unit: str) -> float:
    """In bytes; a number without a unit is taken in `unit`."""
    match = _SIZE.match(text)
    if not match:
        raise BadValue(f"{text!r} is not a size.", "Write a number and a unit, such as 512MB or 2GB.")
    return float(match[1]) * _SIZE_BYTES[(match[2] or unit)[0].lower()]


def _positive_mb(size_bytes: float, text: object) -> int:
    size_mb = round(size_bytes / (1 << 20))
    if size_mb < 1:
        raise BadValue(f"{text!r} is less than 1 MB.", "Write at least 1MB.")
    return size_mb


def parse_duration_s(text: str | int | float) -> float:
    """`"60s"`, `"1m30s"`, `"250ms"`, `"5 minutes"` or a bare number of seconds → seconds."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text < 0:
            raise BadValue(f"{text!r} is not a duration.", "Write a positive number of seconds.")
        return float(text)
    if not _DURATION.match(str(text)):
        raise BadValue(f"{text!r} is not a duration.", "Write a number and a unit, such as 30s, 5m or 1h30m.")
    total = 0.0
    for number, unit in _DURATION_PART.findall(str(text)):
        key = unit.lower()
        total += float(number) * _SECONDS[key if key == "ms" else (key[:1] or "s")]
    return total


def format_duration(seconds: float) -> str:
    """A short text for people: `"250 ms"`, `"1.5 s"`, `"2 m 5 s"`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m {rest} s"


def format_bytes(size: float) -> str:
    """A short text for people: `"12 B"`, `"3.4 kB"`, `"1.2 GB"` (decimal units)."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def iso(seconds: float | None) -> str | None:
    """Seconds since the epoch → ISO 8601 UTC with microseconds and `Z`; None stays None."""
    return None if seconds is None else _iso(seconds)


@lru_cache(maxsize=1024)  # what is committed together has its times in common
def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str | float | int) -> float:
    """ISO 8601 (UTC where no offset is given) or epoch seconds → epoch seconds."""
    if isinstance(text, int | float):
        return float(text)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadValue(f"{text!r} is not a time.", "Write ISO 8601, such as 2026-12-01T06:00:00.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def money(amount: Decimal) -> str:
    """Exact decimal text without exponent or trailing zeros."""
    text = format(amount, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
