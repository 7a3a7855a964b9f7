"""What the demo proves about itself: pure functions from what was found to checks that hold or do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from ..model.units import money

if TYPE_CHECKING:
    import pandas as pd

Json = Mapping[str, Any]
_EXACT = 60  # digits: more than any of these sums has


@dataclass(frozen=True)
class Check:
    """One claim, whether it holds, and what was found."""

    claim: str
    holds: bool
    found: str


def every_day_once(runs: Sequence[Json], days: Sequence[str]) -> Check:
    """Each day in, each succeeded, none twice."""
    states = Counter(str(run["state"]) for run in runs)
    done = Counter(run["result"]["day"] for run in runs if run["state"] == "succeeded")
    found = f"{len(runs)} days in, {_counts(states)}, {len(done)} different days"
    return Check("every day once", states.keys() == {"succeeded"} and done == Counter(days), found)


def all_succeeded(runs: Sequence[Json], wanted: int) -> Check:
    """The report followed every day."""
    states = Counter(str(run["state"]) for run in runs)
    return Check("the report after every day", states == {"succeeded": wanted}, f"{len(runs)} runs, {_counts(states)}")


def whole_files(rows: Mapping[str, int], wanted: Mapping[str, int]) -> Check:
    """A Parquet file per day, with that day's rows."""
    found = f"{len(rows)} Parquet files, {sum(rows.values()):,} rows"
    return Check("every flight in its day's file", dict(rows) == dict(wanted), found)


def same_totals(report: pd.DataFrame, wanted: pd.DataFrame) -> Check:
    """Per month, what the functions came to is what pandas comes to over the whole table."""
    unequal = _unequal(report, wanted)
    counted = f"{len(wanted)} months × {len(wanted.columns) - 1} totals"
    return Check("totals as by pandas over the whole table", not unequal, unequal or f"{counted} equal")


def _unequal(report: pd.DataFrame, wanted: pd.DataFrame) -> str:
    """The first total that differs, in words."""
    mine = {row["month"]: row for row in report.to_dict("records")}
    for row in wanted.to_dict("records"):
        for name, value in row.items():
            found = mine.get(row["month"], {}).get(name)
            if found != value:
                return f"{row['month']}: {name} is {found}, pandas says {value}"
    return "" if len(report) == len(wanted) else f"{len(report)} months, pandas says {len(wanted)}"


def balanced(name: str, audit: Json) -> Check:
    """The source's listing and the ledger agree."""
    parts = ("done", "pending", "dead", "skipped", "superseded")
    total = sum(audit[part] for part in parts)
    found = f"{audit['observed']} observed = " + " + ".join(f"{audit[part]} {part}" for part in parts)
    return Check(f"audit of {name}", bool(audit["balanced"]) and audit["observed"] == total, found)


def exact_cost(name: str, runs: Sequence[Json], cost: Json) -> Check:
    """The cost of each run of `name`, and of the summary over all of them, recomputed from the runs' JSON."""
    books = {book["name"]: book for book in cost["prices"]["books"]}
    with localcontext() as context:
        context.prec = _EXACT
        prices = [(run, price(run, books[run["price_book"]])) for run in runs]
        total = sum((exact for _, exact in prices), Decimal(0))
    wrong = [run["id"] for run, exact in prices if Decimal(run["cost_usd"]) != exact or not _rounded_up(run)]
    holds = not wrong and Decimal(cost["total_usd"]) == total
    found = f"{len(runs)} runs, ${money(total)}" + (f"; {len(wrong)} differ, first {wrong[0]}" if wrong else "")
    return Check(f"cost of {name} as by the formula, to the last digit", holds, found)


def price(run: Json, book: Json) -> Decimal:
    """requests × price + billed seconds × memory in GB × price per GB-s. Call it within enough digits.

    Requests are a run's attempts; those that were lost with a worker or with the service are counted apart.
    """
    requests = Decimal(run["attempts"])
    seconds, gigabytes = Decimal(run["billed_ms"]) / 1000, Decimal(run["memory_mb"]) / 1024
    of_requests = requests * Decimal(book["per_million_requests"]) / 1_000_000
    return of_requests + seconds * gigabytes * Decimal(book["per_gb_s"])


def _rounded_up(run: Json) -> bool:
    """Of one attempt the billed duration is its own, rounded up; of several it is a sum."""
    return bool(run["attempts"] > 1 or run["billed_ms"] == math.ceil(run["duration_ms"]))


def _counts(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items()) or "none"
