"""Where the ends of runs go: to a topic, to functions, into a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

from ..scenario import Scenario, draft, verb
from ..world import Nature

_ENDED = "SELECT id FROM runs WHERE function = 'sender' AND state = "


class Destinations(Scenario):
    """`sender` tells three of its successes, and one of its failures."""

    drafts = (
        draft("sender", retries=0, then=("topic:won", "fn:winner", "memory://told/"), on_failure=("fn:loser",)),
        draft("winner", retries=1, backoff="none"),
        draft("loser", retries=1, backoff="none"),
    )
    natures = {"sender": Nature(fails=0.3), "winner": Nature(fails=0.1), "loser": Nature(fails=0.1)}

    def acts(self) -> Sequence[Callable[[], None]]:
        """The sender is invoked; the filesystem has its moods."""
        return [*[self._invoke] * 5, self._sulk]

    def _invoke(self) -> None:
        events = [{"n": self.stage.number()} for _ in range(self.stage.chance.randint(1, 3))]
        self.stage.ask(f"map sender {events}", lambda e: verb(e, "map")("sender", events))

    def _sulk(self) -> None:
        self.stage.folder.unwilling = 0.5
        self.stage.time.after(self.stage.chance.uniform(0.1, 5), self.calm_down)

    def calm_down(self) -> None:
        """The filesystem works."""
        self.stage.folder.unwilling = 0.0

    def settled(self) -> bool:
        """The outbox is empty."""
        return not self.stage.rows("SELECT 1 FROM deliveries WHERE state = 'due'")

    def check(self) -> None:
        """Every end was told once to each who should hear of it."""
        require = self.stage.require
        won = {row[0] for row in self.stage.rows(f"{_ENDED}'succeeded'")}
        lost = {row[0] for row in self.stage.rows(f"{_ENDED}'dead'")}
        topic = Counter(_run_of(row[0]) for row in self.stage.rows("SELECT value FROM records WHERE topic = 'won'"))
        require("destinations", topic == Counter(won), f"{won} won, the topic was told of {topic}.")
        for name, ended in (("winner", won), ("loser", lost)):
            told = Counter(
                _run_of(row[0]) for row in self.stage.rows("SELECT data FROM events WHERE function = ?", name)
            )
            require("destinations", told == Counter(ended), f"{ended} ended, {name} was told of {told}.")
        files = {path: text for path, text in self.stage.folder.files.items() if path.startswith("memory://told/")}
        require("destinations", len(files) == len(won), f"{len(won)} won, the files are {sorted(files)}.")
        written = {_run_of(text) for text in files.values()}
        require("destinations", written == won, f"{won} won, the folder was told of {written}.")


def _run_of(record: str) -> str:
    return str(json.loads(record)["requestContext"]["requestId"])
