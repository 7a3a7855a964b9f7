"""Events by hand: one, many, records for a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..model.event import Event
from ..model.function import check_name
from ..model.ids import new_id
from ..model.run import TERMINAL, Record, Run
from ..store import events, records
from ..store.database import Database
from .admission import run_maker
from .catalog import Catalog
from .dispatcher import Dispatcher
from .facts import run_json
from .feed import Awaited, Feed, wait_for
from .logs import StoreLogs
from .questions import Questions

_PAGE = 1000  # events of one transaction


class Invocations:
    """Each method is one verb of the API."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        dispatcher: Dispatcher,
        logs: StoreLogs,
        feed: Feed,
        questions: Questions,
        *,
        changed: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`changed` pushes news of a function."""
        self._database = database
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._logs = logs
        self._feed = feed
        self._questions = questions
        self._changed = changed
        self._clock = clock

    async def invoke(
        self, name: str, event: Any, *, qualifier: str = "", run_key: str = "", wait_s: float = 0.0
    ) -> dict[str, Any]:
        """One run; its JSON with its log, once it has ended or `wait_s` are over.

        Raises:
            NotFound: no such function, version or alias.
            Conflict: the key was used with another event.
        """
        data, run_id = _data(event), new_id()
        with self._feed.awaiting(run_id) as awaited:
            made: Run = await self._dispatcher.enqueue(partial(self._invoke, name, data, qualifier, run_key, run_id))
            self._changed(name)
            if made.id != run_id or made.state.terminal:  # the key's run was there, or the filter refuses the event
                return await self.wait(made.id, wait_s)
            if wait_s > 0 and not self._feed.closed:
                await wait_for(awaited.event, wait_s)
            return await self._ended(awaited, run_id)

    def _invoke(
        self, name: str, data: Mapping[str, Any], qualifier: str, run_key: str, run_id: str, conn: Connection
    ) -> Run:
        make_run = run_maker(conn, self._catalog, name, qualifier, run_id=run_id)
        return events.invoke(conn, name, data, make_run=make_run, now=self._clock(), run_key=run_key)[1]

    async def map(self, name: str, all_events: Sequence[Any], *, qualifier: str = "") -> list[str]:
        """One run per event; their ids, in order. Committed page by page, so that the first ones run meanwhile."""
        data = [_data(event) for event in all_events]
        made: list[tuple[Event, Run]] = []
        for start in range(0, max(len(data), 1), _PAGE):
            page = data[start : start + _PAGE]
            made += await self._dispatcher.enqueue(partial(self._map, name, page, qualifier))
        self._changed(name)
        return [run.id for _, run in made]

    def _map(
        self, name: str, data: Sequence[Mapping[str, Any]], qualifier: str, conn: Connection
    ) -> list[tuple[Event, Run]]:
        make_run = run_maker(conn, self._catalog, name, qualifier)
        return events.invoke_all(conn, name, data, make_run=make_run, now=self._clock())

    async def wait(self, run_id: str, wait_s: float) -> dict[str, Any]:
        """The run's JSON with its log, once it has ended or `wait_s` are over."""
        with self._feed.awaiting(run_id) as awaited:
            run, log = await self._questions.run_and_log(run_id)
            if run.state in TERMINAL or wait_s <= 0 or self._feed.closed:
                return {**run_json(run), "log": log}
            await wait_for(awaited.event, wait_s)
            return await self._ended(awaited, run_id)

    async def _ended(self, awaited: Awaited, run_id: str) -> dict[str, Any]:
        run, log = awaited.run, awaited.log
        if run is None or log is None:
            run, log = await self._questions.run_and_log(run_id)
        return {**run_json(run), "log": log}

    async def emit(self, topic: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Append records to a topic: `{accepted, last}`."""
        check_name(topic, "topic")
        new = [
            Record.filled({"topic": topic, "value": item.get("value"), "key": str(item.get("key") or "")})
            for item in items
        ]
        last = await asyncio.wrap_future(
            self._database.submit(lambda conn: records.append(conn, new, now=self._clock()))
        )
        self._logs.grown(topics=[topic])
        return {"accepted": len(new), "last": last}


def _data(event: Any) -> Mapping[str, Any]:
    if event is None:
        return {}
    return event if isinstance(event, dict) else {"data": event}
