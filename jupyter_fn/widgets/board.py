"""What the dashboard shows, as values: how a listing fills it and how pushed events change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ..model.run import TERMINAL
from ..model.units import money

MOST_LIVE = 20  # a backlog must not push out what has ended
MOST_ENDED = 30
_ORDER = {"running": 0, "waiting": 1, "queued": 2}


class Board:
    """Functions by name and the most recent runs."""

    def __init__(self) -> None:
        self._functions: dict[str, Mapping[str, Any]] = {}
        self._runs: dict[str, Mapping[str, Any]] = {}

    def fill(self, functions: Iterable[Mapping[str, Any]], runs: Iterable[Mapping[str, Any]]) -> None:
        """Forget what was; show these."""
        self._functions = {each["name"]: each for each in functions}
        self._runs = {each["id"]: each for each in runs}
        self._trim()

    def take(self, event: str, data: Mapping[str, Any]) -> None:
        """One pushed event; kinds that are not shown are passed over."""
        if event == "function" and "removed" in data:
            self._functions.pop(data["removed"], None)
        elif event == "function":
            self._functions[data["name"]] = data
        elif event == "run" and not self._ended(data["id"]):
            self._runs[data["id"]] = data
            self._trim()

    @property
    def functions(self) -> list[Mapping[str, Any]]:
        """By name."""
        return [self._functions[name] for name in sorted(self._functions)]

    @property
    def runs(self) -> list[Mapping[str, Any]]:
        """Running ones first, then those that wait for their turn, then the last that ended."""
        live = [run for run in self._runs.values() if run["state"] in _ORDER]
        ended = [run for run in self._runs.values() if run["state"] not in _ORDER]
        live.sort(key=lambda run: (_ORDER[run["state"]], run["created"]))
        ended.sort(key=lambda run: run["ended"] or run["created"], reverse=True)
        return [*live[:MOST_LIVE], *ended[:MOST_ENDED]]

    @property
    def cost_usd(self) -> str:
        """The cost of all runs of all functions, exact."""
        return money(sum((Decimal(str(each["cost_usd"])) for each in self._functions.values()), Decimal(0)))

    def _ended(self, run_id: str) -> bool:
        """Terminal is final: what was pushed before a listing may be read after it."""
        return run_id in self._runs and self._runs[run_id]["state"] in TERMINAL

    def _trim(self) -> None:
        if len(self._runs) > MOST_LIVE + MOST_ENDED:
            self._runs = {run["id"]: run for run in self.runs}
