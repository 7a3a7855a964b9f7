"""Outcomes: from what an environment says, or from how it ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..model.run import Outcome, Record, Staged, Usage
from . import faults
from .nursery import Death
from .warm import Ticket, Warm


def said(message: dict[str, Any], ticket: Ticket, *, log: str) -> Outcome:
    """An environment's own words, and what was seen and heard meanwhile, of its child processes too."""
    usage = message["usage"]
    usage["max_memory_mb"] = max(usage["max_memory_mb"], ticket.peak_kb >> 10)
    return Outcome(
        run_id=message["run_id"],
        token=message["token"],
        started=message["started"],
        ended=message["ended"],
        usage=Usage(**usage),
        result=message["result"],
        error=message["error"],
        staged=tuple(Staged(**file) for file in message["staged"]),
        emitted=tuple(Record(**record) for record in message["emitted"]),
        log=log,
        failed=tuple(message["failed"]),
        wrote=tuple(ticket.wrote),
    )


def unsaid(ticket: Ticket, error: Mapping[str, Any], *, log: str = "") -> Outcome:
    """Of a run that never began."""
    now = time.time()
    run_id, token = ticket.key
    return Outcome(run_id=run_id, token=token, started=now, ended=now, usage=Usage(), error=error, log=log)


def cut_short(ticket: Ticket, warm: Warm, death: Death, *, log: str) -> Outcome | None:
    """Of the run that was in progress, or being loaded for, when its environment ended; None when nobody wants it."""
    error = _reason(ticket, warm, death)
    if error is None:
        return None
    duration_s = time.monotonic() - warm.since if warm.loaded else 0.0
    fresh = warm.runs == 0 and not warm.ahead
    usage = Usage(
        duration_ms=duration_s * 1000,
        init_ms=warm.init_ms if fresh else 0.0,
        cold=fresh,
        max_memory_mb=max(1, ticket.peak_kb >> 10),
        cpu_ms=max(0.0, death.cpu_ms - warm.cpu_ms),
    )
    now = time.time()
    run_id, token = ticket.key
    return Outcome(
        run_id=run_id,
        token=token,
        started=now - duration_s,
        ended=now,
        usage=usage,
        error=error,
        log=log,
        wrote=tuple(ticket.wrote),
    )


def _reason(ticket: Ticket, warm: Warm, death: Death) -> Mapping[str, Any] | None:
    doom = warm.doom
    if doom is not None and doom.error is None:
        return None
    if doom is not None and doom.ticket is ticket:
        return doom.error
    if doom is not None:  # it was meant for the run before, which ended by itself in the same moment
        return faults.not_startable("the environment was stopped")
    if death.reason:
        return faults.not_startable(death.reason)
    if death.out_of_memory:
        return faults.out_of_memory(warm.terms.memory_mb, max(warm.terms.memory_mb, ticket.peak_kb >> 10))
    return faults.died(death.status)
