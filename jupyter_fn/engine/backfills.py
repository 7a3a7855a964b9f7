"""What was there before anybody looked, admitted page by page behind everything that is live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..model.event import Event, NewEvent
from ..model.function import LIVE
from ..model.run import Run, State
from ..model.trigger import Trigger, parse_trigger
from ..policy.again import BACKFILL_PRIORITY, Span, bytes_of, estimate_usd, span_of
from ..policy.batching import Bounds, close, compose, event_item
from ..policy.discovery import file_key, matches
from ..policy.filters import Filter, as_event, skip_others
from ..policy.routing import resolve
from ..sources import registry
from ..sources.protocol import Asked, Poll
from ..store import batches, events, functions, past, triggers
from ..store.database import Database
from .admission import MakeRun, run_maker
from .catalog import Catalog
from .dispatcher import Dispatcher
from .poller import Poller
from .publisher import defaults_of

LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where a backfill looks, and whose ledger knows what has run."""

    look: Trigger  # what is listed
    home: Trigger  # whose ledger it goes to
    own: bool  # the home is one of the function's triggers, or the row of an earlier backfill
    live: bool  # and is followed
    version: int  # which the code is, for what is judged before there is a run
    watched: Sequence[tuple[Trigger, str]]  # the function's triggers on files, each with its absolute pattern

    def homes(self, page: Sequence[NewEvent]) -> Mapping[str, tuple[Trigger, list[NewEvent]]]:
        """Trigger id → the trigger in whose ledger these events of a page belong. A file that one of the function's own
        triggers takes belongs to that one, under the key that it gives it."""
        found: dict[str, tuple[Trigger, list[NewEvent]]] = {}
        for new in page:
            home, event = self._home(new)
            found.setdefault(home.id, (home, []))[1].append(event)
        return found

    def _home(self, new: NewEvent) -> tuple[Trigger, NewEvent]:
        path = new.data.get("path") if self.watched else None
        home = next((t for t, pattern in self.watched if path is not None and matches(pattern, path)), None)
        if home is None:
            return self.home, new
        how = home.options.get("on_overwrite", "new_event")
        return home, replace(new, key=file_key(str(path), new.data["version"], on_overwrite=how))


@dataclass(frozen=True, slots=True)
class Page:
    """What became of a page, or would."""

    count: int  # runs
    bytes: int
    runs: list[str]  # ids


