"""Which things go together as one batch, and when it closes. Pure: sizes, keys and times come in as arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.codec import dumps
from ..model.event import Event, NewEvent
from ..model.ids import digest_json
from ..model.units import iso
from .expressions import Expression, value_of

_APART_S = 1.0  # by which clocks of several machines may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What closes a batch, whichever comes first."""

    count: int
    window_s: float = 0.0  # how long its oldest item waits for others; 0 = what is there goes together
    bytes: int | None = None  # the sum; an item that is larger goes alone
    key: Expression | None = None  # a batch holds neighbours of one value


@dataclass(frozen=True, slots=True)
class Item:
    """What counts of one thing that waits."""

    since: float  # epoch seconds
    bytes: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """What goes and what waits: `groups` are half-open ranges of places; what comes after the last of them waits."""

    groups: tuple[tuple[int, int], ...]
    due: float | None  # when the rest goes at the latest; None when there is none


def close(items: Sequence[Item], bounds: Bounds, now: float, *, more: bool = False) -> Closing:
    """Which of `items`, oldest first, go together now. `more`: others come at once, so age closes nothing yet.

    An item that is there since a moment to come has been there since before the clock was set back: nobody knows for how
    long, so it has waited long enough.
    """
    groups = tuple(_cut(items, bounds))
    if not groups:
        return Closing((), None)
    first, end = groups[-1]
    due = items[first].since + bounds.window_s
    if _is_full(items[first:end], bounds) or (_has_waited(items[first].since, bounds, now) and not more):
        return Closing(groups, None)
    return Closing(groups[:-1], due)


def waits_on(count: int, since: float, bounds: Bounds, now: float) -> bool:
    """Whether so many items, the oldest there `since`, all wait on, as far as that can be told without looking at each."""
    by_count = bounds.bytes is None and bounds.key is None
    return by_count and count < bounds.count and not _has_waited(since, bounds, now)


def _has_waited(since: float, bounds: Bounds, now: float) -> bool:
    return since + bounds.window_s <= now or since > now + _APART_S


def _cut(items: Sequence[Item], bounds: Bounds) -> Iterator[tuple[int, int]]:
    first, size = 0, 0
    for place, item in enumerate(items):
        heavy = bounds.bytes is not None and (size >= bounds.bytes or size + item.bytes > bounds.bytes)
        full = heavy or place - first == bounds.count
        if place > first and (full or item.key != items[first].key):
            yield first, place
            first, size = place, 0
        size += item.bytes
    if items:
        yield first, len(items)


def _is_full(items: Sequence[Item], bounds: Bounds) -> bool:
    return len(items) == bounds.count or (
        bounds.bytes is not None and sum(item.bytes for item in items) >= bounds.bytes
    )


# --- what is looked at ---------------------------------------------------------------------------------------------


def event_item(event: Event, bounds: Bounds) -> Item:
    """A single event: a file counts by its own bytes, anything else by those of its JSON."""
    size = event.data.get("size") if _is_file(event) else None
    known = size if isinstance(size, int) else len(dumps(event.data).encode())
    return Item(event.admitted, known, key_of(bounds, event.for_handler(attempt=1)))


def key_of(bounds: Bounds, fields: Mapping[str, Any]) -> str:
    """What the key expression gives for one thing; the same for all when there is none."""
    return "" if bounds.key is None else value_of(bounds.key, fields)


# --- what they become ----------------------------------------------------------------------------------------------


def compose(members: Sequence[Event]) -> NewEvent:
    """The event that single ones go into. Its key is derived from theirs, so the same members are the same batch."""
    files = all(map(_is_file, members))
    farthest = max(members, key=lambda member: member.hops)
    return NewEvent(
        key=f"batch:{digest_json([member.key for member in members])}",
        type="file.batch" if files else "batch",
        source=members[0].source,
        time=max(member.time for member in members),
        data={"files": list(map(_file, members))} if files else {"events": list(map(_event, members))},
        size=len(members),
        cause=farthest.cause,
        hops=farthest.hops,
    )


def _is_file(event: Event) -> bool:
    return event.type.startswith("file.")


def _file(member: Event) -> dict[str, Any]:
    return {"id": member.id, **member.data}


def _event(member: Event) -> dict[str, Any]:
    general = {"id": member.id, "source": member.source, "type": member.type, "time": iso(member.time)}
    return {**general, **member.data}
