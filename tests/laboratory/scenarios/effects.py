"""Handlers with an effect that must not happen twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..scenario import Scenario, draft, verb
from ..world import Nature


class Effects(Scenario):
    """`payer` pays in the middle of its handler."""

    drafts = (draft("payer", retries=3, backoff="fixed(0.5s)"),)
    natures = {"payer": Nature(effect="pay", fails=0.2, dies=0.1, short=0.3, long_s=3.0)}

    def acts(self) -> Sequence[Callable[[], None]]:
        """The payer is invoked."""
        return [self._invoke] * 6

    def _invoke(self) -> None:
        events = [{"n": self.stage.number()} for _ in range(self.stage.chance.randint(1, 4))]
        self.stage.ask(f"map payer {events}", lambda e: verb(e, "map")("payer", events))

    def check(self) -> None:
        """Nobody has paid twice; of whom nobody knows whether they have paid, they are `unknown`."""
        require, world = self.stage.require, self.stage.world
        states = dict(self.stage.rows("SELECT id, state FROM runs WHERE function = 'payer'"))
        stored = dict(self.stage.rows("SELECT run_id, token FROM effects"))
        for (run_id, effect), tokens in world.passed.items():
            require("effect", len(tokens) == 1, f"Run {run_id} has passed {effect} with the tokens {tokens}.")
            require("effect", stored.get(run_id) == tokens[0], f"Run {run_id} passed, stored is {stored.get(run_id)}.")
            require(
                "effect", states[run_id] in ("succeeded", "unknown", "cancelled"), f"Run {run_id}: {states[run_id]}."
            )
        for run_id, state in states.items():
            known = state != "unknown" or run_id in stored
            require("effect", known, f"Run {run_id} is unknown, and has passed no barrier.")
