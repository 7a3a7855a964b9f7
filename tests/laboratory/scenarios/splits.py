"""Batches with items that never succeed, and batches of which some items fail: the good ones are done, each once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from jupyter_fn.model.errors import BatchFailed, HandlerFailed, RunError

from ..scenario import Scenario, Stage, draft, verb
from ..world import Answer, Nature

POISON = 5  # every so many an item is poisonous


def bisect(event: Mapping[str, Any], chance: Random) -> Answer | RunError:
    """One poisonous item spoils its batch."""
    return HandlerFailed("poison", kind="ValueError") if any(map(_is_poison, _values(event))) else {}


def report(event: Mapping[str, Any], chance: Random) -> Answer | RunError:
    """The handler says which items failed: the poisonous ones, and now and then another."""
    values = _values(event)
    bad = [place for place, value in enumerate(values) if _is_poison(value) or chance.random() < 0.1]
    if not bad:
        return {}
    error = BatchFailed(f"{len(bad)} failed")
    return {"failed": tuple(bad), "error": error.to_dict()} if len(bad) < len(values) else error


class Splits(Scenario):
    """`halver` fails as a whole, `teller` says which items failed."""

    drafts = (
        draft("halver", on=("topic:h batch=4 window=1s",), retries=1, backoff="none"),
        draft("teller", on=("topic:h batch=3",), retries=1, backoff="fixed(1s)"),
    )
    natures = {
        "halver": Nature(handler=bisect, fails=0.05, long_s=1.0),
        "teller": Nature(handler=report, fails=0.05, long_s=1.0),
    }

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._emitted: set[int] = set()

    def acts(self) -> Sequence[Callable[[], None]]:
        """Records come."""
        return [self._emit] * 4

    def _emit(self) -> None:
        values = [self.stage.number() for _ in range(self.stage.chance.randint(1, 5))]
        items = [{"value": value} for value in values]
        self.stage.ask(f"emit {values}", lambda e: verb(e, "emit")("h", items))

    def settled(self) -> bool:
        """Both triggers have read to the end."""
        ends = {
            position or "0" for (position,) in self.stage.rows("SELECT position FROM triggers WHERE target = 'topic:h'")
        }
        (end,) = self.stage.rows("SELECT coalesce(max(seq), 0) FROM records WHERE topic = 'h'")[0]
        return ends == {str(end)}

    def check(self) -> None:
        """Each item is in one run that has ended for good: done, dead if it is poisonous, or cancelled by somebody else."""
        there = Counter(json.loads(row[0]) for row in self.stage.rows("SELECT value FROM records WHERE topic = 'h'"))
        for name in ("halver", "teller"):
            self._check_items(name, there)

    def _check_items(self, name: str, there: Counter[int]) -> None:
        require = self.stage.require
        events = {
            i: json.loads(data) for i, data in self.stage.rows("SELECT id, data FROM events WHERE function = ?", name)
        }
        query = "SELECT event_id, state, reason, parts, batch_size FROM runs WHERE function = ? AND state != 'split'"
        ended: dict[str, Counter[int]] = {what: Counter() for what in ("succeeded", "dead", "lost", "cancelled")}
        for event_id, state, reason, parts, size in self.stage.rows(query, name):
            values = _values(events[event_id])
            ranges = json.loads(parts or "[]") or [[0, size]]
            ended["lost" if reason == "WorkerLost" else state].update(
                value for first, end in ranges for value in values[first:end]
            )
        seen = Counter[int]()
        for values in ended.values():
            seen += values
        require("G3", seen == there, f"{name} has {seen - there} too often, and {there - seen} not at all.")
        wrong = [value for value in ended["succeeded"] if _is_poison(value)]
        require("G3", not wrong, f"{name} is done with the poisonous items {wrong}.")
        if name == "halver":
            self._check_dead(ended["dead"])

    def _check_dead(self, dead: Counter[int]) -> None:
        """A single item that fails for another reason has its retries; to fail twice is rare, and the world knows of it."""
        innocent = [value for value in dead if not _is_poison(value)]
        failures = sum(said.error is not None for said in self.stage.world.said.values())
        self.stage.require("G1", not innocent or failures > len(innocent), f"Given up without a reason: {innocent}.")


def _is_poison(value: int) -> bool:
    return value % POISON == 0


def _values(event: Mapping[str, Any]) -> list[int]:
    return [record["value"] for record in event["records"]]
