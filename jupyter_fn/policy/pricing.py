"""What runs cost: the price of a run, AWS's REPORT line, price books, and the cost summary."""

from __future__ import annotations

import math

from ..model.cost import PriceBook, price
from ..model.run import Run, State
from ..model.units import money


def billed_ms(duration_ms: float) -> int:
    """One attempt's duration in whole milliseconds, rounded up, as AWS Lambda bills it."""
    return math.ceil(duration_ms)


def billed_attempts(run: Run) -> int:
    """Attempts that ended and were not lost to infrastructure: the `requests` of the price formula."""
    under_way = run.state in (State.CLAIMED, State.RUNNING)
    return run.attempts - run.lost - under_way


def price_attempts(book: PriceBook, *, requests: int, billed_ms: int, memory_mb: int) -> str:
    """Exact decimal text of what `requests` attempts cost that were billed `billed_ms` together."""
    return money(price(book, requests=requests, mb_ms=billed_ms * memory_mb))
