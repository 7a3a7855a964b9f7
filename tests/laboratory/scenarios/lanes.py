"""Events of one key run one after the other, in their order; or as many at once as the key may have."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence

from ..scenario import Scenario, draft, verb
from ..world import Nature

_KEYS = "xyz"
_PER_KEY = 2


class Lanes(Scenario):
    """`orderly` parks a lane in which a run died, `hurried` lets it go on, `keyed` may run two of a key at once."""

    drafts = (
        draft("orderly", order_by="event.k", retries=1, backoff="fixed(1s)"),
        draft("hurried", order_by="event.k", retries=1, backoff="none", on_poison="skip"),
        draft("keyed", concurrency_key=f"event.k limit={_PER_KEY}", concurrency=4, retries=1, backoff="none"),
    )
    natures = {
        "orderly": Nature(fails=0.2, long_s=2.0),
        "hurried": Nature(fails=0.3, long_s=2.0),
        "keyed": Nature(fails=0.2, long_s=3.0, short=0.3),
    }

    def acts(self) -> Sequence[Callable[[], None]]:
        """Events come."""
        return [self._invoke] * 6

    def _invoke(self) -> None:
        name = self.stage.chance.choice(["orderly", "hurried", "keyed"])
        number = self.stage.chance.randint(1, 5)
        events = [{"k": self.stage.chance.choice(_KEYS), "n": self.stage.number()} for _ in range(number)]
        self.stage.ask(f"map {name} {events}", lambda e: verb(e, "map")(name, events))

    def calm_down(self) -> None:
        """Lanes that rest are let go, now and again."""
        if self.stage.rows("SELECT 1 FROM parked"):
            self.stage.ask("resume orderly", lambda e: verb(e, "resume")("orderly"))
        self.stage.time.after(10.0, self.calm_down)

    def commit(self) -> None:
        """A key never has more than its limit."""
        held = self.stage.rows(
            "SELECT concurrency_key, count(*) FROM runs WHERE function = 'keyed' AND state IN ('claimed', 'running', "
            "'publishing') GROUP BY concurrency_key"
        )
        for key, count in held:
            self.stage.require("G7", count <= _PER_KEY, f"The key {key} of keyed has {count} runs at once.")

    def check(self) -> None:
        """What was accepted was begun in the order of admission."""
        begun = defaultdict(list)
        query = (
            "SELECT runs.function, runs.id, token, events.data FROM runs JOIN events ON events.id = event_id "
            "WHERE runs.function IN ('orderly', 'hurried') AND state = 'succeeded' ORDER BY events.seq"
        )
        for name, run_id, token, data in self.stage.rows(query):
            begun[name, json.loads(data)["k"]].append(self.stage.world.started[run_id, token])
        for lane, starts in begun.items():
            self.stage.require("G8", starts == sorted(starts), f"The lane {lane} began its runs at {starts}.")
