"""From what a look brought to the ledger: events, their first runs, the batches that they go into. All of it is part of one
op of the writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from ..model.event import GATHERING, Event, NewEvent
from ..model.ids import new_id
from ..model.run import Reason, Run, State
from ..model.target import Kind, parse_target
from ..model.trigger import Trigger
from ..policy.admission import skip_overlaps
from ..policy.batching import close, compose, event_item, waits_on
from ..policy.filters import Filter, skip_others, taken
from ..policy.loops import goes_round, loop_error
from ..policy.routing import resolve
from ..policy.stimuli import Superseded
from ..sources import registry
from ..sources.protocol import Poll
from ..store import batches, events, queue, triggers
from . import deliveries
from .catalog import Catalog, live_version
from .origins import chain_of, traced

_NEXT_PAGE_S = 1.0  # what is about to come is there by then, or its source fails

MakeRun = Callable[[Event], Run]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What comes of a look besides its events and runs."""

    due: float | None  # when those of its events that wait for a batch go at the latest
    superseded: Sequence[tuple[str, Superseded]] = ()  # to be told in the same op


def admit(conn: Connection, catalog: Catalog, trigger: Trigger, poll: Poll, now: float) -> Admitted:
    """Enter what a look brought."""
    make_run = run_maker(conn, catalog, trigger.function, trigger.alias)
    new = _chosen(conn, catalog, trigger, poll.events)
    how = {"position": poll.position, "make_run": make_run, "now": now}
    if registry.gathers(trigger) is None:
        entered = events.admit(conn, trigger.id, trigger.function, new, **how)
        fresh = [event for event, run in entered if run.state is State.QUEUED]
    else:
        new = skip_others(filter_now(conn, catalog, trigger), new, trigger=trigger)
        fresh = [event for event in batches.gather(conn, trigger.id, trigger.function, new, **how) if event.batch]
    if poll.ended:
        triggers.set_state(conn, trigger.id, "ended")
    superseded = _supersede(conn, fresh, make_run) if _latest_only(trigger) else ()
    return Admitted(close_batches(conn, trigger, make_run, now, more=poll.more), superseded)


def _latest_only(trigger: Trigger) -> bool:
    return trigger.options.get("on_overwrite") == "latest_only"


def _supersede(conn: Connection, fresh: Sequence[Event], make_run: MakeRun) -> list[tuple[str, Superseded]]:
    """Older versions of these files that have not begun end as skipped; one that went into a batch stays in it."""
    same = ((event, one) for event in fresh for one in events.of_path(conn, event.trigger, event.data["path"]))
    older = [one for event, one in same if one.seq < event.seq]
    for one in older:
        if one.batch == GATHERING:
            batches.release(conn, [one], make_run=make_run, skip=Reason.SUPERSEDED)
    return [(run_id, Superseded()) for run_id in queue.startable_of(conn, [one.id for one in older])]


def _chosen(conn: Connection, catalog: Catalog, trigger: Trigger, new: Sequence[NewEvent]) -> Sequence[NewEvent]:
    """The same events with their causes, some of them to be skipped."""
    new = traced(conn, catalog, trigger, new)
    if new and trigger.options.get("overlap") == "skip":
        return skip_overlaps(new, under_way=queue.under_way(conn, trigger.function, trigger.id))
    return new


def close_batches(
    conn: Connection, trigger: Trigger, make_run: MakeRun, now: float, *, more: bool = False
) -> float | None:
    """Make batches of what waits, as its trigger says now; when the rest goes at the latest. `more`: others come at once."""
    count, since = batches.length(conn, trigger.id)
    if not count:
        return None
    bounds = registry.gathers(trigger)
    if bounds is not None and waits_on(count, since, bounds, now):
        return since + bounds.window_s
    waiting = batches.gathering(conn, trigger.id)
    if bounds is None:  # batches are not wanted any more
        batches.release(conn, waiting, make_run=make_run)
        return None
    closing = close([event_item(event, bounds) for event in waiting], bounds, now, more=more)
    for first, end in closing.groups:
        members = waiting[first:end]
        batches.bind(conn, compose(members), members, make_run=make_run, now=now)
    return closing.due if closing.due is None or not more else max(closing.due, now + _NEXT_PAGE_S)


def release_all(conn: Connection, catalog: Catalog, function: str) -> None:
    """All that waits for batches of a function gets runs of its own."""
    for trigger in map(partial(triggers.get, conn), batches.gathering_triggers(conn)):
        if trigger.function == function:
            make_run = run_maker(conn, catalog, function, trigger.alias)
            batches.release(conn, batches.gathering(conn, trigger.id), make_run=make_run)


def run_maker(conn: Connection, catalog: Catalog, function: str, qualifier: str, *, run_id: str = "") -> MakeRun:
    """What makes the first run of an event; `qualifier` (an alias or a version) is resolved for each event. `run_id`
    when there is only one.

    Raises:
        NotFound: no such function.
    """
    known = catalog.function(conn, function)
    resolve(known, qualifier, key="")

    def make(event: Event) -> Run:
        alias, version = resolve(known, qualifier, key=event.id)
        run = first_run(conn, catalog, event, alias=alias, version=version, run_id=run_id)
        if goes_round(event.hops):
            return _stopped(conn, catalog, run, event)
        wanted = catalog.of_run(conn, run).filter
        return run if taken(wanted, event) else run.skipped(Reason.FILTERED, event.admitted)

    return make


def _stopped(conn: Connection, catalog: Catalog, run: Run, event: Event) -> Run:
    """The run of an event that goes round: dead before it begins, and nothing inside this store hears of it, for that would
    carry the loop on."""
    error = loop_error(event.hops, chain_of(conn, event)).to_dict()
    dead = run.replace(state=State.DEAD, reason=Reason.LOOP, error=error, ended=event.admitted)
    on_failure = catalog.of_run(conn, run).rules.on_failure
    outside = [text for text in on_failure if parse_target(text).kind in (Kind.FILE, Kind.WEBHOOK)]
    if outside:
        deliveries.enter(conn, catalog, dead, outside, deliveries.record_of(dead, event), event.admitted)
    return dead


def filter_now(conn: Connection, catalog: Catalog, trigger: Trigger) -> Filter | None:
    """Which items go into the batches of a trigger: the filter of the version that its alias mostly points at, for a batch
    is not there yet when its items are chosen. None = all. Raises NotFound."""
    number = live_version(catalog.function(conn, trigger.function), trigger.alias)
    return catalog.entry(conn, trigger.function, number).filter if number else None


def first_run(conn: Connection, catalog: Catalog, event: Event, *, alias: str, version: int, run_id: str = "") -> Run:
    """A queued run of an event."""
    entry = catalog.entry(conn, event.function, version)
    return entry.blank.replace(
        id=run_id or new_id(),
        alias=alias,
        trigger=event.trigger,
        event_id=event.id,
        created=event.admitted,
        batch_size=event.size,
        hops=event.hops,
        **entry.lines.keys_of(event),
    )
