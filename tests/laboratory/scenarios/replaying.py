"""Past events are run again, in replays that are broken off and go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..scenario import Scenario, draft, verb
from ..world import Nature


class Replaying(Scenario):
    """The events of `past` are replayed under the names `r1` and `r2`, until somebody says that it is done."""

    drafts = (draft("past", retries=1, backoff="none", max_age_s=60.0),)
    natures = {"past": Nature(fails=0.1)}

    def acts(self) -> Sequence[Callable[[], None]]:
        """It is invoked, and replayed."""
        return [*[self._invoke] * 4, *[self._replay] * 2]

    def _invoke(self) -> None:
        events = [{"n": self.stage.number()} for _ in range(self.stage.chance.randint(1, 3))]
        self.stage.ask(f"map past {events}", lambda e: verb(e, "map")("past", events))

    def _replay(self) -> None:
        name = self.stage.chance.choice(["r1", "r2"])
        self.stage.ask(f"replay past as {name}", lambda e: verb(e, "replay")("past", replay=name), insist=True)

    def check(self) -> None:
        """An event has one live run, and one in each replay at most."""
        runs = Counter(self.stage.rows("SELECT event_id, replay FROM runs WHERE function = 'past'"))
        twice = [one for one, number in runs.items() if number > 1]
        self.stage.require("G2", not twice, f"Events with two runs in one replay: {twice}.")
        events = {row[0] for row in self.stage.rows("SELECT id FROM events WHERE function = 'past'")}
        live = {event for event, replay in runs if not replay}
        self.stage.require("G1", live == events, f"Events without a live run: {events - live}.")
