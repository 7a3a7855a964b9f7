"""Where files and events come from: which run wrote a file, through which functions an event has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from ..model.event import Event, NewEvent
from ..model.run import Run
from ..model.trigger import Trigger
from ..policy.loops import Writer, file_of, goes_round, place_of, trace
from ..runtime.watched import fits
from ..store import events, outputs, runs
from .catalog import Catalog, live_version


def note_outputs(conn: Connection, catalog: Catalog, run: Run, paths: Iterable[str], now: float) -> None:
    """Remember that `run` wrote these, as far as some trigger takes them."""
    globs = catalog.globs(conn)
    taken = {path for path in map(place_of, paths) if any(fits(path, glob) for glob in globs)} if globs else ()
    outputs.note(conn, taken, Writer(run_id=run.id, function=run.function, hops=run.hops, at=now))


def traced(conn: Connection, catalog: Catalog, trigger: Trigger, new: Sequence[NewEvent]) -> Sequence[NewEvent]:
    """The events that a trigger brings, with the runs that caused them; some of them are to be skipped."""
    paths = {path for path in map(file_of, new) if path}
    writers = outputs.writers(conn, paths) if paths else {}
    if not writers and not any(goes_round(event.hops) for event in new):
        return new
    number = live_version(catalog.function(conn, trigger.function), trigger.alias)
    allowed = bool(number) and catalog.entry(conn, trigger.function, number).version.options.allow_loop
    return trace(new, writers, function=trigger.function, allow_loop=allowed)


def chain_of(conn: Connection, event: Event) -> list[str]:
    """The functions that an event has come through, the oldest first, and last the one it is for."""
    chain, cause = [event.function], event.cause
    while cause and len(chain) <= event.hops:
        run = runs.get_all(conn, [cause]).get(cause)
        before = events.get(conn, run.event_id) if run else None
        if run is None or before is None:
            break
        chain.append(run.function)
        cause = before.cause
    return chain[::-1]
