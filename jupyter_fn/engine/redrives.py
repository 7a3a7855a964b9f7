"""Running again what waits for a person: the failures of a function, as they were or with their events edited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..model.errors import BadValue, Conflict, NotFound
from ..model.event import Event
from ..model.run import Run
from ..model.units import money
from ..policy.again import BACKFILL_PRIORITY, bytes_of
from ..policy.editing import edit, own_keys
from ..store import events, failures, functions, lanes, runs
from ..store.database import Database
from .admission import first_run
from .catalog import Catalog, live_version
from .dispatcher import Dispatcher
from .facts import run_json

CODES = ("latest", "same")
PAGE = 1000  # runs of one transaction


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that waits for somebody, and its event."""

    run: Run
    event: Event

    @property
    def cost_usd(self) -> Decimal:
        """What one attempt of it has cost on average."""
        return Decimal(self.run.cost_usd) / max(1, self.run.attempts - self.run.lost)


class Redrives:
    """Each method is one verb of the API."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        dispatcher: Dispatcher,
        *,
        changed: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`changed` pushes news of a function."""
        self._database = database
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._changed = changed
        self._clock = clock

    async def failures(self, name: str) -> list[dict[str, Any]]:
        """Dead, failed and unknown runs that were not redriven, newest first: run JSON with the `event`'s own keys. Raises
        NotFound."""
        found = await asyncio.to_thread(self._database.read, partial(_failures, name, None))
        return [{**run_json(one.run), "event": own_keys(one.run, one.event)} for one in found]

    async def redrive(
        self,
        name: str,
        ids: Sequence[str] | None,
        *,
        code: str = "latest",
        edits: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Run failures again, those named or all: `{count, bytes, estimated_cost_usd, runs}`. The originals stay. Nothing
        happens when one of them cannot be; else they are made page by page, so the first ones run meanwhile.

        Parameters:
            code: `latest`, the version that is live now, or `same`, the one that failed.
            edits: run id → the event that the new run handles in place of its own; see `policy.editing.edit`.

        Raises:
            NotFound: no such function or run.
            Conflict: a run that is no failure, or was redriven already.
            BadValue: another word for `code`, or an edit that does not fit.
        """
        if code not in CODES:
            raise BadValue(f"code={code!r} is not known.", "Write same or latest.")
        meant = await asyncio.to_thread(self._database.read, partial(_meant, name, ids, edits or {}))
        made: list[Run] = []
        for page in [] if dry_run else _pages(meant):
            made += await self._dispatcher.enqueue(partial(self._redrive, name, page, code))
        if made:
            self._changed(name)
        return {
            "count": len(meant),
            "bytes": sum(bytes_of(own_keys(one.run.replace(data=data), one.event)) for one, data in meant),
            "estimated_cost_usd": money(round(sum((one.cost_usd for one, _ in meant), Decimal(0)), 12)),
            "runs": [run.id for run in made],
        }

    def _redrive(self, name: str, page: Sequence[Meant], code: str, conn: Connection) -> list[Run]:
        """All of a page or none of it, should somebody have been faster."""
        dead = _named(conn, name, [one.run.id for one, _ in page])
        made = [self._again(conn, one.run, one.event, data, code) for one, data in page]
        _release(conn, dead)
        return runs.insert_all(conn, made)

    def _again(self, conn: Connection, run: Run, event: Event, data: Mapping[str, Any] | None, code: str) -> Run:
        """A new run of what `run` has handled, at its place in its lane."""
        version = run.version if code == "same" else live_version(functions.get(conn, run.function))
        return first_run(conn, self._catalog, event, alias=run.alias, version=version).replace(
            created=self._clock(),
            parent=run.id,
            data=data,
            priority=BACKFILL_PRIORITY if run.priority >= BACKFILL_PRIORITY else 0,
            **{name: getattr(run, name) for name in _KEPT},
        )


_KEPT = ("parts", "batch_size", "concurrency_key", "lane", "rank", "replay")
Meant = tuple[Failure, Mapping[str, Any] | None]  # and `Run.data` of the new run


def _failures(name: str, ids: Sequence[str] | None, conn: Connection) -> list[Failure]:
    """Those named, or all."""
    functions.get(conn, name)
    chosen = failures.failures(conn, name) if ids is None else _named(conn, name, list(dict.fromkeys(ids)))
    found = events.get_all(conn, {run.event_id for run in chosen})
    return [Failure(run, found[run.event_id]) for run in chosen]


def _named(conn: Connection, name: str, ids: Sequence[str]) -> list[Run]:
    found, waiting = runs.get_all(conn, ids), failures.among(conn, ids)
    for run_id in ids:
        run = found.get(run_id)
        if run is None or run.function != name:
            where = f"It is one of {run.function}." if run else f"See what there is with: jupyter fn failures {name}"
            raise NotFound(f"{name} has no run {run_id!r}.", where)
        if run_id not in waiting:
            why = "was redriven already" if run.state in failures.STATES else f"is {run.state.shown}"
            raise Conflict(f"Run {run_id} {why}.", f"See what can be redriven with: jupyter fn failures {name}")
    return [found[run_id] for run_id in ids]


def _meant(name: str, ids: Sequence[str] | None, edits: Mapping[str, Any], conn: Connection) -> list[Meant]:
    chosen = _failures(name, ids, conn)
    stray = edits.keys() - {one.run.id for one in chosen}
    if stray:
        raise BadValue(
            f"There is an event for {min(stray)!r}, which is not among the runs to redrive.",
            f"Name it, or leave its event out; see: jupyter fn failures {name}",
        )
    return [
        (one, edit(one.run, one.event, edits[one.run.id]) if one.run.id in edits else one.run.data) for one in chosen
    ]


def _pages(meant: Sequence[Meant]) -> list[Sequence[Meant]]:
    return [meant[start : start + PAGE] for start in range(0, len(meant), PAGE)]


def _release(conn: Connection, redriven: Sequence[Run]) -> None:
    """The lanes that rest because of these runs go on, these first."""
    ids = {run.id for run in redriven if run.rank}
    if ids:
        rest = {one.lane for one in lanes.parked_of(conn, redriven[0].function) if one.run_id in ids}
        lanes.release(conn, redriven[0].function, rest)
