"""What the demo shows: bars or lines on standard error, tables and checks on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..client.readable import dollars
from ..client.tables import Column, plain, rich_table
from .checks import Check

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress

_LINE_EVERY_S = 5.0  # where bars would only fill a log


@dataclass(frozen=True)
class Standing:
    """How far it is."""

    arrived: int = 0
    cleaned: int = 0
    reported: int = 0
    failed: int = 0
    cost_usd: Decimal = Decimal(0)


def _one_digit(value: Any) -> str:
    return f"{value:.1f}"


def _thousands(value: Any) -> str:
    return f"{value:,}"


_MONTHS = (
    Column("month", "month"),
    Column("days", "days", right=True),
    Column("flights", "flights", _thousands, right=True),
    Column("cancelled", "cancelled", _thousands, right=True),
    Column("late", "late, %", _one_digit, right=True),
    Column("delay", "mean delay, min", _one_digit, right=True),
    Column("rain", "in rain", _one_digit, right=True),
    Column("dry", "else", _one_digit, right=True),
)


class Screen:
    """The terminal, or whatever takes its place."""

    def say(self, text: str) -> None:
        """A line of the answer."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line beside it."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def show(self, shown: Any) -> None:
        """A table of the answer."""
        if sys.stdout.isatty():
            from rich.console import Console

            Console(highlight=False, markup=False, emoji=False).print(shown)
        else:
            self.say(plain(shown))

    def months(self, report: pd.DataFrame) -> None:
        """The monthly report."""
        self.show(rich_table(_MONTHS, [_means(row) for row in report.to_dict("records")]))

    def checks(self, checks: Sequence[Check]) -> None:
        """Each claim with what was found."""
        width = max(len(check.claim) for check in checks)
        for check in checks:
            self.say(f"  {'ok   ' if check.holds else 'WRONG'}  {check.claim:<{width}}  {check.found}")

    @contextmanager
    def following(self, days: int) -> Iterator[Bars | Lines]:
        """Something that is told each new `Standing`."""
        if not sys.stderr.isatty():
            yield Lines(self, days)
            return
        with _progress() as progress:
            yield Bars(progress, days)


class Lines:
    """Now and then a line."""

    def __init__(self, screen: Screen, days: int) -> None:
        self._screen = screen
        self._days = days
        self._began = self._said = time.monotonic()
        self._last = Standing()

    def tell(self, standing: Standing) -> None:
        """Say it, unless something was said just before and there is more to come."""
        now = time.monotonic()
        over = standing.reported >= self._days
        if standing == self._last or (now - self._said < _LINE_EVERY_S and not over):
            return
        self._said, self._last = now, standing
        self._screen.note(f"  {now - self._began:4.0f} s  {_words(standing, self._days)}")


class Bars:
    """A bar for each of the three walks."""

    def __init__(self, progress: Progress, days: int) -> None:
        self._progress = progress
        self._days = days
        self._bars = {name: progress.add_task(name, total=days, cost="") for name in ("arrived", "cleaned", "reported")}

    def tell(self, standing: Standing) -> None:
        """Move the bars."""
        for name, bar in self._bars.items():
            cost = dollars(standing.cost_usd) if name == "reported" and standing.cost_usd else ""
            self._progress.update(bar, completed=getattr(standing, name), cost=cost)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("  {task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[cost]}"),
    )
    return Progress(*columns, console=Console(stderr=True))


def _words(standing: Standing, days: int) -> str:
    parts = [f"{standing.arrived} of {days} days arrived", f"{standing.cleaned} cleaned"]
    parts += [f"{standing.reported} reported", dollars(standing.cost_usd)]
    return ", ".join([*parts, *([f"{standing.failed} FAILED"] if standing.failed else [])])


def _means(row: dict[Any, Any]) -> dict[str, Any]:
    departed = row["flights"] - row["cancelled"]
    return {
        **row,
        "late": 100 * row["late"] / departed,
        "delay": row["dep_delay"] / departed,
        "rain": row["rain_delay"] / max(row["in_rain"], 1),
        "dry": (row["dep_delay"] - row["rain_delay"]) / max(departed - row["in_rain"], 1),
    }
