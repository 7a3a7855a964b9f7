"""Single events gather to batches: files that come one by one, the ends of another function."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

from ..drive import DRIVE
from ..scenario import Scenario, Stage, draft, verb
from ..world import Nature


class Gathering(Scenario):
    """`gatherer` takes files by threes, `sheaf` the ends of `blade` by twos."""

    drafts = (
        draft("gatherer", on=("lab://heap/*.csv settle=0s batch=3 window=3s",), retries=1, backoff="fixed(1s)"),
        draft("blade", retries=0),
        draft("sheaf", on=("fn:blade batch=2 window=2s",), retries=1, backoff="none"),
    )
    natures = {"gatherer": Nature(fails=0.1), "blade": Nature(fails=0.1), "sheaf": Nature(fails=0.1)}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        DRIVE.clear(stage.time.wall)

    def acts(self) -> Sequence[Callable[[], None]]:
        """Files come, and the blade is invoked."""
        return [self._write, self._invoke] * 3

    def _write(self) -> None:
        for _ in range(self.stage.chance.randint(1, 3)):
            number = self.stage.number()
            DRIVE.write(f"heap/{number}.csv", f"{number}".encode())
            self.stage.note(f"the file heap/{number}.csv is written")

    def _invoke(self) -> None:
        events = [{"n": self.stage.number()} for _ in range(self.stage.chance.randint(1, 3))]
        self.stage.ask(f"map blade {events}", lambda e: verb(e, "map")("blade", events))

    def settled(self) -> bool:
        """Everything is in a batch."""
        gathering = self.stage.rows("SELECT 1 FROM events WHERE batch = '?'")
        return not gathering and self._taken() == self._there() and self._followed() == self._ended()

    def _there(self) -> Counter[str]:
        return Counter(f"lab://{name}" for name in DRIVE.versions() if name.startswith("heap/"))

    def _taken(self) -> Counter[str]:
        query = "SELECT data FROM events WHERE function = 'gatherer' AND id IN (SELECT event_id FROM runs)"
        return Counter(path for row in self.stage.rows(query) for path in _items(row[0], "files", "path"))

    def _ended(self) -> Counter[str]:
        return Counter(
            row[0] for row in self.stage.rows("SELECT id FROM runs WHERE function = 'blade' AND state = 'succeeded'")
        )

    def _followed(self) -> Counter[str]:
        query = "SELECT data FROM events WHERE function = 'sheaf' AND id IN (SELECT event_id FROM runs)"
        return Counter(run for row in self.stage.rows(query) for run in _items(row[0], "events", "run"))

    def check(self) -> None:
        """Each file and each end is in one batch."""
        self.stage.require(
            "G1", self._taken() == self._there(), f"Files: {self._there()}, in batches: {self._taken()}."
        )
        self.stage.require("G1", self._followed() == self._ended(), f"Ends: {self._ended()}, told: {self._followed()}.")


def _items(data: str, name: str, field: str) -> list[str]:
    event = json.loads(data)
    return [item[field] for item in event.get(name, [event])]
