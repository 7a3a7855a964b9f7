"""People invoke functions, some with a key and until they have an answer; they cancel, redrive, pause and resume."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from jupyter_fn.engine.engine import Engine

from ..scenario import Scenario, Stage, draft, verb
from ..world import Nature

NAMES = ("plain", "narrow")
LIMITS = {"narrow": 2}
KEYS = "abcd"
_ON_ITS_WAY_S = 0.1  # an attempt that is sent already


class ByHand(Scenario):
    """`narrow` has a limit of two, `plain` has none."""

    drafts = (
        draft("plain", retries=1, backoff="fixed(2s)"),
        draft("narrow", retries=2, backoff="none", concurrency=LIMITS["narrow"]),
    )
    natures = {"plain": Nature(fails=0.2, fatal=0.05), "narrow": Nature(fails=0.3, short=0.4, long_s=3.0)}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._runs: dict[str, str] = {}  # acknowledged: run → function
        self._asked: Counter[int] = Counter()  # number of the event → 1 when it is acknowledged
        self._cancelled: dict[str, float] = {}  # run → when that was acknowledged
        self._keyed: dict[tuple[str, str], set[str]] = {}  # function, key → runs that were named

    def acts(self) -> Sequence[Callable[[], None]]:
        """What people do."""
        return (
            *[self._invoke] * 4,
            *[self._invoke_by_key] * 3,
            *[self._map] * 2,
            *[self._cancel] * 4,
            self._redrive,
            self._pause,
        )

    def _name(self) -> str:
        return self.stage.chance.choice(NAMES)

    def _event(self) -> dict[str, int]:
        number = self.stage.number()
        self._asked[number] = 0
        return {"n": number}

    def _invoke(self) -> None:
        name, event = self._name(), self._event()
        wait_s = self.stage.chance.choice([0.0, 0.0, 5.0])

        def heard(run: dict[str, Any]) -> None:
            self._runs[run["id"]] = name
            self._asked[event["n"]] = 1

        self.stage.ask(f"invoke {name} {event}", lambda e: verb(e, "invoke")(name, event, wait_s=wait_s), heard)

    def _map(self) -> None:
        name, events = self._name(), [self._event() for _ in range(self.stage.chance.randint(2, 4))]

        def heard(ids: list[str]) -> None:
            self._runs.update(dict.fromkeys(ids, name))
            self._asked.update({event["n"]: 1 for event in events})

        self.stage.ask(f"map {name} {events}", lambda e: verb(e, "map")(name, events), heard)

    def _invoke_by_key(self) -> None:
        name, key = self._name(), self.stage.chance.choice(KEYS)

        def heard(run: dict[str, Any]) -> None:
            self._keyed.setdefault((name, key), set()).add(run["id"])
            self._runs[run["id"]] = name

        def invoke(engine: Engine) -> Any:
            return verb(engine, "invoke")(name, {"key": key}, run_key=key)

        self.stage.ask(f"invoke {name} run_key={key}", invoke, heard, insist=True)

    def _cancel(self) -> None:
        going = [row[0] for row in self.stage.rows("SELECT id FROM runs WHERE state IN ('claimed', 'running')")]
        if some := going or list(self._runs):
            run_id = self.stage.chance.choice(some)

            def heard(run: dict[str, Any]) -> None:
                self._cancelled.setdefault(run_id, self.stage.time.now)

            self.stage.ask(f"cancel {run_id}", lambda e: verb(e, "cancel")(run_id), heard)

    def _redrive(self) -> None:
        name = self._name()
        self.stage.ask(f"redrive {name}", lambda e: verb(e, "redrive")(name, None, code="latest", dry_run=False))

    def _pause(self) -> None:
        name = self._name()
        self.stage.ask(f"pause {name}", lambda e: verb(e, "set_state")(name, "paused"))
        self.stage.time.after(self.stage.chance.uniform(0, 4), lambda: self._resume(name))

    def _resume(self, name: str) -> None:
        self.stage.ask(f"resume {name}", lambda e: verb(e, "set_state")(name, "active"), insist=True)

    def check(self) -> None:
        """What was acknowledged is there, once; a key has one run."""
        require = self.stage.require
        events = self.stage.rows("SELECT id, key, data, function FROM events WHERE trigger = 'invoke'")
        there = {row[0] for row in self.stage.rows("SELECT id FROM runs")}
        for run_id in self._runs:
            require("G1", run_id in there, f"Run {run_id} was acknowledged, and there is no such run.")
        for (run_id, token), started in self.stage.world.started.items():
            late = started - self._cancelled.get(run_id, started)
            require(
                "cancel", late < _ON_ITS_WAY_S, f"Run {run_id} was cancelled; {late} s later attempt {token} starts."
            )
        seen = Counter(data["n"] for data in (json.loads(row[2]) for row in events) if "n" in data)
        for number, acknowledged in self._asked.items():
            require("G1", seen[number] >= acknowledged, f"The event n={number} was acknowledged and is not there.")
            require("G2", seen[number] <= 1, f"The event n={number} was sent once and is there {seen[number]} times.")
        for (name, key), named in self._keyed.items():
            require("G2", len(named) == 1, f"run_key={key} of {name} was answered with the runs {sorted(named)}.")
            found = [row for row in events if row[1] == f"{name}/{key}"]
            require("G2", len(found) == 1, f"run_key={key} of {name} has {len(found)} events.")
