"""What people do with functions and runs: invoke, emit, pause, alias, roll back, remove, cancel, redrive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.errors import BadValue, Conflict, NotFound
from ..model.event import Event
from ..model.function import LIVE, check_name
from ..model.ids import new_id
from ..model.run import TERMINAL, Record, Run, State
from ..model.units import money
from ..policy.routing import check_weights
from ..policy.stimuli import CancelRequested
from ..store import events, functions, queue, records, runs, triggers
from ..store.database import Database
from .catalog import Catalog, live_version
from .dispatcher import Dispatcher
from .facts import run_json
from .feed import Awaited, Feed, wait_for
from .logs import StoreLogs
from .poller import first_run, run_maker
from .publisher import wanted_triggers
from .questions import Questions
from .transitions import Transitions, told

T = TypeVar("T")
FAILED = (State.DEAD, State.FAILED, State.UNKNOWN)


class Operations:
    """Each method is one verb of the API."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        dispatcher: Dispatcher,
        transitions: Transitions,
        logs: StoreLogs,
        feed: Feed,
        questions: Questions,
        *,
        followed: Callable[[], Awaitable[None]],
        changed: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`followed` brings the poller up to date; `changed` pushes news of a function."""
        self._database = database
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._transitions = transitions
        self._logs = logs
        self._feed = feed
        self._questions = questions
        self._followed = followed
        self._changed = changed
        self._clock = clock

    # --- events by hand

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
            if made.id != run_id:  # the key's run was there
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
        new = [Record(topic=topic, value=item.get("value"), key=str(item.get("key") or "")) for item in items]
        last = await self._write(lambda conn: records.append(conn, new, now=self._clock()))
        self._logs.grown(topics=[topic])
        return {"accepted": len(new), "last": last}

    # --- functions

    async def set_state(self, name: str, state: str) -> dict[str, Any]:
        """`paused` or `active`."""
        await self._write(lambda conn: functions.set_state(conn, name, state))
        return await self._moved(name)

    async def set_alias(self, name: str, alias: str, weights: Mapping[Any, Any]) -> dict[str, Any]:
        """Point an alias at versions by weight. Raises NotFound, BadValue."""
        check_name(alias, "alias")

        def op(conn: Connection) -> None:
            self._catalog.forget_functions()
            shares = check_weights(functions.get(conn, name), weights)
            positive = {number: weight for number, weight in shares.items() if weight}
            functions.set_alias(conn, name, alias, positive, self._clock())
            self._follow_live(conn, name)

        await self._write(op)
        return await self._moved(name)

    async def rollback(self, name: str) -> dict[str, Any]:
        """Point `live` where it pointed before, with that version's triggers. Raises Conflict."""

        def op(conn: Connection) -> None:
            self._catalog.forget_functions()
            functions.rollback(conn, name)
            self._follow_live(conn, name)

        await self._write(op)
        return await self._moved(name)

    def _follow_live(self, conn: Connection, name: str) -> None:
        """The triggers are those of the version that `live` points at."""
        version = self._catalog.entry(conn, name, live_version(functions.get(conn, name))).version
        wanted = wanted_triggers(name, version.options, version.folder, now=self._clock())
        triggers.replace(conn, name, LIVE, wanted)

    async def remove(self, name: str) -> dict[str, Any]:
        """Take a function away: its triggers end, its open runs are cancelled, its history stays."""

        def op(conn: Connection) -> list[str]:
            self._catalog.forget_functions()
            functions.remove(conn, name)
            triggers.remove_all(conn, name)
            return queue.open_ids(conn, name)

        await self._write(op)
        self._catalog.forget_functions()
        await self._transitions.tell(lambda conn: [(i, CancelRequested()) for i in queue.open_ids(conn, name)])
        await self._followed()
        self._feed.push("function", {"removed": name, "name": name}, function=name, key=name)
        return {"removed": name}

    async def _moved(self, name: str) -> dict[str, Any]:
        self._catalog.forget_functions()
        await self._followed()
        self._dispatcher.wake(look_ahead=True)
        self._changed(name)
        return await self._questions.function(name)

    # --- runs

    async def cancel(self, run_id: str) -> dict[str, Any]:
        """Stop a run; one that goes on is killed. Raises NotFound."""
        with self._feed.awaiting(run_id) as awaited:
            steps = await self._transitions.tell(told((run_id, CancelRequested())))
            if not steps:
                raise NotFound(f"There is no run {run_id!r}.", "jupyter fn runs lists them.")
            if steps[0].after.state not in TERMINAL:
                await wait_for(awaited.event, _CANCEL_LIMIT_S)
        run, _ = await self._questions.run_and_log(run_id)
        return run_json(run)

    async def redrive(self, name: str, ids: Sequence[str] | None, *, code: str, dry_run: bool) -> dict[str, Any]:
        """Run dead runs again, those named or all: `{count, bytes, estimated_cost_usd, runs}`.

        Raises:
            NotFound: no such function or run.
            Conflict: a run that is not dead, or was redriven already.
            BadValue: `code` is neither `same` nor `latest`.
        """
        if code not in ("same", "latest"):
            raise BadValue(f"code={code!r} is not known.", "Write same or latest.")
        chosen = partial(self._chosen, name, ids)
        if dry_run:
            dead, size = await asyncio.to_thread(self._database.read, chosen)
            made: list[Run] = []
        else:
            dead, size, made = await self._dispatcher.enqueue(lambda conn: self._redrive(conn, chosen(conn), code))
            self._changed(name)
        cost = sum((Decimal(run.cost_usd) / max(1, run.attempts - run.lost) for run in dead), Decimal(0))
        return {
            "count": len(dead),
            "bytes": size,
            "estimated_cost_usd": money(round(cost, 12)),
            "runs": [run.id for run in made],
        }

    def _chosen(self, name: str, ids: Sequence[str] | None, conn: Connection) -> tuple[list[Run], int]:
        """The dead runs that are meant, and the bytes of their events."""
        functions.get(conn, name)
        open_ = self._questions.failed(conn, name)
        dead = open_ if ids is None else [_dead(open_, conn, name, run_id) for run_id in dict.fromkeys(ids)]
        found = events.get_all(conn, {run.event_id for run in dead})
        return dead, sum(_bytes(event) for event in found.values())

    def _redrive(self, conn: Connection, chosen: tuple[list[Run], int], code: str) -> tuple[list[Run], int, list[Run]]:
        dead, size = chosen
        found = events.get_all(conn, {run.event_id for run in dead})
        made = [self._again(conn, run, found[run.event_id], code) for run in dead]
        return dead, size, runs.insert_all(conn, made)

    def _again(self, conn: Connection, dead: Run, event: Event, code: str) -> Run:
        version = dead.version if code == "same" else live_version(functions.get(conn, dead.function))
        run = first_run(conn, self._catalog, event, alias=dead.alias, version=version)
        return run.replace(created=self._clock(), parent=dead.id)

    async def _write(self, op: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._database.submit(op))


_CANCEL_LIMIT_S = 5.0
_PAGE = 1000  # events of one transaction


def _data(event: Any) -> Mapping[str, Any]:
    if event is None:
        return {}
    return event if isinstance(event, dict) else {"data": event}


def _bytes(event: Event) -> int:
    size = event.data.get("size", 0)
    return size if isinstance(size, int) else 0


def _dead(failed: Sequence[Run], conn: Connection, name: str, run_id: str) -> Run:
    found = next((run for run in failed if run.id == run_id), None)
    if found is not None:
        return found
    run = runs.get(conn, run_id)
    if run.function != name:
        raise NotFound(f"{name} has no run {run_id!r}.", f"It is one of {run.function}.")
    why = "was redriven already" if run.state in FAILED else f"is {run.state.shown}"
    raise Conflict(f"Run {run_id} {why}.", f"See what can be redriven with: jupyter fn failures {name}")
