"""What a destination is told of a run that has ended, under which names, and when it is told again."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ..model.event import NewEvent
from ..model.run import Reason, Run, State
from ..model.target import Kind, parse_target
from .attempt import class_of
from .retry import EXPONENTIAL, delay_s

GIVE_UP_S = 86_400.0  # a destination that takes nothing for so long gets it no more
_NOT_BEGUN = frozenset({Reason.EVENT_AGE_EXCEEDED, Reason.ZERO_CONCURRENCY})  # conditions that AWS has by these names
_COME_BACK = frozenset({408, 425, 429})


def invocation_record(run: Run, payload: Any) -> dict[str, Any]:
    """AWS's record of an asynchronous invocation
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html), version 1.0.

    `payload` is the event as the handler saw it. Where AWS has no word for why a run was given up, the condition is
    RetriesExhausted, and `requestContext.reason` says it. A run that was never begun has no `responseContext`.
    """
    record = {
        "version": "1.0",
        "timestamp": _milliseconds(run.ended or 0.0),
        "requestContext": _request(run),
        "requestPayload": payload,
    }
    if run.attempts:
        record["responseContext"] = _response(run)
    return record | {"responsePayload": run.result if run.state is State.SUCCEEDED else _error(run.error or {})}


def _request(run: Run) -> dict[str, Any]:
    context = {
        "requestId": run.id,
        "functionArn": f"arn:jupyter-fn:lambda:local:0:function:{run.function}:{run.version}",
        "condition": "Success",
        "approximateInvokeCount": run.tried + run.attempts - run.lost,
    }
    if run.state is State.SUCCEEDED:
        return context
    if run.reason in _NOT_BEGUN:
        return context | {"condition": str(run.reason)}
    said = {} if run.reason == Reason.RETRIES_EXHAUSTED else {"reason": str(run.reason)}
    return context | {"condition": Reason.RETRIES_EXHAUSTED.value} | said


def _response(run: Run) -> dict[str, Any]:
    context = {"statusCode": 200, "executedVersion": str(run.version)}
    if run.state is State.SUCCEEDED:
        return context
    told = class_of(run.error or {}) == "BatchFailed"  # the handler itself has said what failed
    return context | {"functionError": "Handled" if told else "Unhandled"}


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    said = {"errorMessage": str(error.get("message", "")), "errorType": str(error.get("type", ""))}
    return said | {"stackTrace": str(error.get("traceback") or "").splitlines()}


def _milliseconds(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- names


def event_for(function: str, run: Run, record: Mapping[str, Any]) -> tuple[str, NewEvent]:
    """The trigger id and the event by which `function` is told. All functions that are told of `run` share the trigger id,
    so the key names the one that is meant."""
    won = run.state is State.SUCCEEDED
    event = NewEvent(
        key=f"{function}/{run.id}",
        type="destination.success" if won else "destination.failure",
        source=f"fn:{run.function}",
        time=run.ended or 0.0,
        data=record,
        cause=run.id,
        hops=run.hops + 1,
    )
    return f"{'then' if won else 'on-failure'}:{run.function}", event


def absolute(text: str, folder: str) -> str:
    """A target text that means the same everywhere: a relative path is one in `folder`."""
    target = parse_target(text)
    if target.kind is Kind.FUNCTION:
        return f"fn:{target.address}"
    if target.kind is not Kind.FILE:
        return text
    path = target.address.removeprefix("file://")
    return path if "://" in path else posixpath.normpath(posixpath.join(folder, path))


def path_for(pattern: str, *, function: str, run_id: str, moment: float) -> str:
    """The path or URL of the file with the record of a run that ended at `moment`; the same run always has the same."""
    date = datetime.fromtimestamp(moment, UTC).date().isoformat()
    for name, value in {"run": run_id, "function": function, "date": date}.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


# --- trying again


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a destination has not taken a record. `final`: it never will."""

    says: str
    final: bool = False
    retry_after_s: float | None = None  # what it asks for itself


def judge_answer(status: int, headers: Mapping[str, str], now: float) -> Refusal | None:
    """What an HTTP answer means: None is "taken". Statuses that say that the request is wrong are final."""
    if 200 <= status < 300:
        return None
    final = 300 <= status < 500 and status not in _COME_BACK
    return Refusal(f"It answered {status}.", final=final, retry_after_s=retry_after_s(headers, now))


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` (RFC 9110, 10.2.3): seconds, or a date. None when it is not there, or says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def own_wait_s(delivery: str, tries: int) -> float:
    """How long a delivery waits after its `tries`-th refusal, were it not asked for more."""
    return delay_s(EXPONENTIAL, tries, seed=f"{delivery}:{tries}") if tries else 0.0


def next_try(refusal: Refusal, *, delivery: str, tries: int, created: float, now: float) -> float | None:
    """When a delivery that was refused for the `tries`-th time is tried again; None when it is given up."""
    wait_s = own_wait_s(delivery, tries)
    asked = refusal.retry_after_s
    if asked is not None and math.isfinite(asked):
        wait_s = max(wait_s, asked)
    due = now + wait_s
    return None if refusal.final or due - created > GIVE_UP_S else due
