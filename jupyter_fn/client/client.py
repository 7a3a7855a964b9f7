"""The verbs of jupyter-fn, each once, over the service's HTTP API.

Answers are the API's JSON: dicts whose keys are attributes, and lists that show themselves. `docs/architecture.md` has
the table of routes; every error is the exception that the service raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..model.codec import dumps, to_json
from ..model.errors import BadValue, NotFound, ResultNotSerializable, ServiceError
from ..model.ids import new_id
from ..model.run import TERMINAL
from . import tables
from .address import stop_service
from .connection import Connection
from .facts import Audit, Backfill, Cost, Explanation, FunctionFacts, Redrive, Replay, RunFacts, Status
from .moments import Moment, moment
from .readable import is_part_of_id
from .tables import Row, Table

if TYPE_CHECKING:
    import httpx

    from ..model.version import Draft
    from .sse import Pushed

LONG_POLL_S = 30.0
_LONG_S = 600.0  # for what is done page by page
_LIVE_POLL_S = 1.0  # between two looks at the log of a run that somebody watches
_ID_LENGTH = 36
_SEARCHED = 1000  # newest runs in which a part of an id is looked up


class Client:
    """A client of the service of `home`; `start` lets it launch the service when none is running.

    Cheap to make: nothing is opened before the first call.
    """

    def __init__(
        self, home: Path | str | None = None, *, start: bool = True, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._connection = Connection(home, start=start, transport=transport)

    def __repr__(self) -> str:
        return f"Client({str(self.home)!r})"

    @property
    def home(self) -> Path:
        """The folder whose service this client talks to."""
        return self._connection.home

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    # functions

    def publish(self, draft: Draft, *, dry_run: bool = False) -> Row:
        """Make `draft` a version of its function, or find that it is one: `{created, dry_run, version, triggers}`."""
        path = f"functions/{_part(draft.function)}/versions"
        query = {"dry_run": "true"} if dry_run else None
        # Publishing is idempotent, so a broken call may be made again.
        answer = Row(self._connection.request("POST", path, body=draft.to_dict(), query=query, repeatable=True))
        return Row({**answer, "version": Row(answer["version"])})

    def publish_file(self, path: Path | str, names: Sequence[str] = (), *, dry_run: bool = False) -> Table:
        """Publish what a module or a notebook declares; see `files.publish_file`."""
        from .files import publish_file

        return publish_file(self.publish, path, names, dry_run=dry_run)

    def schedule(self, notebook: Path | str, **how: Any) -> Row:
        """Publish a whole notebook as a handler; see `files.schedule_notebook` for the keywords."""
        from .files import schedule_notebook

        return schedule_notebook(self.publish, notebook, **how)

    def functions(self) -> Table:
        """Every function."""
        answer = self._connection.request("GET", "functions")
        return Table(answer, tables.FUNCTIONS, empty="No functions yet.")

    def function(self, name: str) -> FunctionFacts:
        """One function with its aliases, triggers and live version."""
        return FunctionFacts(self._connection.request("GET", f"functions/{_part(name)}"))

    def versions(self, name: str) -> Table:
        """The versions of a function, newest first."""
        return Table(self._connection.request("GET", f"functions/{_part(name)}/versions"), tables.VERSIONS)

    def remove(self, name: str) -> Row:
        """Remove a function: `{"removed": name}`."""
        return Row(self._connection.request("DELETE", f"functions/{_part(name)}"))

    def pause(self, name: str) -> FunctionFacts:
        """Stop the triggers of a function; what is queued stays."""
        return FunctionFacts(self._connection.request("POST", f"functions/{_part(name)}/pause", repeatable=True))

    def resume(self, name: str, *, key: str | None = None) -> FunctionFacts:
        """Undo `pause`, and let the `--order-by` lanes that rest go on; with `key` only the lane of that value."""
        path = f"functions/{_part(name)}/resume"
        return FunctionFacts(self._connection.request("POST", path, query={"key": key}, repeatable=key is None))

    def rollback(self, name: str) -> FunctionFacts:
        """Point `live` at the version before the one it points at."""
        return FunctionFacts(self._connection.request("POST", f"functions/{_part(name)}/rollback"))

    def alias(self, name: str, alias: str, weights: Mapping[int, int] | int) -> FunctionFacts:
        """Point `alias` at one version, or at several by weight: `{3: 90, 4: 10}`."""
        shares = {weights: 1} if isinstance(weights, int) else weights
        body = {"weights": {str(version): weight for version, weight in shares.items()}}
        path = f"functions/{_part(name)}/aliases/{_part(alias)}"
        return FunctionFacts(self._connection.request("PUT", path, body=body, repeatable=True))

    # runs

    def invoke(
        self,
        name: str,
        event: Any = None,
        *,
        qualifier: str | int = "",
        run_key: str = "",
        on_log: Callable[[str], None] | None = None,
    ) -> Row:
        """Run a function by hand and wait: the finished run's JSON, with its `log`.

        Args:
            name: the function.
            event: any value that JSON can say; its own keys when it is a dict, else under `data`.
            qualifier: a version's number or an alias; `live` when empty.
            run_key: the same key and event give the same run, whoever asks.
            on_log: called with each new piece of the log while the run goes on.
        """
        wait_s = _LIVE_POLL_S if on_log else LONG_POLL_S
        run = self._invoke(name, event, qualifier, run_key, wait_s)
        return self._watched(run, on_log)

    def submit(self, name: str, event: Any = None, *, qualifier: str | int = "", run_key: str = "") -> Row:
        """Run a function by hand without waiting: the run's JSON as it stands."""
        return self._invoke(name, event, qualifier, run_key, 0.0)

    def map(self, name: str, events: Iterable[Any], *, qualifier: str | int = "") -> list[str]:
        """One run per event, without waiting: their ids, in the order of the events."""
        body = {"events": [_event(event) for event in events], "qualifier": str(qualifier)}
        answer: list[str] = self._connection.request("POST", f"functions/{_part(name)}/map", body=body)
        return answer

    def runs(self, function: str = "", *, state: str = "", last: int | None = None, replay: str = "") -> Table:
        """Runs, newest first; of one function, in one state, the `last` ones, or those of a replay."""
        query = {"function": function, "state": state, "last": last, "replay": replay}
        return Table(self._connection.request("GET", "runs", query=query), tables.RUNS, empty="No runs.")

    def run(self, run_id: str, *, wait_s: float = 0.0) -> RunFacts:
        """One run with its attempts and its event; waits up to `wait_s` for it to end."""
        query = {"wait_s": wait_s or None}
        return RunFacts(self._connection.request("GET", f"runs/{_part(run_id)}", query=query, wait_s=wait_s))

    def wait(self, run_id: str, *, timeout_s: float | None = None, on_log: Callable[[str], None] | None = None) -> Row:
        """The run's JSON once it has ended, or as it stands after `timeout_s`."""
        return self._watched(self.run(run_id), on_log, timeout_s=timeout_s)

    def find_run(self, part: str) -> str:
        """The id of the one recent run whose id ends or begins so; a whole id is itself.

        Raises:
            NotFound: no run, or several, end or begin so.
        """
        if len(part) >= _ID_LENGTH:
            return part
        found = [run["id"] for run in self.runs(last=_SEARCHED) if is_part_of_id(part, run["id"])]
        if len(found) == 1:
            return str(found[0])
        how_many = f"{len(found)} runs end or begin" if found else "No recent run ends or begins"
        raise NotFound(f"{how_many} with {part!r}.", "Write more of the id; `jupyter fn runs` lists them.")

    def logs(self, run_id: str) -> Row:
        """What a run has printed so far: `{"text", "ended"}`."""
        return Row(self._connection.request("GET", f"runs/{_part(run_id)}/logs"))

    def recent_logs(self, name: str, *, last: int = 10) -> str:
        """What the last runs of a function have printed, oldest first."""
        return "".join(self.logs(run["id"])["text"] for run in reversed(self.runs(name, last=last)))

    def follow(self, function: str = "") -> Iterator[Pushed]:
        """What happens, as it happens: events `run`, `function`, `worker`, `log`, `progress` with their JSON."""
        return self._connection.stream("events", query={"function": function})

    def cancel(self, run_id: str) -> Row:
        """Stop a run; one that goes on is killed, and gone when this returns."""
        return Row(self._connection.request("POST", f"runs/{_part(run_id)}/cancel", repeatable=True))

    def cancel_each(self, run_ids: Iterable[str]) -> Table:
        """Stop several runs, or none of them when one does not exist."""
        body = {"ids": list(run_ids)}
        return Table(self._connection.request("POST", "runs/cancel", body=body, repeatable=True), tables.RUNS)

    def cancel_all(self, name: str) -> Table:
        """Stop every run of a function that has not ended."""
        answer = self._connection.request("POST", f"functions/{_part(name)}/cancel", repeatable=True)
        return Table(answer, tables.RUNS, empty="Nothing was under way.")

    def failures(self, name: str) -> Table:
        """The runs of a function that wait for somebody, with their events, newest first."""
        answer = self._connection.request("GET", f"functions/{_part(name)}/failures")
        return Table(answer, tables.FAILURES, empty="No failures.")

    def redrive(
        self,
        name: str,
        ids: Sequence[str] | None = None,
        *,
        code: str = "latest",
        events: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> Redrive:
        """Run failures again, all of them or those named; the originals stay as they are.

        Args:
            name: the function.
            ids: the runs; all when None.
            code: `latest`, the version that is live now, or `same`, the one that failed.
            events: run id → the event that the new run handles in place of its own.
            dry_run: only count runs and bytes, and estimate the cost.
        """
        named = None if ids is None else list(ids)
        body = {"ids": named, "code": code, "events": _event(dict(events or {})), "dry_run": dry_run}
        path = f"functions/{_part(name)}/redrive"
        return Redrive(self._connection.request("POST", path, body=body, wait_s=_LONG_S))

    def replay(
        self,
        name: str,
        *,
        since: Moment = None,
        until: Moment = None,
        code: str = "latest",
        replay: str = "",
        dry_run: bool = False,
        **which: Any,
    ) -> Replay:
        """Run past events of a function again, apart from its live runs.

        Args:
            name: the function.
            since: when the events were admitted at the earliest: a time, or a duration ago (`"2h"`).
            until: and before when.
            code: `latest`, the version that is live now, or `same`, the one that ran last.
            replay: an id; the same id goes on with what was broken off, and runs no event twice.
            dry_run: only count runs and bytes, and estimate the cost.
            **which: `key=`, `path=` (a glob), `trigger=` (its id or text), `failed=True`, `last=` (the newest so many).
        """
        now = time.time()
        span = {"since": moment(since, now) or "", "until": moment(until, now) or ""}
        # With an id of its own a call may be repeated after a broken connection without a second run of any event.
        body = {**span, **which, "code": code, "replay": replay or new_id(), "dry_run": dry_run}
        path = f"functions/{_part(name)}/replay"
        return Replay(self._connection.request("POST", path, body=body, wait_s=_LONG_S, repeatable=True))

    def backfill(
        self,
        name: str,
        on: str,
        *,
        since: Moment = None,
        until: Moment = None,
        code: str | int = "latest",
        dry_run: bool = False,
    ) -> Backfill:
        """List a trigger once from nothing, and run what the function has not run of it.

        Args:
            name: the function.
            on: the text of a trigger, one of the function's own or any other.
            since: when a file was modified, a record came, a run ended or a schedule fired at the earliest: a time, or a
                duration ago (`"30d"`).
            until: and before when. A schedule needs both.
            code: `latest`, or a version's number or an alias.
            dry_run: only count runs and bytes, and estimate the cost.
        """
        now = time.time()
        span = {"since": moment(since, now) or "", "until": moment(until, now) or ""}
        body = {"on": str(on), **span, "code": str(code), "dry_run": dry_run}
        path = f"functions/{_part(name)}/backfill"
        # The ledger knows what has run, so a broken call may be made again.
        return Backfill(self._connection.request("POST", path, body=body, wait_s=_LONG_S, repeatable=True))

    # questions

    def cost(self, function: str = "", *, by: str = "", since: Moment = None) -> Cost:
        """What runs cost, by `function`, `trigger`, `day`, `tag` or `version`; since a time, or a duration ago."""
        query = {"function": function, "by": by, "since": moment(since, time.time())}
        return Cost(self._connection.request("GET", "cost", query=query))

    def explain(self, name: str, subject: Any) -> Explanation:
        """Why a path, an event or a run did or did not run."""
        text = str(subject) if isinstance(subject, str | Path) else dumps(_event(subject))
        path = f"functions/{_part(name)}/explain"
        return Explanation(self._connection.request("GET", path, query={"subject": text}))

    def audit(self, name: str) -> Audit:
        """The listing of the sources against the ledger."""
        return Audit(self._connection.request("GET", f"functions/{_part(name)}/audit"))

    def emit(self, topic: str, records: Iterable[Any]) -> Row:
        """Append records to a topic, each a value or `{"key", "value"}`: `{"accepted", "last"}`."""
        body = {"records": [_record(record) for record in records]}
        return Row(self._connection.request("POST", f"topics/{_part(topic)}", body=body))

    # the service

    def status(self) -> Status:
        """The service: where it answers, its cluster and workers, what is queued and running."""
        return Status(self._connection.request("GET", "status"))

    def stop(self) -> bool:
        """Stop the service and wait until it has ended; False when none was running."""

        def ask() -> None:
            with suppress(ServiceError):  # it may close the connection before the answer is out
                self._connection.request("POST", "stop")

        stopped = stop_service(self.home, ask=ask)
        self.close()
        return stopped

    def _invoke(self, name: str, event: Any, qualifier: str | int, run_key: str, wait_s: float) -> Row:
        # With a key of its own a call may be repeated after a broken connection without a second run.
        body = {
            "event": _event(event),
            "qualifier": str(qualifier),
            "run_key": run_key or new_id(),
            "wait_s": wait_s,
        }
        path = f"functions/{_part(name)}/invoke"
        return Row(self._connection.request("POST", path, body=body, wait_s=wait_s, repeatable=True))

    def _watched(self, run: Row, on_log: Callable[[str], None] | None, *, timeout_s: float | None = None) -> Row:
        end = None if timeout_s is None else time.monotonic() + timeout_s
        log = _Log(on_log)
        while run["state"] not in TERMINAL:
            left = LONG_POLL_S if end is None else end - time.monotonic()
            if left <= 0:
                return run
            if on_log:
                log.show(self.logs(run["id"])["text"])
            run = self.run(run["id"], wait_s=min(left, _LIVE_POLL_S if on_log else LONG_POLL_S))
        text = run["log"] if "log" in run else self.logs(run["id"])["text"]
        log.show(text)
        return Row({**run, "log": text})


class _Log:
    """Passes on what a growing text has not shown yet."""

    def __init__(self, passed_to: Callable[[str], None] | None) -> None:
        self._passed_to = passed_to
        self._shown = ""

    def show(self, text: str) -> None:
        # A long log loses its middle in the end; then only what both begin with has been shown.
        new = text[len(self._shown) :] if text.startswith(self._shown) else text[_common(self._shown, text) :]
        self._shown = text
        if new and self._passed_to:
            self._passed_to(new)


def _common(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _part(name: str) -> str:
    """One part of a path. What cannot be one is nobody's name."""
    if str(name) in ("", ".", "..") or "/" in str(name):
        raise NotFound(f"Nothing is called {str(name)!r}.", "Names are letters, digits, _ and -; see: jupyter fn ls")
    return quote(str(name), safe="")


def _event(event: Any) -> Any:
    try:
        return to_json(event)
    except ResultNotSerializable as error:
        raise BadValue(f"The event: {error.cause}", "Send numbers, texts, lists and dicts.") from None


def _record(record: Any) -> dict[str, Any]:
    value = _event(record)
    keyed = isinstance(value, dict) and "value" in value and set(value) <= {"key", "value"}
    return {"key": "", **value} if keyed else {"key": "", "value": value}
