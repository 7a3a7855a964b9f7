"""Why a run, an event or a path did or did not run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.errors import FnError
from ..model.event import Event
from ..model.run import Run, State
from ..model.trigger import Trigger
from ..policy.admission import Limits
from ..policy.breaker import counts
from ..policy.explain import Case, explain_event, explain_run, whither
from ..policy.filters import seen
from ..store import batches, deliveries, events, functions, lanes, queue, runs, triggers
from ..store.database import Database
from .breaker import Breakers
from .catalog import Catalog, live_version
from .facts import delivery_sentence, run_json
from .poller import Poller

T = TypeVar("T")


class Explanations:
    """One question of the API."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        poller: Poller,
        breakers: Breakers,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._poller = poller
        self._breakers = breakers
        self._clock = clock

    async def explain(self, name: str, subject: str) -> dict[str, Any]:
        """Why a run, an event or a path did or did not run, or whether an event (a JSON object) would:
        `{subject, sentences, runs}`. Raises NotFound."""
        event = _object(subject)
        if event is not None:
            sentences = await self._read(partial(self._judged, name, event))
            return {"subject": subject, "sentences": sentences, "runs": []}
        found, watched = await self._read(partial(self._subject, name, subject))
        sentences = []
        if not found:
            found, sentences = await self._looked(name, subject, watched)
        about = await self._read(lambda conn: [line for run in found for line in self._explained(conn, run)])
        if not (about or sentences):
            sentences = [f"{name} has no trigger that could take {subject}, and no run or event of that id."]
        return {"subject": subject, "sentences": [*sentences, *about], "runs": [run_json(run) for run in found]}

    def _subject(self, name: str, subject: str, conn: Connection) -> tuple[list[Run], list[Trigger]]:
        functions.get(conn, name)
        run, event = runs.get_all(conn, [subject]).get(subject), events.get(conn, subject)
        of_event = batches.runs_of(conn, event) if event is not None else []
        found = [run] if run is not None and run.function == name else of_event
        return [one for one in found if one.function == name], triggers.of_function(conn, name)

    async def _looked(self, name: str, subject: str, watched: list[Trigger]) -> tuple[list[Run], list[str]]:
        """What the sources make of it, and the runs of the event that it became."""
        found: list[Run] = []
        sentences = []
        paused = await self._read(lambda conn: functions.get(conn, name).state == "paused")
        for trigger in watched:
            try:
                look = await self._poller.in_thread(self._poller.build(trigger).look, subject, self._clock())
            except FnError as error:
                sentences.append(f"{trigger.uri}: {error.cause}")
                continue
            event = await self._read(partial(_event_of, trigger.id, look.key))
            if event is None:
                sentences.append(look.verdict)
                if look.key and paused:
                    sentences.append(f"{name} is paused; start it again with: jupyter fn resume {name}")
            for known in await self._read(partial(_events_of, trigger.id, event, look.path)):
                earlier = " earlier" if event is None else ""
                sentences.append(
                    f"{subject} was admitted{earlier} by {trigger.uri} as event {known.id}{whither(known)}."
                )
                found += await self._read(partial(batches.runs_of, event=known))
        return found, sentences

    def _judged(self, name: str, event: Mapping[str, Any], conn: Connection) -> list[str]:
        """What the filter that counts now says of an event."""
        number = live_version(functions.get(conn, name))
        wanted = self._catalog.entry(conn, name, number).filter
        return explain_event(name, number, None if wanted is None else wanted.why_not(event))

    def _explained(self, conn: Connection, run: Run) -> list[str]:
        """Sentences on a run, and on what it has sent."""
        sent = deliveries.of_run(conn, run.id)
        return [*explain_run(self._case(conn, run)), *map(delivery_sentence, sent)]

    def _case(self, conn: Connection, run: Run) -> Case:
        entry = self._catalog.of_run(conn, run)
        event = events.get(conn, run.event_id) if entry.filter and run.state is State.SKIPPED else None
        resting = {one.lane: one.run_id for one in lanes.parked_of(conn, run.function)} if run.rank else {}
        return Case(
            run=run,
            now=self._clock(),
            rules=entry.rules,
            paused=functions.get(conn, run.function).state == "paused",
            rests=self._breakers.says(run.function) if counts(run) else "",
            limits=self._catalog.read_limits(conn).get(run.function, Limits()),
            running=queue.held_counts(conn).get(run.function, 0),
            running_of_key=queue.held_counts_of_keys(conn).get((run.function, run.concurrency_key), 0),
            parked_by=resting.get(run.lane, ""),
            ahead=lanes.first_of(conn, run.function, run.lane) if run.rank else "",
            parent=runs.get_all(conn, [run.parent]).get(run.parent) if run.parent else None,
            children=tuple(runs.children_of(conn, run.id)),
            why_not=entry.filter.why_not(seen(event)) if entry.filter and event else "",
        )

    async def _read(self, question: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._database.read, question)


def _object(subject: str) -> dict[str, Any] | None:
    """The JSON object that it is, if it is one."""
    try:
        found = json.loads(subject)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _event_of(trigger: str, key: str, conn: Connection) -> Event | None:
    return events.by_key(conn, trigger, key) if key else None


def _events_of(trigger: str, now: Event | None, path: str, conn: Connection) -> list[Event]:
    """The event of what is there now; where there is none, those of what was there before."""
    if now is not None:
        return [now]
    return events.of_path(conn, trigger, path) if path else []
