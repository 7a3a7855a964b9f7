"""Cost: a price book and exact decimal arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """Prices in US dollars, of one name, valid from a date (ISO)."""

    name: str
    per_million_requests: Decimal = Decimal(0)
    per_gb_s: Decimal = Decimal(0)
    per_worker_hour: Decimal = Decimal(0)
    since: str = "1970-01-01"


AWS_X86 = PriceBook(
    name="aws-lambda-x86", per_million_requests=Decimal("0.20"), per_gb_s=Decimal("0.0000166667"), since="2020-12-01"
)
AWS_ARM = PriceBook(
    name="aws-lambda-arm", per_million_requests=Decimal("0.20"), per_gb_s=Decimal("0.0000133334"), since="2021-09-29"
)
MACHINE = PriceBook(name="machine", per_worker_hour=Decimal("0.10"))
FREE = PriceBook(name="free")
PRICE_BOOKS: Mapping[str, PriceBook] = {book.name: book for book in (AWS_X86, AWS_ARM, MACHINE, FREE)}


def price(book: PriceBook, *, requests: int, mb_ms: int) -> Decimal:
    """Exact dollars of `requests` attempts that together were billed `mb_ms` = Σ billed ms × memory MB.

    AWS Lambda's formula (https://aws.amazon.com/lambda/pricing/), memory in GB = MB / 1024. It is linear, so the price
    of a sum is the sum of the prices to the last digit.
    """
    with localcontext() as context:
        context.prec = 60
        gb_s = Decimal(mb_ms) / Decimal(1024 * 1000)
        return Decimal(requests) * book.per_million_requests / Decimal(1_000_000) + gb_s * book.per_gb_s
