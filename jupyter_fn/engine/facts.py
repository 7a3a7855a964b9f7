"""The JSON of things, as CONTRACT has it: runs, functions, triggers, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model.function import Function
from ..model.run import Attempt, Run
from ..model.trigger import Trigger
from ..model.units import iso
from ..model.version import Version
from ..policy.pricing import report_line, report_run
from ..store.deliveries import Delivery
from ..store.effects import Effect
from ..store.lanes import Parked
from .catalog import live_version

_PLAIN = (
    *("id", "function", "version", "alias", "trigger", "event_id", "batch_size", "duration_ms"),
    *("billed_ms", "init_ms", "memory_mb", "max_memory_mb", "cpu_ms", "bytes_read", "bytes_written", "cost_usd"),
    *("price_book", "worker", "cold", "error", "result", "parent", "replay", "lost", "cancel_requested"),
)


def run_json(run: Run) -> dict[str, Any]:
    """One run. `attempts` are those that its price counts; those `lost` to infrastructure are apart from them."""
    return {
        **{name: getattr(run, name) for name in _PLAIN},
        "state": run.state.shown,
        "reason": str(run.reason),
        "attempts": run.attempts - run.lost,
        "created": iso(run.created),
        "started": iso(run.started),
        "ended": iso(run.ended),
        "due": iso(run.due) if run.due else None,
        "report": report_run(run) if run.billed_ms else "",
    }


def attempt_json(attempt: Attempt, *, memory_mb: int) -> dict[str, Any]:
    """One attempt of a run, with its REPORT line."""
    usage = vars(attempt.usage)
    return {
        "number": attempt.number,
        "worker": attempt.worker,
        "state": attempt.state,
        "started": iso(attempt.started),
        "ended": iso(attempt.ended),
        "billed_ms": attempt.billed_ms,
        **usage,
        "error": attempt.error,
        "report": report_of(attempt, memory_mb=memory_mb),
    }


def effect_json(effect: Effect) -> dict[str, Any]:
    """One effect barrier that a run has passed; `done` when its block was left as it should."""
    return {"name": effect.name, "entered": iso(effect.entered), "done": iso(effect.done)}


def report_of(attempt: Attempt, *, memory_mb: int) -> str:
    """The REPORT line of one attempt; "" for one that was lost."""
    if attempt.state == "lost":
        return ""
    return report_line(attempt.run_id, attempt.usage, billed_ms=attempt.billed_ms, memory_mb=memory_mb)


def attempt_log(text: str, report: str) -> str:
    """What an attempt has printed, then its REPORT line."""
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in (text, report) if part)


def run_log(run: Run, text: str) -> str:
    """The log of a run that ended with its only attempt."""
    return attempt_log(text, report_run(run))


def trigger_json(trigger: Trigger, *, paused: bool, lag: int, rests: str = "") -> dict[str, Any]:
    """One trigger; `lag` is how many of its events are admitted and have not ended. `rests`: why it is paused by itself."""
    paused = (paused or bool(rests)) and trigger.state in ("active", "failing")
    return {
        "id": trigger.id,
        "uri": trigger.uri,
        "state": "paused" if paused else trigger.state,
        "lag": lag,
        "alias": trigger.alias,
        "error": rests if paused and rests else trigger.error,
    }


def function_json(
    function: Function,
    triggers: Sequence[Trigger],
    *,
    counts: Mapping[str, int],
    lags: Mapping[str, int],
    cost_usd: str,
    undelivered: int = 0,
    rests: str = "",
) -> dict[str, Any]:
    """One function; `undelivered` is how many records no destination has taken, `rests` why its triggers do. Versions in
    the weights of aliases are texts, as JSON wants it."""
    paused = function.state == "paused"
    return {
        "name": function.name,
        "version": live_version(function),
        "state": function.state,
        "triggers": [
            trigger_json(trigger, paused=paused, lag=lags.get(trigger.id, 0), rests=rests) for trigger in triggers
        ],
        "runs": dict(counts),
        "cost_usd": cost_usd,
        "tags": dict(function.tags),
        "aliases": {alias: {str(n): w for n, w in weights.items()} for alias, weights in function.aliases.items()},
        "latest": function.latest,
        "undelivered": undelivered,
        "rests": rests,
    }


def function_detail(function: Function, version: Version | None, resting: Sequence[Parked]) -> dict[str, Any]:
    """What `show` has beyond `function_json`; its `version` takes the place of the number."""
    shown = version_json(version) if version else {}
    return {
        "parked": [{"key": one.lane, "run": one.run_id, "since": iso(one.since)} for one in resting],
        "created": iso(function.created),
        "version": shown or None,
        "source": shown.get("source", ""),
        "captured": shown.get("captured", []),
    }


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """One record that is on its way to a destination, or was."""
    plain = {name: getattr(delivery, name) for name in ("id", "target", "state", "tries", "error")}
    return {**plain, "created": iso(delivery.created), "due": iso(delivery.due)}


def delivery_sentence(delivery: Delivery) -> str:
    """What became of it, for people."""
    if delivery.state == "done":
        return f"Its record was taken by {delivery.target}."
    if delivery.state == "dead":
        return f"Its record was not taken by {delivery.target}, which is given up. {delivery.error}"
    again = f", which has refused it {delivery.tries}×; again at {iso(delivery.due)}. {delivery.error}"
    return f"Its record is on its way to {delivery.target}{again if delivery.tries else '.'}"


def version_json(version: Version) -> dict[str, Any]:
    """One version."""
    return {**version.to_dict(), "created": iso(version.created)}
