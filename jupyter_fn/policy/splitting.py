"""A batch that goes on in parts. A run handles the items of its event that `parts` names, all of them when it names none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..model.ids import child_id
from ..model.run import Ranges, Run, State

T = TypeVar("T")


def parts_of(run: Run) -> Ranges:
    """The run's items as ranges of places in its event's batch."""
    return run.parts or ((0, run.batch_size),)


def pick(items: Sequence[T], parts: Ranges) -> list[T]:
    """The items that `parts` names, all of them when it names none."""
    return [item for first, end in parts for item in items[first:end]] if parts else list(items)


def has(run: Run, place: int) -> bool:
    """Whether the item at that place of its event's batch is one of the run's."""
    return any(first <= place < end for first, end in parts_of(run))


def places(run: Run, positions: Iterable[int]) -> Ranges:
    """Positions among the run's own items → ranges of places in its event's batch."""
    chosen = set(positions)
    if not chosen:
        return ()
    return _ranges(place for position, place in enumerate(_each(parts_of(run))) if position in chosen)


def halves(run: Run) -> tuple[Run, Run]:
    """Two runs that handle the run's items: the first half, rounded up, and the rest. After ⌈log2 n⌉ rounds a run of n
    items has come down to single ones."""
    each = list(_each(parts_of(run)))
    middle = (len(each) + 1) // 2
    return _child(run, 0, _ranges(each[:middle])), _child(run, 1, _ranges(each[middle:]))


def set_apart(run: Run) -> tuple[Run, Run]:
    """A run of the items that are done and one of those that `run.failed` names. What the run did behind an effect
    barrier may have been done for these as well."""
    failed = set(_each(run.failed))
    done = _ranges(place for place in _each(parts_of(run)) if place not in failed)
    failures = run.tried + run.attempts - run.lost - run.throttled
    return _child(run, 0, done), _child(run, 1, run.failed).replace(tried=failures, barrier=run.barrier)


def _child(run: Run, number: int, parts: Ranges) -> Run:
    """What a child has of its parent: everything that says where its items come from and how long they have waited."""
    kept: Mapping[str, Any] = {
        name: getattr(run, name)
        for name in (
            *("function", "version", "alias", "trigger", "event_id", "created", "memory_mb", "priority", "hops"),
            *("price_book", "concurrency_key", "lane", "replay", "data"),
        )
    }
    return Run(
        **kept,
        id=child_id(run.id, number),
        state=State.QUEUED,
        parent=run.id,
        parts=parts,
        batch_size=sum(end - first for first, end in parts),
        rank=f"{run.rank}/{number}" if run.rank else "",
    )


def _each(parts: Ranges) -> Iterable[int]:
    return (place for first, end in parts for place in range(first, end))


def _ranges(ascending: Iterable[int]) -> Ranges:
    found: list[list[int]] = []
    for place in ascending:
        if found and found[-1][1] == place:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
    return tuple((first, end) for first, end in found)
