"""Rows and tables that show themselves: as HTML in a notebook, as text elsewhere, as a DataFrame on request.

They are plain dicts and lists underneath, so `json.dumps` takes them as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from . import html, readable

if TYPE_CHECKING:
    import pandas as pd
    import rich.table
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_FOLDED = 20  # what a column that may be folded needs at least
_GAP = 2  # between two columns
PLAIN_WIDTH = 160  # columns for text that does not go to a terminal; a terminal is asked for its own


class Row(dict[str, Any]):
    """One JSON object whose keys can also be read as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"There is no {name!r} here, only {', '.join(self)}.") from None


@dataclass(frozen=True, slots=True)
class Column:
    """One column for people: which key, under which title, said how."""

    key: str
    title: str
    say: Callable[[Any], str] = readable.text
    right: bool = False
    fold: bool = False  # may be broken into several lines when the place is narrow
    spare: int = 0  # may be left out when the place is narrow, the highest first; 0 never


class Table(list[Row]):
    """Rows of one kind. `to_pandas()` has every key; what is shown is a choice of them."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...], *, empty: str = "None.") -> None:
        super().__init__(Row(row) for row in rows)
        self._columns = columns
        self._empty = empty

    def __repr__(self) -> str:
        return plain(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield rich_table(self._columns, self, width=options.max_width) if self else self._empty

    def _repr_html_(self) -> str:
        return html_table(self._columns, self) if self else html.paragraph(self._empty)

    def to_pandas(self) -> pd.DataFrame:
        """One row per row, one column per key."""
        return frame(self, columns=self._columns)


def shown_columns(columns: tuple[Column, ...], rows: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The columns that say something in at least one row."""
    rows = list(rows)
    return tuple(column for column in columns if any(column.say(row.get(column.key)) for row in rows))


def rich_table(
    columns: tuple[Column, ...], rows: Iterable[Mapping[str, Any]], *, width: int = PLAIN_WIDTH
) -> rich.table.Table:
    """The same table for a terminal of `width` characters; spare columns go until it fits."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rows = list(rows)
    made = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    columns = _fitting(shown_columns(columns, rows), rows, width)
    for column in columns:
        side: Literal["left", "right"] = "right" if column.right else "left"
        made.add_column(column.title, justify=side, no_wrap=not column.fold, overflow="fold")
    for row in rows:
        made.add_row(*(Text(column.say(row.get(column.key))) for column in columns))
    return made


def _fitting(columns: tuple[Column, ...], rows: list[Mapping[str, Any]], width: int) -> tuple[Column, ...]:
    def needed(column: Column) -> int:
        widest = max(len(text) for text in [column.title, *(column.say(row.get(column.key)) for row in rows)])
        return (min(widest, _FOLDED) if column.fold else widest) + _GAP

    while sum(map(needed, columns)) > width and any(column.spare for column in columns):
        goes = max(columns, key=lambda column: column.spare)
        columns = tuple(column for column in columns if column is not goes)
    return columns


def html_table(columns: tuple[Column, ...], rows: Iterable[Mapping[str, Any]]) -> str:
    """The same table for a notebook."""
    rows = list(rows)
    columns = shown_columns(columns, rows)
    right = frozenset(i for i, column in enumerate(columns) if column.right)
    cells = ([column.say(row.get(column.key)) for column in columns] for row in rows)
    return html.table([column.title for column in columns], cells, right=right)


def plain(shown: RenderableType, *, width: int = PLAIN_WIDTH) -> str:
    """What a terminal would show, as text without colour and without trailing blanks."""
    console = _console(width)
    with console.capture() as page:
        console.print(shown)
    return "\n".join(line.rstrip() for line in page.get().strip("\n").splitlines())


def _console(width: int) -> Console:
    from io import StringIO

    from rich.console import Console

    # In a kernel rich would also put what is captured, nothing, out as HTML.
    return Console(
        file=StringIO(),
        width=width,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
        force_jupyter=False,
    )


def frame(rows: Iterable[Mapping[str, Any]], *, columns: tuple[Column, ...] = ()) -> pd.DataFrame:
    """A DataFrame; times are parsed and money is a number, nested values stay as they are.

    The keys are those of the rows; where there are no rows, those of `columns`.
    """
    import pandas as pd

    items = [dict(row) for row in rows]
    made = pd.DataFrame(items, columns=None if items else [column.key for column in columns])
    for name in made.columns:
        if name in _TIMES:
            made[name] = pd.to_datetime(made[name], utc=True, format="ISO8601")
        elif str(name).endswith("_usd"):
            made[name] = made[name].astype(float)
    return made


_TIMES = frozenset({"created", "started", "ended"})

FUNCTIONS = (
    Column("name", "function"),
    Column("version", "version", right=True),
    Column("state", "state"),
    Column("triggers", "triggers", readable.triggers, fold=True),
    Column("runs", "runs", readable.counts, fold=True),
    Column("cost_usd", "cost", readable.dollars, right=True),
    Column("tags", "tags", readable.pairs, fold=True, spare=1),
)
VERSIONS = (
    Column("function", "function"),
    Column("number", "version", right=True),
    Column("kind", "kind"),
    Column("created", "created", readable.when),
    Column("digest", "digest", readable.short_digest),
    Column("captured", "captured", readable.names, fold=True),
    Column("packages", "packages", readable.pairs, fold=True, spare=1),
)
RUNS = (
    Column("id", "run", readable.short_id),
    Column("function", "function"),
    Column("version", "version", right=True, spare=2),
    Column("state", "state"),
    Column("reason", "reason", spare=4),
    Column("attempts", "tries", right=True, spare=5),
    Column("created", "created", readable.when, spare=3),
    Column("duration_ms", "duration", readable.milliseconds, right=True, spare=1),
    Column("max_memory_mb", "memory", readable.megabytes, right=True, spare=6),
    Column("cost_usd", "cost", readable.dollars, right=True),
    Column("error", "error", readable.error, fold=True),
)
FAILURES = (
    Column("id", "run", readable.short_id),
    Column("reason", "reason", spare=3),
    Column("error", "error", readable.error, fold=True),
    Column("attempts", "tries", right=True, spare=4),
    Column("ended", "ended", readable.when, spare=2),
    Column("batch_size", "items", right=True, spare=5),
    Column("event", "event", readable.data, fold=True),
    Column("edited", "edited", readable.yes, spare=1),
)
COSTS = (
    Column("key", ""),
    Column("runs", "runs", right=True),
    Column("billed_ms", "billed", readable.milliseconds, right=True),
    Column("gb_s", "GB-s", readable.number, right=True, spare=3),
    Column("cpu_s", "CPU", readable.seconds, right=True),
    Column("bytes_read", "read", readable.size, right=True, spare=1),
    Column("bytes_written", "written", readable.size, right=True, spare=2),
    Column("cost_usd", "cost", readable.dollars, right=True),
    Column("waste_usd", "of it waste", readable.dollars, right=True),
)
PUBLISHED = (
    Column("function", "function"),
    Column("number", "version", right=True),
    Column("outcome", "outcome"),
    Column("triggers", "triggers", readable.triggers, fold=True),
    Column("captured", "captured", readable.names, fold=True),
)
WORKERS = (
    Column("name", "worker"),
    Column("slots", "slots", right=True),
    Column("busy", "busy", right=True),
    Column("joined", "joined", readable.when),
)
