"""A function follows another one's successes, a second one its failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ..scenario import Scenario, draft, verb
from ..world import Nature


class Following(Scenario):
    """`leader` is invoked; `heir` follows its successes, `mourner` its failures."""

    drafts = (
        draft("leader", retries=0),
        draft("heir", on=("fn:leader",), retries=1, backoff="fixed(1s)"),
        draft("mourner", on=("fn:leader on=failure",), retries=1, backoff="none"),
    )
    natures = {"leader": Nature(fails=0.4), "heir": Nature(fails=0.1), "mourner": Nature(fails=0.1)}

    def acts(self) -> Sequence[Callable[[], None]]:
        """The leader is invoked."""
        return [self._invoke] * 6

    def _invoke(self) -> None:
        event = {"n": self.stage.number()}
        self.stage.ask(f"invoke leader {event}", lambda e: verb(e, "invoke")("leader", event))

    def settled(self) -> bool:
        """The followers have read all ends of the leader's runs that are theirs."""
        return all(self._missing(*row) == set() for row in _PAIRS)

    def _missing(self, follower: str, states: str) -> set[str]:
        return self._ended(states) - {key for key, _ in self._followed(follower)}

    def _ended(self, states: str) -> set[str]:
        rows = self.stage.rows(f"SELECT id FROM runs WHERE function = 'leader' AND state IN {states}")
        return {row[0] for row in rows}

    def _followed(self, follower: str) -> list[tuple[str, str]]:
        return self.stage.rows("SELECT key, data FROM events WHERE function = ?", follower)

    def check(self) -> None:
        """Every end of a run of the leader has come to its follower once, with its result."""
        require = self.stage.require
        for follower, states in _PAIRS:
            followed = self._followed(follower)
            keys = [key for key, _ in followed]
            require("G2", len(keys) == len(set(keys)), f"{follower} has an event twice: {keys}.")
            require("G1", set(keys) == self._ended(states), f"{follower} was told of {keys}.")
            for key, data in followed:
                told = json.loads(data)["data"]
                said = told.get("run", key)
                require("G3", said == key, f"{follower} was told the result of run {said} for that of {key}.")


_PAIRS = (("heir", "('succeeded')"), ("mourner", "('dead', 'failed')"))
