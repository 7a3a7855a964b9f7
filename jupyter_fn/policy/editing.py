"""Events as people edit them, for a run that is made again. The event itself stays as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.errors import BadValue
from ..model.event import Event
from ..model.run import Run
from .splitting import parts_of, pick


def own_keys(run: Run, event: Event) -> dict[str, Any]:
    """The event's own keys as the run sees them: edited if somebody has, and of a batch the items that are the run's."""
    data = dict(event.data if run.data is None else run.data)
    items = data.get(event.items_name)
    if run.parts and isinstance(items, list):
        data[event.items_name] = pick(items, run.parts)
    return data


def event_of(run: Run, event: Event) -> dict[str, Any]:
    """The event as the handler of that run sees it."""
    return {**_general(run, event), **own_keys(run, event)}


def _general(run: Run, event: Event) -> dict[str, Any]:
    """What every event of every trigger has."""
    seen = event.general(attempt=run.attempts)
    return {**seen, "replay": run.replay} if run.replay else seen


def edit(run: Run, event: Event, given: Any) -> Mapping[str, Any] | None:
    """`Run.data` of a run that handles `given` in place of what `run` has handled; None when that is the event as it came.

    `given` has the event's own keys; general ones (`id`, `time`, …) that say what they said before are no edit. Of a
    batch it has the items that `run` handles, as many as before: each takes the place of the one that stood there, so
    that every item is still accounted for.

    Raises:
        BadValue: it is no JSON object, or has another number of items.
    """
    if not isinstance(given, Mapping):
        raise BadValue(f"The event for run {run.id} is no JSON object.", 'Write such as {"n": 1}.')
    general = _general(run, event)
    own = {key: value for key, value in given.items() if key not in general or general[key] != value}
    if own == own_keys(run, event):
        return run.data
    return {**own, event.items_name: _spliced(run, event, own)} if event.items_name else own


def _spliced(run: Run, event: Event, own: Mapping[str, Any]) -> list[Any]:
    """All items of the event's batch, the run's own ones edited."""
    name, items = event.items_name, own.get(event.items_name)
    places = [place for first, end in parts_of(run) for place in range(first, end)]
    if not isinstance(items, list) or len(items) != len(places):
        raise BadValue(
            f"The event for run {run.id} has not {len(places)} {name}.",
            f"Keep one for each that the run handles: jupyter fn failures {run.function} --json shows them.",
        )
    whole = list((event.data if run.data is None else run.data)[name])
    for place, item in zip(places, items, strict=True):
        whole[place] = item
    return whole
