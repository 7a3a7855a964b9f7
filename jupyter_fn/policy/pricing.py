"""What runs cost: the price of a run, AWS's REPORT line, price books, and the cost summary. Exact decimals throughout."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import Any

from ..model.cost import PRICE_BOOKS, PriceBook, price
from ..model.errors import BadValue, nearest
from ..model.run import Run, State, Usage
from ..model.units import money

_DIGITS = 60  # more than any sum of prices needs, so nothing is rounded
_PRICES = ("per_million_requests", "per_gb_s", "per_worker_hour")


# --- one run ------------------------------------------------------------------------------------------------------


def billed_ms(duration_ms: float) -> int:
    """One attempt's duration in whole milliseconds, rounded up, as AWS Lambda bills it."""
    return math.ceil(duration_ms)


def billed_attempts(run: Run) -> int:
    """Attempts that ended and were not lost to infrastructure: the `requests` of the price formula."""
    under_way = run.state in (State.CLAIMED, State.RUNNING)
    return run.attempts - run.lost - under_way


@lru_cache(maxsize=4096)  # short runs are billed a few milliseconds, so they have few prices
def price_attempts(book: PriceBook, *, requests: int, billed_ms: int, memory_mb: int) -> str:
    """Exact decimal text of what `requests` attempts cost that were billed `billed_ms` together."""
    return money(price(book, requests=requests, mb_ms=billed_ms * memory_mb))


def price_run(run: Run, book: PriceBook) -> str:
    """What a run has cost so far by `book`: exact decimal text."""
    return price_attempts(book, requests=billed_attempts(run), billed_ms=run.billed_ms, memory_mb=run.memory_mb)


def report_line(request_id: str, usage: Usage, *, billed_ms: int, memory_mb: int) -> str:
    """AWS Lambda's REPORT line, fields parted by tabs, Init Duration only when cold.

    Durations are rounded up to 0.01 ms, so that the shown duration, rounded up, is the billed one.
    """
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {_hundredths(usage.duration_ms)} ms",
        f"Billed Duration: {billed_ms} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {usage.max_memory_mb} MB",
        *([f"Init Duration: {_hundredths(usage.init_ms)} ms"] if usage.cold else []),
    ]
    return "\t".join(parts)


def report_run(run: Run) -> str:
    """The REPORT line of a run: its sums over all attempts."""
    usage = Usage(duration_ms=run.duration_ms, init_ms=run.init_ms, cold=run.cold, max_memory_mb=run.max_memory_mb)
    return report_line(run.id, usage, billed_ms=run.billed_ms, memory_mb=run.memory_mb)


def _hundredths(ms: float) -> str:
    return str(Decimal(repr(ms)).quantize(Decimal("0.01"), rounding=ROUND_CEILING))


# --- price books --------------------------------------------------------------------------------------------------


def book_named(name: str) -> PriceBook:
    """A price book of `model.cost` by name. Raises BadValue, with the nearest name."""
    if name not in PRICE_BOOKS:
        raise BadValue(f"There is no price book {name!r}.", f"{nearest(name, list(PRICE_BOOKS))} Or give a TOML file.")
    return PRICE_BOOKS[name]


def book_from_dict(data: Mapping[str, Any], *, name: str) -> PriceBook:
    """A user's own price book: the keys of `PriceBook`, prices as texts or numbers; `name` when it names none itself.

    Raises:
        BadValue: an unknown key, or a price that is no number of 0 or more.
    """
    known = [field.name for field in fields(PriceBook)]
    for key in data:
        if key not in known:
            raise BadValue(f"{key!r} is not a key of the price book {name!r}.", nearest(key, known))
    prices = {key: _price(key, data[key]) for key in _PRICES if key in data}
    since = str(data.get("since", PriceBook(name="").since))
    return PriceBook(name=str(data.get("name", name)), since=since, **prices)


def _price(key: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise BadValue(f"{key} = {value!r} in the price book is not a price.", 'Write dollars, such as "0.20".')
    return amount


# --- the cost summary ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Exact sums over the runs of one key that were priced by one book. Rows part the runs: each run is in one row.

    `mb_ms` is Σ billed ms × memory MB; the wasted part is that of attempts which did not succeed.
    """

    key: str
    price_book: str
    runs: int = 0
    requests: int = 0
    billed_ms: int = 0
    mb_ms: int = 0
    wasted_requests: int = 0
    wasted_mb_ms: int = 0
    cpu_ms: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTime:
    """Worker-seconds of the cluster, and those of them in which a worker held at least one run."""

    worker_s: float = 0.0
    busy_s: float = 0.0


def summarise(
    rows: Iterable[Sums], *, books: Mapping[str, PriceBook], active: PriceBook, cluster: ClusterTime | None = None
) -> dict[str, Any]:
    """The JSON of `cost --json`; dearest key first. The total is the sum of the runs' own `cost_usd` to the last digit.

    `books` prices each row by the book that priced its runs; `active` prices the cluster's time.
    """
    groups: dict[str, list[Sums]] = defaultdict(list)
    for row in rows:
        groups[row.key].append(row)
    with localcontext() as context:
        context.prec = _DIGITS
        costs = {key: sum((_cost(row, books) for row in group), Decimal(0)) for key, group in groups.items()}
        total = sum(costs.values(), Decimal(0))
        keys = sorted(groups, key=lambda key: (-costs[key], key))
        by = [_line(key, groups[key], cost=costs[key], books=books) for key in keys]
    used = {row.price_book for group in groups.values() for row in group} | {active.name}
    return {
        "total_usd": money(total),
        "by": by,
        "cluster": _cluster(cluster or ClusterTime(), active),
        "prices": {
            "active": active.name,
            "books": [book_to_dict({**books, active.name: active}[name]) for name in sorted(used)],
        },
    }


def book_to_dict(book: PriceBook) -> dict[str, str]:
    """JSON of a price book; prices are decimal texts."""
    return {"name": book.name, "since": book.since, **{key: money(getattr(book, key)) for key in _PRICES}}


def _cost(row: Sums, books: Mapping[str, PriceBook]) -> Decimal:
    return price(books[row.price_book], requests=row.requests, mb_ms=row.mb_ms)


def _waste(row: Sums, books: Mapping[str, PriceBook]) -> Decimal:
    return price(books[row.price_book], requests=row.wasted_requests, mb_ms=row.wasted_mb_ms)


def _line(key: str, rows: list[Sums], *, cost: Decimal, books: Mapping[str, PriceBook]) -> dict[str, Any]:
    return {
        "key": key,
        "runs": sum(row.runs for row in rows),
        "billed_ms": sum(row.billed_ms for row in rows),
        "gb_s": sum(row.mb_ms for row in rows) / (1024 * 1000),
        "cpu_s": round(sum(row.cpu_ms for row in rows) / 1000, 6),
        "bytes_read": sum(row.bytes_read for row in rows),
        "bytes_written": sum(row.bytes_written for row in rows),
        "cost_usd": money(cost),
        "waste_usd": money(sum((_waste(row, books) for row in rows), Decimal(0))),
    }


def _cluster(time: ClusterTime, book: PriceBook) -> dict[str, Any]:
    """Worker time is measured, not counted: its cost is rounded to a millionth of a cent."""
    hours = Decimal(round(time.worker_s * 1000)) / Decimal(3_600_000)
    return {
        "worker_s": round(time.worker_s, 3),
        "busy_s": round(time.busy_s, 3),
        "idle_s": round(max(time.worker_s - time.busy_s, 0.0), 3),
        "cost_usd": money(round(hours * book.per_worker_hour, 8)),
    }
