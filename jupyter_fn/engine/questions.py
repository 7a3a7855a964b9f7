"""What people ask: functions, runs, logs, cost, explain, audit, status. Reads only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.cost import PriceBook
from ..model.function import Function
from ..model.run import SHOWN_STATES, Run
from ..model.trigger import Trigger
from ..model.units import parse_time
from ..policy.audit import PENDING, audit
from ..policy.editing import event_of
from ..policy.pricing import summarise
from ..store import (
    attempts,
    costs,
    deliveries,
    effects,
    events,
    functions,
    lanes,
    ledger,
    runs,
    triggers,
)
from ..store.database import Database
from .breaker import Breakers
from .catalog import Catalog, live_version
from .facts import (
    attempt_json,
    attempt_log,
    delivery_json,
    effect_json,
    function_detail,
    function_json,
    report_of,
    run_json,
    version_json,
)
from .livelog import LiveLogs
from .poller import Poller

T = TypeVar("T")
_LAST = 100
_OPEN = ("queued", "waiting", "running")


class Questions:
    """Each method is one question of the API; answers are JSON."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        poller: Poller,
        live_logs: LiveLogs,
        breakers: Breakers,
        *,
        books: Mapping[str, PriceBook],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._poller = poller
        self._live_logs = live_logs
        self._breakers = breakers
        self._books = books
        self._clock = clock

    # --- functions

    async def functions(self) -> list[dict[str, Any]]:
        """Every function, by name."""
        return await self._read(self._functions)

    def _functions(self, conn: Connection) -> list[dict[str, Any]]:
        counts, cost = runs.all_counts(conn), self._costs(conn)
        return [self._function(conn, one, counts.get(one.name, {}), cost) for one in functions.list_all(conn)]

    async def function(self, name: str, *, detail: bool = False) -> dict[str, Any]:
        """One function; with its aliases and its live version when `detail`. Raises NotFound."""
        return await self._read(partial(self._one_function, name, detail))

    def _one_function(self, name: str, detail: bool, conn: Connection) -> dict[str, Any]:
        one = functions.get(conn, name)
        facts = self._function(conn, one, runs.counts_by_state(conn, name), self._costs(conn, name))
        if not detail:
            return facts
        number = live_version(one)
        version = self._catalog.entry(conn, name, number).version if number else None
        return {**facts, **function_detail(one, version, lanes.parked_of(conn, name))}

    def _function(
        self, conn: Connection, one: Function, counts: Mapping[str, int], cost: Mapping[str, str]
    ) -> dict[str, Any]:
        gathering = ledger.gathering_counts(conn, one.name)
        pending = ledger.trigger_counts(conn, one.name) if gathering or _open(counts) else {}
        lags = {trigger: sum(states[state] for state in PENDING & states.keys()) for trigger, states in pending.items()}
        return function_json(
            one,
            triggers.of_function(conn, one.name),
            counts=_ordered(counts),
            lags=lags,
            cost_usd=cost.get(one.name, "0"),
            undelivered=deliveries.dead_count(conn, one.name),
            rests=self._breakers.says(one.name),
        )

    def _costs(self, conn: Connection, name: str | None = None) -> dict[str, str]:
        rows = costs.sums(conn, "function", function=name)
        summary = summarise(rows, books=self._books, active=self._catalog.book)
        return {line["key"]: line["cost_usd"] for line in summary["by"]}

    async def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of a function, newest first. Raises NotFound."""
        found = await self._read(lambda conn: functions.versions_of(conn, name))
        return [version_json(version) for version in found]

    # --- runs

    async def runs(self, function: str, state: str, last: int | None, *, replay: str = "") -> list[dict[str, Any]]:
        """Runs, newest first; of one replay when it is named. Raises NotFound, BadValue."""

        def read(conn: Connection) -> list[Run]:
            if function:
                functions.get(conn, function)
            most = (1 << 31) if last is None else last
            return runs.list_runs(conn, function or None, state or None, last=most, replay=replay)

        return [run_json(run) for run in await self._read(read)]

    async def run(self, run_id: str) -> dict[str, Any]:
        """One run with its attempts, its event, the effects that it has begun, and what it has on its way to destinations. Raises NotFound."""

        def read(conn: Connection) -> dict[str, Any]:
            run = runs.get(conn, run_id)
            event = events.get(conn, run.event_id)
            made = [attempt_json(one, memory_mb=run.memory_mb) for one in attempts.attempts_of(conn, run_id)]
            shown = event_of(run, event) if event else None
            passed = [effect_json(one) for one in effects.of_run(conn, run_id)]
            sent = [delivery_json(one) for one in deliveries.of_run(conn, run_id)]
            return {**run_json(run), "attempts_list": made, "event": shown, "deliveries": sent, "effects": passed}

        return await self._read(read)

    async def run_and_log(self, run_id: str) -> tuple[Run, str]:
        """One run, and what it has printed so far. Raises NotFound."""
        return await self._read(lambda conn: (runs.get(conn, run_id), self._log(conn, run_id)))

    async def logs(self, run_id: str) -> dict[str, Any]:
        """`{text, ended}`."""
        run, text = await self.run_and_log(run_id)
        return {"text": text, "ended": run.state.terminal}

    def _log(self, conn: Connection, run_id: str) -> str:
        """Attempt after attempt, each with its REPORT line, then what is being printed."""
        run = runs.get(conn, run_id)
        parts = []
        for attempt in attempts.attempts_of(conn, run_id):
            text = attempts.log_of(conn, run_id, attempt.number)
            parts.append(attempt_log(text, report_of(attempt, memory_mb=run.memory_mb)))
        return "".join([*parts, self._live_logs.of(run_id)])

    # --- cost

    async def cost(self, function: str, by: str, since: str) -> dict[str, Any]:
        """CONTRACT's cost JSON. Raises BadValue."""
        moment = parse_time(since) if since else None

        def read(conn: Connection) -> dict[str, Any]:
            if function:
                functions.get(conn, function)
            rows = costs.sums(conn, by or "function", function=function or None, since=moment)
            time = costs.cluster(conn, moment, self._clock())
            return summarise(rows, books=self._books, active=self._catalog.book, cluster=time)

        return await self._read(read)

    # --- whether

    async def audit(self, name: str) -> dict[str, Any]:
        """A listing of the sources against the ledger. Raises NotFound."""
        watched = await self._read(lambda conn: (functions.get(conn, name), triggers.of_function(conn, name))[1])
        listed = {trigger.id: await self._survey(trigger) for trigger in watched}
        return await self._read(partial(_audited, name, listed))

    async def _survey(self, trigger: Trigger) -> list[str]:
        """The keys of what is there; nothing for sources that cannot say, or that have ended."""
        if trigger.state == "ended":
            return []
        keys = await self._poller.in_thread(self._poller.build(trigger).survey, self._clock())
        return list(keys or ())

    async def counts(self) -> dict[str, int]:
        """For `status`: functions, and runs queued and running."""

        def read(conn: Connection) -> dict[str, int]:
            total: Counter[str] = Counter()
            for states in runs.all_counts(conn).values():
                total.update(states)
            queued = total["queued"] + total["waiting"]
            return {"functions": len(functions.list_all(conn)), "queued": queued, "running": total["running"]}

        return await self._read(read)

    async def _read(self, question: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._database.read, question)


def _audited(name: str, listed: Mapping[str, list[str]], conn: Connection) -> dict[str, Any]:
    states: Counter[str] = Counter()
    for of_trigger in ledger.trigger_counts(conn, name).values():
        states.update(of_trigger)
    admitted = sum(ledger.admitted_counts(conn, name).values())
    new = sum(len(set(keys) - events.keys_of(conn, trigger, keys)) for trigger, keys in listed.items())
    return audit(admitted, states, listed=new)


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {state: counts[state] for state in SHOWN_STATES if counts.get(state)}


def _open(counts: Mapping[str, int]) -> bool:
    return any(counts.get(state) for state in _OPEN)
