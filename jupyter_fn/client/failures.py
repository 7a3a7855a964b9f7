"""Runs that wait for somebody, as a table that can be edited and run again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..model.codec import to_json
from ..model.errors import BadValue, NotFound, ResultNotSerializable
from . import html, readable, tables
from .facts import Redrive
from .runs import Run
from .tables import Row, frame, html_table, plain, rich_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from .client import Client

Edits = dict[str, dict[str, Any]]
_NOTHING = "No failures."


class Failures(Sequence[Run]):
    """The failures of a function, newest first. `failures[run_id] = {…}` edits the event of one, `del failures[run_id]`
    and slices leave some out, and `redrive()` runs those that are kept. Nothing changes in the service before that.

    A run is named by its id, the end or the beginning of it, or its place.
    """

    def __init__(self, function: str, runs: Iterable[Mapping[str, Any]], client: Client) -> None:
        self.function = function
        self._rows = [Row(run) for run in runs]
        self._client = client
        self.edits: Edits = {}

    # as a sequence

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, which: int | str) -> Run: ...
    @overload
    def __getitem__(self, which: slice) -> Failures: ...
    def __getitem__(self, which: int | str | slice) -> Run | Failures:
        if isinstance(which, slice):
            return self._those(self._rows[which])
        return Run(self._rows[self._place(which)], self._client)

    def __setitem__(self, which: int | str, event: Any) -> None:
        self.edit(which, event)

    def __delitem__(self, which: int | str) -> None:
        gone = self._rows.pop(self._place(which))
        self.edits.pop(gone["id"], None)

    # what can be done

    def edit(self, which: int | str, event: Any) -> Failures:
        """Have `event` handled in place of the one that failed: its own keys, and of a batch as many items as before. This
        table.

        Raises:
            BadValue: it is no JSON object.
            NotFound: there is no such run here.
        """
        row = self._rows[self._place(which)]
        self.edits[row["id"]] = _event_object(event, row["id"])
        return self

    def redrive(self, *, code: str = "latest", dry_run: bool = False) -> Redrive:
        """Run those that are kept again, with the version that is live now or the `same` one."""
        ids, edits = chosen(self)
        return self._client.redrive(self.function, ids, code=code, events=edits, dry_run=dry_run)

    # how it shows itself

    def __repr__(self) -> str:
        return plain(self.__rich__())

    def __rich__(self) -> RenderableType:
        return rich_table(tables.FAILURES, self.rows()) if self else _NOTHING

    def _repr_html_(self) -> str:
        return html_table(tables.FAILURES, self.rows()) if self else html.paragraph(_NOTHING)

    def to_pandas(self) -> pd.DataFrame:
        """One row per run: `id, reason, error, attempts, ended, batch_size, event`. Edit the events, leave rows out, and
        give it to `redrive`."""
        rows = [{**row, "error": readable.error(row.get("error"))} for row in self.rows()]
        names = [column.key for column in tables.FAILURES if column.key != "edited"]
        return frame(({name: row.get(name) for name in names} for row in rows), columns=tables.FAILURES)[names]

    def rows(self) -> list[Row]:
        """The runs' JSON, with the events as they are now."""
        return [Row({**row, **self._edit_of(row["id"])}) for row in self._rows]

    def _edit_of(self, run_id: str) -> dict[str, Any]:
        return {"event": self.edits[run_id], "edited": True} if run_id in self.edits else {}

    def _those(self, rows: list[Row]) -> Failures:
        some = Failures(self.function, rows, self._client)
        some.edits = {row["id"]: self.edits[row["id"]] for row in rows if row["id"] in self.edits}
        return some

    def _place(self, which: int | str) -> int:
        if isinstance(which, int):
            return range(len(self._rows))[which]
        found = [place for place, row in enumerate(self._rows) if readable.is_part_of_id(which, row["id"])]
        if len(found) == 1:
            return found[0]
        how_many = f"{len(found)} of these runs end or begin" if found else "None of these runs ends or begins"
        raise NotFound(f"{how_many} with {which!r}.", "Write more of the id; .to_pandas() has them all.")


def _event_object(event: Any, run_id: str) -> dict[str, Any]:
    """An edited event as JSON. Raises BadValue."""
    try:
        made = to_json(event)
    except ResultNotSerializable as error:
        raise BadValue(f"The event for run {run_id}: {error.cause}", "Write numbers, texts, lists and dicts.") from None
    if not isinstance(made, dict):
        raise BadValue(f"The event for run {run_id} is no JSON object.", 'Write such as {"n": 1}.')
    return made


def chosen(which: Any) -> tuple[list[str] | None, Edits]:
    """What is to be redriven, and with which events: all when None; an id or several; a table of failures; or a DataFrame
    with a column `id` and, if it likes, one `event`.

    Raises:
        BadValue: a frame without ids, or an event that is no JSON object.
    """
    if which is None:
        return None, {}
    if isinstance(which, Failures):
        return [run["id"] for run in which], dict(which.edits)
    if isinstance(which, str):
        return [which], {}
    return _of_frame(which) if hasattr(which, "columns") else (list(which), {})


def _of_frame(which: pd.DataFrame) -> tuple[list[str], Edits]:
    if "id" not in which.columns:
        raise BadValue(
            "The frame has no column id.", "Take it from .failures().to_pandas(), and edit its column event."
        )
    ids = [str(run_id) for run_id in which["id"]]
    events = which["event"] if "event" in which.columns else [None] * len(ids)
    return ids, {run_id: _of_cell(event, run_id) for run_id, event in zip(ids, events, strict=True) if _is_set(event)}


def _is_set(cell: Any) -> bool:
    return cell is not None and cell == cell  # pandas writes NaN where nothing is, which equals nothing


def _of_cell(cell: Any, run_id: str) -> dict[str, Any]:
    """A dict, or the JSON text that a dict becomes in a CSV file."""
    if not isinstance(cell, str):
        return _event_object(cell, run_id)
    try:
        return _event_object(json.loads(cell), run_id)
    except ValueError as error:
        raise BadValue(f"The event for run {run_id} is not JSON: {error}.", 'Write such as {"n": 1}.') from None
