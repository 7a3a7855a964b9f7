"""Runs of a published function, as objects in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..model.errors import RunError
from ..model.run import TERMINAL
from . import html, tables
from .facts import RunFacts
from .remote import run_error
from .tables import Row, frame, html_table, plain, rich_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

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
