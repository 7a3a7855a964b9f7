"""What must be true of a store, as the world around it knows: docs/guarantees.md, asked of the rows themselves."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, Protocol

from jupyter_fn.model.run import Outcome, State

from .world import World

_OPEN = "('queued', 'claimed', 'running', 'publishing', 'waiting')"
_HELD = "('claimed', 'running', 'publishing')"
_HELD_NOW = f"SELECT function, count(*) FROM runs WHERE state IN {_HELD} GROUP BY function"

_TORN = """
SELECT run.id, run.batch_size, sum(part.batch_size) FROM runs AS run LEFT JOIN runs AS part ON part.parent = run.id
AND part.replay = run.replay WHERE run.state = 'split' GROUP BY run.id HAVING coalesce(sum(part.batch_size), 0) != run.batch_size
"""  # of a split run that was not redriven meanwhile


class Examined(Protocol):
    """What is asked."""

    world: World
    limits: dict[str, int]

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the store holds."""

    def require(self, guarantee: str, holds: bool, what: str) -> None:
        """Raises Broken."""


def open_runs(one: Examined) -> bool:
    """Whether some run has not ended."""
    return bool(one.rows(f"SELECT 1 FROM runs WHERE state IN {_OPEN} LIMIT 1"))


def check_commit(one: Examined, *, whole: bool) -> None:
    """After every COMMIT; `whole`: also what takes its time."""
    for (what,) in one.rows("SELECT what FROM laboratory"):
        one.require(what.partition(":")[0], False, what)
    for function, held in one.rows(_HELD_NOW):
        limit = one.limits.get(function)
        one.require(
            "G7", limit is None or held <= limit, f"{function} holds {held} runs at once, its limit is {limit}."
        )
    if whole:
        _check_ledger(one)


def _check_ledger(one: Examined) -> None:
    without = one.rows("SELECT id FROM events WHERE batch = '' AND id NOT IN (SELECT event_id FROM runs)")
    one.require("G9", not without, f"Events without a run: {without}.")
    orphans = one.rows("SELECT id FROM runs WHERE event_id NOT IN (SELECT id FROM events)")
    one.require("G9", not orphans, f"Runs without an event: {orphans}.")
    one.require("G9", not one.rows(_TORN), f"Batches whose parts are not whole: {one.rows(_TORN)}.")
    firsts = one.rows("SELECT event_id FROM runs WHERE parent = '' GROUP BY event_id HAVING count(*) > 1")
    one.require("G2", not firsts, f"Events with two first runs: {firsts}.")
    twice = one.rows("SELECT trigger, key FROM events GROUP BY trigger, key HAVING count(*) > 1")
    one.require("G2", not twice, f"Admitted twice: {twice}.")
    ended = one.rows("SELECT run FROM finishes GROUP BY run HAVING count(*) > 1")
    one.require("G3", not ended, f"Runs (seq) that have ended twice: {ended}.")


def check_end(one: Examined) -> None:
    """When all has come to an end."""
    check_commit(one, whole=True)
    open_ = one.rows(f"SELECT id, function, state, token, worker FROM runs WHERE state IN {_OPEN}")
    one.require("G1", not open_, f"Runs that never ended: {open_}.")
    attempts = defaultdict(list)
    for seq, token, state, billed_ms, error in one.rows("SELECT run, token, state, billed_ms, error FROM attempts"):
        attempts[seq].append((token, state, billed_ms, error))
    query = "SELECT id, state, reason, token, attempts, lost, interrupted, billed_ms, tried, result"
    for row in one.rows(f"{query}, seq FROM runs"):
        _check_run(one, row[:-1], attempts[row[-1]])
    finished = Counter(row[0] for row in one.rows("SELECT run FROM finishes"))
    unfinished = one.rows("SELECT seq FROM runs WHERE state != 'skipped'")
    one.require(
        "G1", finished == Counter(row[0] for row in unfinished), "The log of finished runs is not that of the runs."
    )


def _check_run(one: Examined, row: Any, attempts: list[Any]) -> None:
    run_id, state, reason, token, made, lost, interrupted, billed_ms, tried, result = row
    name = f"Run {run_id} ({state}, token {token})"
    one.require("G9", made == len(attempts), f"{name} counts {made} attempts and has {len(attempts)}: {attempts}.")
    rows_lost = sum(attempt[1] == "lost" for attempt in attempts)
    one.require("G9", lost == rows_lost, f"{name} counts {lost} lost attempts and has {rows_lost}.")
    paid = sum(attempt[2] for attempt in attempts)
    one.require("cost", billed_ms == paid, f"{name} is billed {billed_ms} ms, its attempts {paid} ms.")
    won = [attempt[0] for attempt in attempts if attempt[1] == "succeeded"]
    beaten = [number for number in won if number != token and not _was_refused(one, (run_id, number))]
    one.require("G3", not beaten, f"{name} was won by the attempts {beaten} as well.")
    if state == State.SUCCEEDED and made:  # the part of a batch that was done is born with its end
        one.require("G3", token in won, f"{name} was won by {won}.")
        said = one.world.said.get((run_id, token))
        one.require(
            "G3",
            _is_good(said),
            f"{name} succeeded, and no attempt has said so: {said}.",
        )
        told = json.loads(result) if result else None
        one.require("G3", told == {"run": run_id, "token": token}, f"{name} has the result {told}.")
    for number, what, _, _ in attempts:
        _check_attempt(one, name, (run_id, number), what)
    if state == State.DEAD:
        _check_death(one, name, reason, tried + made - lost, lost - interrupted)


def _is_good(said: Outcome | None) -> bool:
    """It succeeded, or in part."""
    return said is not None and (said.error is None or bool(said.failed))


def _was_refused(one: Examined, token: tuple[str, int]) -> bool:
    """The attempt succeeded, and its files could not be put in place."""
    said = one.world.said.get(token)
    return said is not None and any(file.staged in one.world.folder.refused for file in said.staged)


def _check_attempt(one: Examined, name: str, token: tuple[str, int], state: str) -> None:
    if state == "lost":
        return
    said = one.world.said.get(token)
    ran = token in one.world.started or state == "cancelled"  # it may be killed while it waits on its worker
    one.require("G4", ran, f"{name}: attempt {token[1]} is {state}, and user code never started.")
    one.require("G3", said is not None, f"{name}: attempt {token[1]} is {state}, and nobody has said so.")
    assert said is not None
    good = _is_good(said)
    one.require("G3", good == (state == "succeeded"), f"{name}: attempt {token[1]} is {state}, it said {said.error}.")


def _check_death(one: Examined, name: str, reason: str, failures: int, losses: int) -> None:
    honest: dict[str, Callable[[], bool]] = {
        "WorkerLost": lambda: losses >= 3,
        **dict.fromkeys(("EventAgeExceeded", "ZeroReservedConcurrency"), lambda: True),
    }
    holds = honest.get(reason, lambda: failures >= 1)()
    one.require("G1", holds, f"{name} died of {reason} after {failures} failures and {losses} losses.")
