"""Values of the API's JSON as short texts for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ..model.codec import dumps
from ..model.units import format_bytes, format_duration, money, parse_time

_DATA_WIDTH = 120


def text(value: Any) -> str:
    """Anything, on one line; nothing for None."""
    return "" if value is None else " ".join(str(value).split())


def dollars(amount: Any) -> str:
    """`"$1.25"`; below a cent three digits that count, `"$0.00000421"`."""
    try:
        exact = Decimal(str(amount or 0))
    except InvalidOperation:
        return text(amount)
    if abs(exact) >= Decimal("0.01"):
        return f"${exact:.2f}"
    return f"${money(Decimal(f'{exact:.3g}'))}"


def milliseconds(ms: Any) -> str:
    """A duration; nothing for None and for 0."""
    return format_duration(float(ms) / 1000) if ms else ""


def seconds(s: Any) -> str:
    """A duration; `"0"` for none."""
    return format_duration(float(s)) if s else "0"


def megabytes(mb: Any) -> str:
    """`"512 MB"`; nothing for None and for 0."""
    return f"{mb} MB" if mb else ""


def size(count: Any) -> str:
    """Bytes; nothing for None and for 0."""
    return format_bytes(float(count)) if count else ""


def when(time: Any) -> str:
    """A time of the API in the zone of this machine, `"2026-11-03 14:05:07"`."""
    if time in (None, ""):
        return ""
    return datetime.fromtimestamp(parse_time(time)).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def number(value: Any) -> str:
    """Four digits that count."""
    return f"{float(value or 0):.4g}"


def short_id(identifier: Any) -> str:
    """The last eight characters, enough to name a run on the command line. The first ones tell only when it was made."""
    return text(identifier)[-8:]


def is_part_of_id(part: str, identifier: str) -> bool:
    """Whether somebody may mean that id: it ends or begins so."""
    return bool(part) and (identifier.endswith(part) or identifier.startswith(part))


def short_digest(digest: Any) -> str:
    """The first eight characters."""
    return text(digest)[:8]


def counts(numbers: Mapping[str, int] | None) -> str:
    """`"12 succeeded, 1 dead"`, without the zeros."""
    return ", ".join(f"{count} {name}" for name, count in (numbers or {}).items() if count)


def triggers(items: Sequence[Mapping[str, Any]] | None) -> str:
    """The triggers' texts, with their state where it is not active."""
    return ", ".join(t["uri"] + (f" ({t['state']})" if t.get("state") != "active" else "") for t in items or ())


def error(data: Mapping[str, Any] | None) -> str:
    """`"ValueError: bad row"`."""
    return text(f"{data.get('type')}: {data.get('message')}") if data else ""


def data(value: Any) -> str:
    """JSON on one line, cut where it is long; nothing for None."""
    said = "" if value is None else dumps(value)
    return said if len(said) <= _DATA_WIDTH else f"{said[: _DATA_WIDTH - 1]}…"


def yes(value: Any) -> str:
    """`"yes"`, or nothing."""
    return "yes" if value else ""


def weights(versions: Mapping[str, int] | None) -> str:
    """`"3"` for one version, `"3:90 4:10"` for several."""
    items = list((versions or {}).items())
    return str(items[0][0]) if len(items) == 1 else " ".join(f"{number}:{weight}" for number, weight in items)


def names(items: Sequence[Mapping[str, Any]] | None) -> str:
    """The names of things that have one."""
    return ", ".join(item["name"] for item in items or ())


def pairs(mapping: Mapping[str, Any] | None) -> str:
    """`"team=etl, tier=gold"`."""
    return ", ".join(f"{key}={value}" for key, value in (mapping or {}).items())


def effects(begun: Sequence[Mapping[str, Any]] | None) -> str:
    """The blocks of `context.effect` that a run has begun, and whether it has left them as it should."""
    return "; ".join(text(f"{one.get('name')} ({_fate(one)})") for one in begun or ())


def _fate(effect: Mapping[str, Any]) -> str:
    return f"done {when(effect['done'])}" if effect.get("done") else f"begun {when(effect.get('entered'))}, not done"


def deliveries(sent: Sequence[Mapping[str, Any]] | None) -> str:
    """Where a run's record went, and what became of it there."""
    return "; ".join(text(f"{one.get('target')} ({one.get('state')}) {one.get('error') or ''}") for one in sent or ())
