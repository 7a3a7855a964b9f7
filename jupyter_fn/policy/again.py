"""Running what was before: which past events are meant, how much that is, and what it may cost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..model.codec import dumps
from ..model.errors import BadValue
from ..model.event import Event
from ..model.run import Run
from ..model.units import money, parse_time
from .discovery import matches

BACKFILL_PRIORITY = 2  # behind what is live, and behind its retries
_DIGITS = 12  # of a US dollar


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time, epoch seconds: `since` is in it, `until` is not. None has no end."""

    since: float | None = None
    until: float | None = None

    def holds(self, moment: float) -> bool:
        """Whether the moment lies in it."""
        return (self.since is None or self.since <= moment) and self.ends_after(moment)

    def ends_after(self, moment: float) -> bool:
        """Whether the moment lies in it or before it."""
        return self.until is None or moment < self.until


def span_of(since: str, until: str) -> Span:
    """Two times as they were typed, ISO 8601 or nothing.

    Raises:
        BadValue: no time, or an end that is not after the beginning.
    """
    found = Span(since=parse_time(since) if since else None, until=parse_time(until) if until else None)
    if found.since is not None and found.until is not None and found.until <= found.since:
        raise BadValue(f"until={until} is not after since={since}.", "Write the earlier time in since.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Past events of a function. What is not said leaves out nothing."""

    span: Span = Span()  # when they were admitted
    trigger: str = ""  # its id
    failed: bool = False  # only those of which a run waits for somebody
    last: int | None = None  # the newest so many of what the rest leaves
    key: str = ""  # the event's, the caller's `run_key`, or that of one of its records
    path: str = ""  # absolute pattern: of the file, or of one of its files

    @property
    def looks_inside(self) -> bool:
        """It cannot be answered without the events' data."""
        return bool(self.key or self.path)

    def takes(self, event: Event) -> bool:
        """Whether the key and the path are those of this event."""
        return (not self.key or self.key in _keys(event)) and (
            not self.path or any(matches(self.path, path) for path in _paths(event.data))
        )


def absolute(path: str, folder: str) -> str:
    """A pattern as it was typed → absolute: URLs stay, the rest is relative to `folder`."""
    if not path or "://" in path:
        return path.removeprefix("file://")
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path)))  # noqa: PTH111, PTH118 - a pattern


def _keys(event: Event) -> set[str]:
    of_records = (str(record.get("key")) for record in _objects(event.data.get("records")))
    return {event.key, event.key.removeprefix(f"{event.function}/"), *of_records}


def _paths(data: Mapping[str, Any]) -> list[str]:
    return [one["path"] for one in (data, *_objects(data.get("files"))) if isinstance(one.get("path"), str)]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def bytes_of(data: Mapping[str, Any]) -> int:
    """What handling an event has to read: the sizes of its files, else the bytes of its own keys as JSON."""
    sizes = [one.get("size") for one in _objects(data.get("files")) or [data]]
    known = [size for size in sizes if isinstance(size, int)]
    return sum(known) if len(known) == len(sizes) else len(dumps(data).encode())


def estimate_usd(count: int, recent: Iterable[Run]) -> str | None:
    """What `count` runs may cost when they cost what the recent ones did on average: exact decimal text, rounded to 12
    digits. None when there is nothing to go by."""
    costs = [Decimal(run.cost_usd) for run in recent if run.attempts > run.lost and run.state.terminal]
    if not count:
        return "0"
    return money(round(sum(costs, Decimal(0)) / len(costs) * count, _DIGITS)) if costs else None


def after_the_live(rank: str) -> str:
    """The place of a replay in an ordered lane: behind every run that is no replay, among replays as it was."""
    return f"~{rank}" if rank else ""
