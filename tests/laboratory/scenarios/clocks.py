"""Clocks on the wall are set, and machines sleep: what is due by then is done soon, not when a timer rings that was set
before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import floor

from jupyter_fn.model.units import iso

from ..scenario import Scenario, Stage, draft, verb
from ..world import Nature

_SOON_S = 30.0
_SLEEP_S = 900.0
_EVERY_S = 600.0
_DELAY_S = 300.0  # of a retry, and until a batch goes


class Clocks(Scenario):
    """`seldom` fires every ten minutes, `patient` waits five for its retry, `sheep` five for its batch to fill."""

    drafts = (
        draft("seldom", on=("rate(10 minutes)",), retries=0),
        draft("patient", retries=1, backoff="fixed(300s)"),
        draft("sheep", on=("topic:s batch=100 window=300s",), retries=0),
    )
    natures = {"seldom": Nature(fails=0.0), "patient": Nature(fails=0.5), "sheep": Nature(fails=0.0)}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._asleep = True

    def acts(self) -> Sequence[Callable[[], None]]:
        """Clocks are set; runs are made that wait."""
        return [self._set, self._invoke, self._invoke, self._emit]

    def _set(self) -> None:
        skew = self.stage.chance.choice([-700.0, -30.0, 30.0, 700.0])
        self.stage.time.skew += skew
        self.stage.note(f"all clocks are set by {skew} s")

    def _invoke(self) -> None:
        events = [{"n": self.stage.number()} for _ in range(self.stage.chance.randint(1, 3))]
        self.stage.ask(f"map patient {events}", lambda e: verb(e, "map")("patient", events))

    def _emit(self) -> None:
        value = self.stage.number()
        self.stage.ask(f"emit {value}", lambda e: verb(e, "emit")("s", [{"value": value}]))

    def calm_down(self) -> None:
        """The machine sleeps for a quarter of an hour."""
        self.stage.time.after(2.0, self._sleep)

    def _sleep(self) -> None:
        self.stage.time.skew += _SLEEP_S
        self.stage.note(f"the machine has slept for {_SLEEP_S} s")
        self.stage.time.after(_SOON_S, self._wake)

    def _wake(self) -> None:
        """What was due when it woke up is done, and nothing waits for a time that was none."""
        self._asleep = False
        require, now = self.stage.require, self.stage.time.wall()
        then = now - _SOON_S
        late = self.stage.rows("SELECT id FROM runs WHERE state = 'waiting' AND due <= ?", then)
        require("time", not late, f"Retries that are due for {_SOON_S} s: {late}.")
        far = self.stage.rows("SELECT id, due FROM runs WHERE state = 'waiting' AND due > ?", now + _DELAY_S + 1.0)
        require("time", not far, f"Retries that wait for longer than {_DELAY_S} s, it is {now}: {far}.")
        position = json.loads(self.stage.rows("SELECT position FROM triggers WHERE function = 'seldom'")[0][0])
        fires = _fires_next(**position)
        require("time", then < fires <= now + 2 * _EVERY_S, f"seldom fires at {iso(fires)}, it is {iso(now)}.")
        taken = self.stage.rows("SELECT CAST(position AS INTEGER) FROM triggers WHERE function = 'sheep'")[0][0] or 0
        next_one = "SELECT timestamp FROM records WHERE topic = 's' AND seq > ? ORDER BY seq LIMIT 1"
        waits = [came for (came,) in self.stage.rows(next_one, taken) if not then - _DELAY_S < came <= now]
        require("time", not waits, f"Records wait behind {taken}, the first since {waits}, it is {now}.")

    def settled(self) -> bool:
        """It has slept."""
        return not self._asleep


def _fires_next(anchor: float, last: float) -> float:
    """The first fire is one period after the anchor, which a clock that was set back leaves ahead by one at most."""
    return anchor + max(1, floor((last - anchor) / _EVERY_S + 1e-6) + 1) * _EVERY_S
