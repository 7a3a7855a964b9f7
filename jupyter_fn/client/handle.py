"""Handles: a published `Function` and a `Run` of one, as objects in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..model.errors import FnError, RunError
from ..model.run import TERMINAL
from . import html, tables
from .echo import echo, report
from .facts import Audit, Cost, Explanation, FunctionFacts, Redrive, RunFacts
from .remote import run_error
from .tables import Row, Table, frame, html_table, plain, rich_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from ..model.version import Draft
    from .client import Client


_PAGE = 100  # runs looked at beyond those asked about


class Log(str):
    """What runs have printed. A text that shows itself as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html.code(self)

    def to_pandas(self) -> pd.DataFrame:
        """One row per line."""
        return frame({"line": line} for line in self.splitlines())


class Run:
    """The handling of one event. Every key of a run's JSON is an attribute, as of the last look."""

    def __init__(self, data: Mapping[str, Any], client: Client) -> None:
        self._data = Row(data)
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._data and "created" not in self._data:
            self.refresh()  # so far only the id is known
        return getattr(self._data, name)

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._data})

    @property
    def id(self) -> str:
        """The run's id, AWS's RequestId."""
        return str(self._data["id"])

    @property
    def state(self) -> str:
        """The state now; asks the service unless the run has ended."""
        return str(self._data["state"] if self._ended else self.refresh()._data["state"])

    @property
    def done(self) -> bool:
        """Whether the run has ended, however."""
        return self.state in TERMINAL

    @property
    def cost(self) -> Decimal:
        """US dollars, exact."""
        return Decimal(str(self.refresh()._data.get("cost_usd", 0)))

    def refresh(self) -> Run:
        """Look again; this handle."""
        self._data = self._client.run(self.id)
        return self

    def wait(self, timeout: float | None = None) -> Run:
        """Wait up to `timeout` seconds for the end; this handle, ended or not."""
        if not self._ended:
            self._data = self._client.wait(self.id, timeout_s=timeout)
        return self

    def result(self, timeout: float | None = None) -> Any:
        """The handler's value.

        Raises:
            RunError: the remote error, with its own traceback.
            TimeoutError: it has not ended within `timeout` seconds.
        """
        error = self.exception(timeout)
        if error:
            raise error
        return self._data.get("result")

    def exception(self, timeout: float | None = None) -> RunError | None:
        """The remote error, or None when the run succeeded. Waits like `result`."""
        if not self.wait(timeout)._ended:
            raise TimeoutError(f"Run {self.id} is still {self._data['state']} after {timeout} s.")
        return run_error(self._data)

    def logs(self) -> Log:
        """What the run has printed so far."""
        return Log(self._client.logs(self.id)["text"])

    def cancel(self) -> Run:
        """Stop the run; this handle."""
        self._data = self._client.cancel(self.id)
        return self

    def to_pandas(self) -> pd.DataFrame:
        """One row."""
        return frame([self.refresh()._data])

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self._data.get('state', 'queued')})"

    def _repr_html_(self) -> str:
        return RunFacts(self._data if self._ended else self.refresh()._data)._repr_html_()

    @property
    def _ended(self) -> bool:
        return self._data.get("state") in TERMINAL


class Runs(list[Run]):
    """Several runs, in order."""

    def wait(self, timeout: float | None = None) -> Runs:
        """Wait until each has ended, up to `timeout` seconds for each."""
        for run in self:
            run.wait(timeout)
        return self

    def results(self) -> list[Any]:
        """The values, in order; waits for them. Raises the first remote error."""
        return [run.result() for run in self]

    def __repr__(self) -> str:
        return plain(self.__rich__())

    def __rich__(self) -> RenderableType:
        return rich_table(tables.RUNS, self._rows()) if self else "No runs."

    def _repr_html_(self) -> str:
        return html_table(tables.RUNS, self._rows()) if self else html.paragraph("No runs.")

    def to_pandas(self) -> pd.DataFrame:
        """One row per run, as it stands now."""
        return frame(self._rows(), columns=tables.RUNS)

    def _rows(self) -> list[Row]:
        """The rows as they stand now, by one call however many there are."""
        open_runs = [run for run in self if not run._ended]
        if open_runs:
            first = open_runs[0]
            names = {run._data.get("function") for run in open_runs}
            recent = first._client.runs(str(names.pop()) if len(names) == 1 else "", last=_PAGE + 2 * len(self))
            by_id = {row["id"]: row for row in recent}
            for run in open_runs:
                run._data = by_id.get(run.id, run._data)
        return [run._data for run in self]


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

    def runs(self, *, state: str = "", last: int | None = None) -> Runs:
        """The runs, newest first."""
        return self._runs(self._client.runs(self.name, state=state, last=last))

    def logs(self, *, last: int = 10) -> Log:
        """What the last runs have printed, oldest first."""
        return Log(self._client.recent_logs(self.name, last=last))

    def cost(self, *, by: str = "", since: Any = None) -> Cost:
        """What the runs cost; by `trigger`, `day`, `tag` or `version`; since a time, or a duration ago (`"24h"`)."""
        return self._client.cost(self.name, by=by, since=since)

    def failures(self) -> Runs:
        """The runs that need somebody."""
        return self._runs(self._client.failures(self.name))

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

    def pause(self) -> Function:
        """Stop the triggers; what is queued stays. This handle."""
        self._client.pause(self.name)
        return self

    def resume(self) -> Function:
        """Undo `pause`. This handle."""
        self._client.resume(self.name)
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

    def redrive(self, ids: Sequence[str] | None = None, *, code: str = "latest", dry_run: bool = False) -> Redrive:
        """Run dead runs again, all or those named, with the version that is live now or the `same` one."""
        return self._client.redrive(self.name, ids, code=code, dry_run=dry_run)

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
