"""Records come to a topic, are taken in batches, and each batch makes records for another topic."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..scenario import Scenario, Stage, draft, verb
from ..world import Nature


class Topics(Scenario):
    """`batcher` takes what comes to `t` and emits to `u`, which `second` takes."""

    drafts = (
        draft("batcher", on=("topic:t batch=3 window=0.5s",), retries=2, backoff="fixed(1s)"),
        draft("second", on=("topic:u batch=2",), retries=1, backoff="none"),
    )
    natures = {"batcher": Nature(emits="u"), "second": Nature(fails=0.1)}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._emitted: dict[int, bool] = {}  # value → acknowledged

    def acts(self) -> Sequence[Callable[[], None]]:
        """Records come."""
        return [self._emit] * 6

    def _emit(self) -> None:
        values = [self.stage.number() for _ in range(self.stage.chance.randint(1, 4))]
        self._emitted.update(dict.fromkeys(values, False))

        def heard(answer: dict[str, Any]) -> None:
            self._emitted.update(dict.fromkeys(values, True))

        items = [{"value": value} for value in values]
        self.stage.ask(f"emit {values}", lambda e: verb(e, "emit")("t", items), heard)

    def settled(self) -> bool:
        """The triggers have read to the ends of their topics."""
        read = dict(self.stage.rows("SELECT target, position FROM triggers WHERE scheme = 'topic'"))
        ends = dict(self.stage.rows("SELECT topic, max(seq) FROM records GROUP BY topic"))
        return all(json.loads(read[f"topic:{topic}"] or "0") == ends.get(topic, 0) for topic in "tu")

    def check(self) -> None:
        """Each record that was acknowledged is there once; each record that is there has come to one event, in order."""
        require = self.stage.require
        there = Counter(json.loads(row[0]) for row in self.stage.rows("SELECT value FROM records WHERE topic = 't'"))
        for value, acknowledged in self._emitted.items():
            require("G1", there[value] >= acknowledged, f"The record {value} was acknowledged and is not there.")
            require("G2", there[value] <= 1, f"The record {value} was emitted once and is there {there[value]} times.")
        for topic in "tu":
            self._check_reading(topic)

    def _check_reading(self, topic: str) -> None:
        seqs = [row[0] for row in self.stage.rows("SELECT seq FROM records WHERE topic = ? ORDER BY seq", topic)]
        data = self.stage.rows("SELECT data FROM events WHERE source = ? ORDER BY seq", f"topic:{topic}")
        read = [record["offset"] for row in data for record in json.loads(row[0])["records"]]
        self.stage.require("G1", read == seqs, f"The topic {topic} has the records {seqs}; events hold {read}.")
