"""Handlers write files, which appear whole when their run has won, and emit records, which appear with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ..scenario import Scenario, Stage, draft, verb
from ..world import Nature


class Outputs(Scenario):
    """`writer` may run twice at once."""

    drafts = (draft("writer", retries=2, backoff="fixed(0.5s)", concurrency=2),)
    natures = {"writer": Nature(files=2, emits="written", fails=0.1)}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        stage.folder.unwilling = stage.chance.choice([0.0, 0.0, 0.2])

    def acts(self) -> Sequence[Callable[[], None]]:
        """The writer is invoked."""
        return [self._invoke] * 6

    def _invoke(self) -> None:
        events = [{"n": self.stage.number()} for _ in range(self.stage.chance.randint(1, 4))]
        self.stage.ask(f"map writer {events}", lambda e: verb(e, "map")("writer", events))

    def calm_down(self) -> None:
        """The filesystem works."""
        self.stage.folder.unwilling = 0.0

    def check(self) -> None:
        """The files of winners are there, whole; those of an attempt that never won are not."""
        require, files = self.stage.require, self.stage.folder.files
        won = dict(self.stage.rows("SELECT id, token FROM runs WHERE function = 'writer' AND state = 'succeeded'"))
        for run_id, token in won.items():
            for file in self.stage.world.said[run_id, token].staged:
                content = files.get(file.target)
                whole = f"{run_id}/{token}/{file.target.rpartition('.')[2]}"
                require("files", content == whole, f"{file.target} holds {content} and should hold {whole}.")
        accepted = set(self.stage.rows(_ACCEPTED))
        for path, content in files.items():
            if path.startswith("lab://out/") and ".staged." not in path:
                run_id, token, _ = content.split("/")
                require(
                    "files", (run_id, int(token)) in accepted, f"{path} is there, of attempt {token}, which never won."
                )
        left = [path for path in files if ".staged." in path and _token_of(path) in won.items()]
        require("files", not left, f"Staged files of runs that have won are left: {left}.")
        self._check_records()

    def _check_records(self) -> None:
        rows = self.stage.rows("SELECT value FROM records WHERE topic = 'written'")
        there = sorted(json.loads(row[0]) for row in rows)
        won = self.stage.rows("SELECT id, token FROM runs WHERE function = 'writer' AND state = 'succeeded'")
        emitted = [record.value for token in won for record in self.stage.world.said[token].emitted]
        self.stage.require(
            "emitted", there == sorted(emitted), f"Runs that have won emitted {emitted}, there is {there}."
        )


_ACCEPTED = "SELECT id, attempts.token FROM attempts JOIN runs ON seq = run WHERE attempts.state = 'succeeded'"


def _token_of(staged: str) -> tuple[str, int]:
    run_id, token = staged.removeprefix("lab://out/.").split(".")[:2]
    return run_id, int(token)
