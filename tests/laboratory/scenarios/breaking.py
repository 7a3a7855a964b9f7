"""A function fails so often that its circuit breaker trips; its backlog is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ..scenario import Scenario, Stage, draft, verb
from ..world import Nature


class Breaking(Scenario):
    """`fragile` takes records one by one, and fails mostly until all is calm."""

    drafts = (draft("fragile", on=("topic:f batch=1",), retries=0, backoff="none"),)
    natures = {"fragile": Nature(fails=0.7)}
    settings = {"breaker_runs": 4, "breaker_pause_s": 2.0}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._acknowledged: set[int] = set()

    def acts(self) -> Sequence[Callable[[], None]]:
        """Records come."""
        return [self._emit] * 6

    def _emit(self) -> None:
        values = [self.stage.number() for _ in range(self.stage.chance.randint(1, 4))]
        items = [{"value": value} for value in values]
        heard = self._acknowledged.update
        self.stage.ask(f"emit {values}", lambda e: verb(e, "emit")("f", items), lambda _: heard(values))

    def settled(self) -> bool:
        """The topic is read."""
        taken = self.stage.rows("SELECT count(*) FROM events WHERE function = 'fragile'")
        return taken == self.stage.rows("SELECT count(*) FROM records WHERE topic = 'f'")

    def check(self) -> None:
        """Nothing of the backlog is missing."""
        data = self.stage.rows("SELECT data FROM events WHERE function = 'fragile'")
        values = {record["value"] for row in data for record in json.loads(row[0])["records"]}
        missing = self._acknowledged - values
        self.stage.require("G1", not missing, f"Acknowledged, and no event: {sorted(missing)}.")
