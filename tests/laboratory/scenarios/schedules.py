"""A rate fires, whatever the clocks on the wall do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise

from jupyter_fn.model.units import parse_time

from ..scenario import Scenario, draft
from ..world import Nature

EVERY_S = 7.0


class Schedules(Scenario):
    """`ticker` fires every seven seconds, and makes up for what it has missed."""

    drafts = (draft("ticker", on=(f"rate({EVERY_S:.0f} seconds) misfire=all",), retries=1, backoff="none"),)
    natures = {"ticker": Nature(long_s=2.0)}

    def acts(self) -> Sequence[Callable[[], None]]:
        """Clocks are set."""
        return (self._set_clocks,)

    def _set_clocks(self) -> None:
        skew = self.stage.chance.choice([-60.0, -5.0, 5.0, 60.0])
        self.stage.time.skew += skew
        self.stage.note(f"all clocks are set by {skew} s")

    def check(self) -> None:
        """Every fire time up to the last look has one event; those of a future that was none lie on the same grid."""
        fired = sorted(
            parse_time(row[0]) for row in self.stage.rows("SELECT key FROM events WHERE function = 'ticker'")
        )
        last = json.loads(self.stage.rows("SELECT position FROM triggers WHERE function = 'ticker'")[0][0])["last"]
        gaps = {round(later - sooner, 3) for sooner, later in pairwise(fired) if later <= last}
        self.stage.require("G1", gaps <= {EVERY_S}, f"Fire times are apart by {sorted(gaps)} s.")
        steps = {round((fire - fired[0]) / EVERY_S, 3) for fire in fired}
        apart = {step for step in steps if step % 1}
        self.stage.require("G2", not apart, f"Fire times lie beside the grid: {sorted(apart)} steps from the first.")
