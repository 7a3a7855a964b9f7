"""What people ask: functions, runs, logs, cost, explain, audit, status. Reads only."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.cost import PriceBook
from ..model.errors import FnError
from ..model.event import Event
from ..model.function import Function
from ..model.run import SHOWN_STATES, Run, State
from ..model.trigger import Trigger
from ..model.units import parse_time
from ..policy.audit import PENDING, audit
from ..policy.breaker import counts
from ..policy.editing import event_of
from ..policy.explain import explain_event, explain_run, whither
from ..policy.filters import seen
from ..policy.pricing import summarise
from ..store import (
    attempts,
    batches,
    costs,
    deliveries,
    effects,
    events,
    functions,
    lanes,
    ledger,
    queue,
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
    delivery_sentence,
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

    # --- why and whether

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
        entry = self._catalog.of_run(conn, run)
        options = entry.version.options
        event = events.get(conn, run.event_id) if entry.filter and run.state is State.SKIPPED else None
        paused = functions.get(conn, run.function).state == "paused"
        running = queue.held_counts(conn).get(run.function, 0)
        about = explain_run(
            run,
            now=self._clock(),
            retries=options.retries,
            paused=paused,
            limit=options.concurrency,
            running=running,
            why_not=entry.filter.why_not(seen(event)) if entry.filter and event else "",
            rests=self._breakers.says(run.function) if counts(run) else "",
        )
        return [*about, *map(delivery_sentence, deliveries.of_run(conn, run.id))]

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


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {state: counts[state] for state in SHOWN_STATES if counts.get(state)}


def _open(counts: Mapping[str, int]) -> bool:
    return any(counts.get(state) for state in _OPEN)
