"""Handles: a published `Function` as an object in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..model.errors import FnError
from . import html
from .echo import echo, report
from .facts import Audit, Backfill, Cost, Explanation, FunctionFacts, Redrive, Replay
from .failures import Failures, chosen
from .remote import run_error
from .runs import Log, Run, Runs
from .tables import Table

if TYPE_CHECKING:
    from ..model.version import Draft
    from .client import Client

__all__ = ["Function", "Log", "Run", "Runs"]


class Function:
    """A published function. Calling the handle runs it in this kernel, `.invoke` on the cluster."""

    def __init__(self, name: str, client: Client, *, draft: Draft | None = None) -> None:
        self.name = name
        self._client = client
        self._draft = draft

    # run it

    def invoke(self, event: Any = None, *, qualifier: str | int = "", run_key: str = "") -> Any:
        """Run on the cluster and wait; the handler's value. Its log is printed as it comes, then the REPORT line.

        Raises:
            RunError: the remote error with its own traceback; also an instance of the builtin of that name.
        """
        run = self._client.invoke(self.name, event, qualifier=qualifier, run_key=run_key, on_log=echo)
        echo(report(run))
        error = run_error(run)
        if error:
            raise error
        return run.get("result")

    def submit(self, event: Any = None, *, qualifier: str | int = "", run_key: str = "") -> Run:
        """Run on the cluster; the run at once."""
        return Run(self._client.submit(self.name, event, qualifier=qualifier, run_key=run_key), self._client)

    def map(self, events: Iterable[Any], *, qualifier: str | int = "") -> Runs:
        """One run per event on the cluster; the runs at once, `.results()` waits for their values."""
        ids = self._client.map(self.name, events, qualifier=qualifier)
        return Runs(Run({"id": run_id, "function": self.name, "state": "queued"}, self._client) for run_id in ids)

    def local(self, event: Any = None) -> Any:
        """Run in this process, with its own copy of the source and of the captured values; the handler's value.

        Raises:
            UndefinedName: it was published elsewhere with captured values, which are not here.
            Exception: whatever the handler raises.
        """
        from .local import draft_of, run_draft

        if self._draft is None:
            return run_draft(draft_of(self.info().live), event)
        return run_draft(self._draft, event)

    def __call__(self, event: Any = None) -> Any:
        """`local(event)`: calling a function calls it here."""
        return self.local(event)

    # what there is

    def versions(self) -> Table:
        """The versions, newest first."""
        return self._client.versions(self.name)

    def runs(self, *, state: str = "", last: int | None = None, replay: str = "") -> Runs:
        """The runs, newest first; those of a replay by its id."""
        return self._runs(self._client.runs(self.name, state=state, last=last, replay=replay))

    def logs(self, *, last: int = 10) -> Log:
        """What the last runs have printed, oldest first."""
        return Log(self._client.recent_logs(self.name, last=last))

    def cost(self, *, by: str = "", since: Any = None) -> Cost:
        """What the runs cost; by `trigger`, `day`, `tag` or `version`; since a time, or a duration ago (`"24h"`)."""
        return self._client.cost(self.name, by=by, since=since)

    def failures(self) -> Failures:
        """The runs that wait for somebody: a table whose events can be edited, and that can be redriven."""
        return Failures(self.name, self._client.failures(self.name), self._client)

    def info(self) -> FunctionFacts:
        """Aliases, triggers, live version with its source and captured values."""
        return self._client.function(self.name)

    def explain(self, subject: Any) -> Explanation:
        """Why a path, an event or a run did or did not run."""
        return self._client.explain(self.name, subject)

    def audit(self) -> Audit:
        """The listing of the sources against the ledger."""
        return self._client.audit(self.name)

    # operate it

    def cancel(self, *run_ids: str) -> Runs:
        """Stop runs by their ids, or without any every run that has not ended; those that go on are killed."""
        return self._runs(self._client.cancel_each(run_ids) if run_ids else self._client.cancel_all(self.name))

    def pause(self) -> Function:
        """Stop the triggers; what is queued stays. This handle."""
        self._client.pause(self.name)
        return self

    def resume(self, *, key: str | None = None) -> Function:
        """Undo `pause`, and let the `--order-by` lanes that rest go on; with `key` only the lane of that value. This handle."""
        self._client.resume(self.name, key=key)
        return self

    def rollback(self) -> Function:
        """Point `live` at the version before. This handle."""
        self._client.rollback(self.name)
        self._draft = None  # what this kernel published is live no more
        return self

    def alias(self, alias: str, weights: Mapping[int, int] | int) -> Function:
        """Point an alias at a version, or at several by weight: `{3: 90, 4: 10}`. This handle."""
        self._client.alias(self.name, alias, weights)
        return self

    def redrive(
        self, which: Any = None, *, code: str = "latest", events: Mapping[str, Any] | None = None, dry_run: bool = False
    ) -> Redrive:
        """Run failures again, all of them or those that are meant; the originals stay as they are.

        Args:
            which: ids, a table of `failures()`, or its DataFrame with the column `event` edited; all when None.
            code: `latest`, the version that is live now, or `same`, the one that failed.
            events: run id → the event that the new run handles in place of its own.
            dry_run: only count runs and bytes, and estimate the cost.
        """
        ids, edits = chosen(which)
        return self._client.redrive(self.name, ids, code=code, events={**edits, **(events or {})}, dry_run=dry_run)

    def replay(self, *, since: Any = None, until: Any = None, code: str = "latest", **how: Any) -> Replay:
        """Run past events again, apart from the live runs.

        Args:
            since: when the events were admitted at the earliest: a time, or a duration ago (`"2h"`).
            until: and before when.
            code: `latest`, the version that is live now, or `same`, the one that ran last.
            **how: `key=`, `path=` (a glob), `trigger=` (its id or text), `failed=True`, `last=` (the newest so many),
                `dry_run=True`, and `replay=`: an id, with which one that was broken off goes on.
        """
        return self._client.replay(self.name, since=since, until=until, code=code, **how)

    def backfill(
        self, on: str, *, since: Any = None, until: Any = None, code: str | int = "latest", dry_run: bool = False
    ) -> Backfill:
        """List a trigger once from nothing, and run what the function has not run of it, behind everything that is live.

        Args:
            on: the text of a trigger, one of the function's own or any other.
            since: when a file was modified, a record came, a run ended or a schedule fired at the earliest: a time, or a
                duration ago (`"30d"`).
            until: and before when. A schedule needs both.
            code: `latest`, or a version's number or an alias.
            dry_run: only count runs and bytes, and estimate the cost.
        """
        return self._client.backfill(self.name, on, since=since, until=until, code=code, dry_run=dry_run)

    def delete(self) -> None:
        """Remove the function."""
        self._client.remove(self.name)

    def __repr__(self) -> str:
        return f"Function({self.name!r})"

    # A handle shows itself also when the service is down or the function is gone.

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        try:
            printer.text(repr(self) if cycle else repr(self.info()))
        except FnError as error:
            printer.text(f"{self!r}: {error.cause}")

    def _repr_html_(self) -> str:
        try:
            return self.info()._repr_html_()
        except FnError as error:
            return html.card(self.name, html.paragraph(error.cause))

    def _runs(self, rows: Table) -> Runs:
        return Runs(Run(row, self._client) for row in rows)
