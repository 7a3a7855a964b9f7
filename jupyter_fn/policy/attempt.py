"""What one attempt leaves behind: its row, its part in the run's sums, the kind of its error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..model.cost import PriceBook
from ..model.errors import WorkerLost, error_class
from ..model.run import Attempt, Outcome, Run, Usage
from .pricing import billed_ms, price_attempts

_NO_USAGE = Usage()


def account(run: Run, outcome: Outcome, book: PriceBook) -> dict[str, Any]:
    """The run's sums with this attempt in them. The price is that of the sums, which is exact because it is linear."""
    usage = outcome.usage
    billed = run.billed_ms + billed_ms(usage.duration_ms)
    requests = run.attempts - run.lost
    return {
        "started": outcome.started if run.started is None else run.started,
        "duration_ms": run.duration_ms + usage.duration_ms,
        "billed_ms": billed,
        "init_ms": run.init_ms + usage.init_ms,
        "cpu_ms": run.cpu_ms + usage.cpu_ms,
        "bytes_read": run.bytes_read + usage.bytes_read,
        "bytes_written": run.bytes_written + usage.bytes_written,
        "max_memory_mb": max(run.max_memory_mb, usage.max_memory_mb),
        "cold": usage.cold,
        "price_book": book.name,
        "cost_usd": price_attempts(book, requests=requests, billed_ms=billed, memory_mb=run.memory_mb),
    }


def made_attempt(run: Run, outcome: Outcome, state: str) -> Attempt:
    """The row of an attempt that brought an outcome."""
    return Attempt.filled(
        {
            "run_id": run.id,
            "number": run.attempts,
            "token": run.token,
            "worker": run.worker,
            "started": outcome.started,
            "ended": outcome.ended,
            "state": state,
            "usage": outcome.usage,
            "billed_ms": billed_ms(outcome.usage.duration_ms),
            "error": outcome.error,
        }
    )


def lost_attempt(run: Run, now: float, error: Mapping[str, Any]) -> Attempt:
    """The row of an attempt that brought none. Nobody keeps the start of a later attempt: it counts as just lost."""
    started = run.started if run.attempts == 1 and run.started is not None else now
    return Attempt(
        run_id=run.id,
        number=run.attempts,
        token=run.token,
        worker=run.worker,
        started=started,
        ended=now,
        state="lost",
        usage=_NO_USAGE,
        billed_ms=0,
        error=error,
    )


def lost_error(run: Run) -> dict[str, Any]:
    """What a lost attempt has instead of an outcome's error."""
    cause = f"The worker {run.worker} went away while it held attempt {run.attempts}."
    return WorkerLost(cause, "Look at the worker's own log; redrive the run when the cluster is well.").to_dict()


def class_of(error: Mapping[str, Any]) -> str:
    """Name of the error's class in `model.errors`."""
    return str(error.get("class") or error.get("type") or "")


@lru_cache(maxsize=256)
def is_fatal(kind: str) -> bool:
    """No retry helps against this class of error."""
    return bool(getattr(error_class(kind), "fatal", False))
