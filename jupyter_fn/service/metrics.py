"""Prometheus text (https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable

from ..engine.engine import Engine

Sample = tuple[dict[str, str], float | str]


async def metrics_text(engine: Engine) -> str:
    """Runs by function and state, cost by function, whose triggers rest, workers and their load."""
    functions = await engine.questions.functions()
    workers = engine.workers()
    states = [
        ({"function": one["name"], "state": state}, count) for one in functions for state, count in one["runs"].items()
    ]
    costs = [({"function": one["name"]}, one["cost_usd"]) for one in functions]
    lags = [
        ({"function": one["name"], "trigger": trigger["id"]}, trigger["lag"])
        for one in functions
        for trigger in one["triggers"]
    ]
    resting = [({"function": one["name"]}, int(bool(one["rests"]))) for one in functions]
    return "".join(
        [
            _metric("jupyter_fn_runs", "gauge", "Runs by state.", states),
            _metric("jupyter_fn_cost_usd_total", "counter", "Cost of all runs in US dollars.", costs),
            _metric("jupyter_fn_trigger_lag", "gauge", "Events admitted and not ended.", lags),
            _metric("jupyter_fn_breaker_open", "gauge", "1 while too many failures make triggers rest.", resting),
            _metric("jupyter_fn_workers", "gauge", "Workers of the cluster.", [({}, len(workers))]),
            _metric(
                "jupyter_fn_runs_held", "gauge", "Runs that workers hold.", [({}, sum(_busy(one) for one in workers))]
            ),
        ]
    )


def _busy(worker: dict[str, object]) -> int:
    return int(str(worker["busy"]))


def _metric(name: str, kind: str, says: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{_labels(labels)} {value}\n" for labels, value in samples]
    return "".join([f"# HELP {name} {says}\n", f"# TYPE {name} {kind}\n", *lines])


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
