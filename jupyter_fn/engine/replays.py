"""Past events run again, as new runs that are told apart from the live ones by the id of their replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..model.errors import BadValue, NotFound
from ..model.event import BY_HAND
from ..model.ids import child_id, new_id
from ..model.run import Run
from ..policy.again import BACKFILL_PRIORITY, Selection, absolute, after_the_live, bytes_of, estimate_usd, span_of
from ..store import functions, past, triggers
from ..store.database import Database
from .admission import first_run
from .catalog import Catalog, live_version
from .dispatcher import Dispatcher
from .redrives import CODES


@dataclass(frozen=True, slots=True)
class Page:
    """What became of some of the events of a replay."""

    bytes: int
    runs: list[str]  # ids


class Replays:
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

    async def replay(
        self,
        name: str,
        *,
        since: str = "",
        until: str = "",
        code: str = "latest",
        replay: str = "",
        dry_run: bool = False,
        **which: Any,
    ) -> dict[str, Any]:
        """Run past events again: `{replay, count, bytes, estimated_cost_usd, runs}`.

        Page by page, each in a transaction, so the first ones run meanwhile. With the id of a replay that was broken off
        it goes on: an event has one run in a replay.

        Parameters:
            since, until: when the events were admitted, ISO 8601.
            code: `latest`, the version that is live now, or `same`, that of the event's newest run.
            replay: its id; a fresh one when empty.
            which: the other fields of `policy.again.Selection`. A relative path is relative to the folder that the
                function was published from; a trigger may be named by its text.

        Raises:
            NotFound: no such function or trigger.
            BadValue: another word for `code`, or times that make no span.
        """
        if code not in CODES:
            raise BadValue(f"code={code!r} is not known.", "Write latest or same.")
        replay_id, selection = replay or new_id(), Selection(span=span_of(since, until), **which)
        seqs, recent = await self._read(partial(self._chosen, name, selection))
        pages = [seqs[start : start + past.PAGE] for start in range(0, len(seqs), past.PAGE)]
        done = [await (_looked_at(self._read, page) if dry_run else self._run(replay_id, page, code)) for page in pages]
        if not dry_run:
            self._changed(name)
        return {
            "replay": replay_id,
            "count": len(seqs),
            "bytes": sum(page.bytes for page in done),
            "estimated_cost_usd": estimate_usd(len(seqs), recent),
            "runs": [run_id for page in done for run_id in page.runs],
        }

    def _chosen(self, name: str, selection: Selection, conn: Connection) -> tuple[list[int], list[Run]]:
        """The events that are meant, and the runs to estimate by."""
        live = self._catalog.entry(conn, name, live_version(functions.get(conn, name))).version
        asked = replace(
            selection,
            path=absolute(selection.path, live.folder),
            trigger=_trigger(conn, name, selection.trigger),
        )
        return past.chosen(conn, name, asked), past.recent(conn, name)

    async def _run(self, replay_id: str, seqs: Sequence[int], code: str) -> Page:
        return await self._dispatcher.enqueue(partial(self._op, replay_id, seqs, code))

    def _op(self, replay_id: str, seqs: Sequence[int], code: str, conn: Connection) -> Page:
        found = past.events_of(conn, seqs)
        newest = past.newest_runs(conn, [event.id for event in found])
        made = []
        for event in found:
            before = newest[event.id]
            version = before.version if code == "same" else live_version(self._catalog.function(conn, event.function))
            run_id = child_id(replay_id, event.seq)
            run = first_run(conn, self._catalog, event, alias=before.alias, version=version, run_id=run_id)
            again = {"replay": replay_id, "parent": before.id, "created": self._clock()}
            made.append(run.replace(**again, priority=BACKFILL_PRIORITY, rank=after_the_live(run.rank)))
        past.replay(conn, made)
        return Page(sum(bytes_of(event.data) for event in found), [run.id for run in made])

    async def _read(self, question: Callable[[Connection], Any]) -> Any:
        return await asyncio.to_thread(self._database.read, question)


async def _looked_at(read: Callable[[Callable[[Connection], Any]], Any], seqs: Sequence[int]) -> Page:
    found = await read(lambda conn: past.events_of(conn, seqs))
    return Page(sum(bytes_of(event.data) for event in found), [])


def _trigger(conn: Connection, name: str, asked: str) -> str:
    """The id of a trigger that is named by its id or by its text."""
    if asked in ("", BY_HAND):
        return asked
    by_text = {trigger.uri: trigger.id for trigger in triggers.of_function(conn, name)}
    found = triggers.get(conn, by_text.get(asked, asked))
    if found.function != name:
        raise NotFound(f"{name} has no trigger {asked!r}.", f"It is one of {found.function}.")
    return found.id