class Backfills:
    """Each method is one verb of the API."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        dispatcher: Dispatcher,
        poller: Poller,
        *,
        changed: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`changed` pushes news of a function."""
        self._database = database
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._poller = poller
        self._changed = changed
        self._clock = clock

    async def backfill(
        self, name: str, on: str, *, since: str = "", until: str = "", code: str = LATEST, dry_run: bool = False
    ) -> dict[str, Any]:
        """List a trigger once from nothing and admit what it has not run: `{trigger, count, bytes, estimated_cost_usd,
        runs}`. Page by page, so the first runs begin meanwhile; asked for again it goes on where it was broken off.

        Parameters:
            on: the text of a trigger: one of the function's own, with or without its options, or any other.
            since, until: when files were modified, records came, runs ended, schedules fired; ISO 8601.
            code: `latest`, where `live` points; else a version or an alias.

        Raises:
            NotFound: no such function, version or alias.
            BadTrigger: the text cannot be read.
            BadValue: times that make no span, or none for a schedule.
        """
        span = span_of(since, until)
        plan, recent = await self._read(partial(self._plan, name, on, _qualifier(code)))
        done: list[Page] = []
        looks = await self._poller.in_thread(self._looks, plan, span)
        while (poll := await self._poller.in_thread(next, looks, None)) is not None:
            done.append(await self._page(name, plan, poll, _qualifier(code), dry_run))
            if poll.wake_at is not None:
                await asyncio.sleep(max(poll.wake_at - self._clock(), 0.0))
        if not dry_run:
            self._changed(name)
        count = sum(page.count for page in done)
        return {
            "trigger": plan.home.id,
            "count": count,
            "bytes": sum(page.bytes for page in done),
            "estimated_cost_usd": estimate_usd(count, recent),
            "runs": [run_id for page in done for run_id in page.runs],
        }

    # --- where

    def _plan(self, name: str, on: str, qualifier: str, conn: Connection) -> tuple[Plan, list[Run]]:
        """And the runs to estimate by."""
        number = resolve(functions.get(conn, name), qualifier, key="")[1]
        version = self._catalog.entry(conn, name, number).version
        asked = registry.check(on, version.folder, function=name, defaults=defaults_of(version.options))
        known = sorted(triggers.of_function(conn, name), key=lambda trigger: trigger.state == triggers.ENDED)
        own = next((trigger for trigger in known if _place(trigger) == _place(asked)), None)
        home = own or replace(asked, created=self._clock())
        typed = {**parse_trigger(on).options, **_ALL.get(_place(asked)[0], {})}
        plan = Plan(
            look=replace(home, options={**home.options, **typed}, alias=LIVE),
            home=home,
            own=own is not None,
            live=own is not None and own.state != triggers.ENDED,
            version=number,
            watched=[(trigger, pattern) for trigger in known if (pattern := registry.watched(trigger))],
        )
        return plan, past.recent(conn, name)

    def _looks(self, plan: Plan, span: Span) -> Iterator[Poll]:
        source = self._poller.build(plan.look)
        position = plan.home.position if plan.live else None
        taken = partial(self._database.read, lambda conn: past.keys(conn, plan.home.id))
        return source.past(Asked(span=span, live=plan.live, position=position, taken=taken), self._clock())

    # --- what

    async def _page(self, name: str, plan: Plan, poll: Poll, qualifier: str, dry_run: bool) -> Page:
        if dry_run:
            counted: Page = await self._read(partial(self._counted, name, plan, poll))
            return counted
        return await self._dispatcher.enqueue(partial(self._op, name, plan, poll, qualifier))

    def _counted(self, name: str, plan: Plan, poll: Poll, conn: Connection) -> Page:
        """What would become of a page."""
        parts = []
        for home, new in plan.homes(poll.events).values():
            unknown, passed = past.missing(conn, home.id, new)
            wanted = self._wanted(conn, name, plan, home, unknown)
            bounds = registry.gathers(home)
            runs = len(wanted) if bounds is None else len(_parted(wanted, home, bounds))
            parts.append((runs + len(passed), _bytes(wanted, passed)))
        return Page(sum(count for count, _ in parts), sum(size for _, size in parts), [])

    def _op(self, name: str, plan: Plan, poll: Poll, qualifier: str, conn: Connection) -> Page:
        """Enter a page, each event in the ledger where it belongs."""
        make_run = _behind(run_maker(conn, self._catalog, name, qualifier))
        if not plan.own:
            triggers.keep(conn, plan.home)
        made: list[Run] = []
        size = 0
        for home, new in plan.homes(poll.events).values():
            unknown, passed = past.missing(conn, home.id, new)
            made += self._entered(conn, name, plan, home, unknown, make_run)
            made += self._taken_up(conn, home, passed, make_run)
            size += _bytes(self._wanted(conn, name, plan, home, unknown), passed)
        if not plan.live and poll.position is not None:
            triggers.set_position(conn, plan.home.id, poll.position)
        begun = [run.id for run in made if run.state is not State.SKIPPED]
        return Page(len(begun), size, begun)

    def _entered(
        self, conn: Connection, name: str, plan: Plan, home: Trigger, unknown: Sequence[NewEvent], make_run: MakeRun
    ) -> list[Run]:
        how: dict[str, Any] = {"make_run": make_run, "now": self._clock()}
        bounds = registry.gathers(home)
        if bounds is None:
            return [run for _, run in events.push(conn, home.id, name, unknown, **how)]
        chosen = skip_others(self._filter(conn, name, plan), unknown, trigger=home)
        waiting = [event for event in batches.push(conn, home.id, name, chosen, **how) if event.batch]
        groups = _groups(waiting, bounds)
        return [batches.bind(conn, compose(group), group, **how)[1] for group in groups]

    def _taken_up(self, conn: Connection, home: Trigger, passed: Sequence[NewEvent], make_run: MakeRun) -> list[Run]:
        """Events that were passed over stand in the ledger already, each for itself; where batches are made, each is shown
        to its handler as a batch of one."""

        def alone(event: Event) -> Run:
            return make_run(event).replace(data=compose([event]).data)

        make = make_run if registry.gathers(home) is None else alone
        return past.take_up(conn, home.id, [one.key for one in passed], make_run=make, now=self._clock())

    def _wanted(
        self, conn: Connection, name: str, plan: Plan, home: Trigger, unknown: Sequence[NewEvent]
    ) -> list[NewEvent]:
        """Those of which there is a run."""
        return [one for one in skip_others(self._filter(conn, name, plan), unknown, trigger=home) if not one.skip]

    def _filter(self, conn: Connection, name: str, plan: Plan) -> Filter | None:
        return self._catalog.entry(conn, name, plan.version).filter

    async def _read(self, question: Callable[[Connection], Any]) -> Any:
        return await asyncio.to_thread(self._database.read, question)


_ALL = {"files": {"existing": "process"}}  # what is typed to the contrary means live triggers


def _place(trigger: Trigger) -> tuple[str, ...]:
    """What a trigger looks at, whatever its other options."""
    pattern = registry.watched(trigger)
    if pattern:
        return ("files", pattern)
    return (trigger.scheme, trigger.target, *(trigger.options.get(name, "") for name in ("tz", "on")))


def _qualifier(code: str) -> str:
    return LIVE if code == LATEST else code


def _behind(make_run: MakeRun) -> MakeRun:
    """The same runs, behind everything that is live."""
    return lambda event: make_run(event).replace(priority=BACKFILL_PRIORITY)


def _parted(wanted: Sequence[NewEvent], home: Trigger, bounds: Bounds) -> list[Sequence[Event]]:
    return _groups([as_event(new, home) for new in wanted], bounds)


def _groups(waiting: Sequence[Event], bounds: Bounds) -> list[Sequence[Event]]:
    """What goes together; nothing waits for what may come."""
    closing = close([event_item(event, bounds) for event in waiting], replace(bounds, window_s=0.0), float("inf"))
    return [waiting[first:end] for first, end in closing.groups]


def _bytes(*new: Sequence[NewEvent]) -> int:
    return sum(bytes_of(one.data) for some in new for one in some)
