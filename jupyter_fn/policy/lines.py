"""Which runs of a function wait for each other: what `--concurrency`, `--concurrency-key` and `--order-by` say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model.errors import BadValue
from ..model.event import Event
from ..model.function import Options
from .admission import Limits
from .expressions import Expression, parse_expression, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A version's options about waiting, read."""

    limits: Limits
    concurrency_key: Expression | None = None
    order_by: Expression | None = None

    def keys_of(self, event: Event) -> dict[str, Any]:
        """The fields of the event's run that say which others it waits for. Ordered runs go by the sequence number of
        their events."""
        if self.concurrency_key is None and self.order_by is None:
            return {}
        seen = event.for_handler(attempt=1)
        key = value_of(self.concurrency_key, seen) if self.concurrency_key else ""
        if self.order_by is None:
            return {"concurrency_key": key, "lane": key}
        return {"concurrency_key": key, "lane": value_of(self.order_by, seen), "rank": f"{event.seq:016d}"}


def lines_of(options: Options) -> Lines:
    """Read them. `--concurrency` is meant per key where there is a key without a limit of its own, and is then 1 by default.

    Raises:
        BadValue: an expression or a limit that cannot be read; names the option.
    """
    try:
        text, limit = _split(options.concurrency_key)
        key = parse_expression(text) if text else None
    except BadValue as error:
        raise BadValue(f"--concurrency-key: {error.cause}", error.remedy) from None
    try:
        order_by = parse_expression(options.order_by) if options.order_by else None
    except BadValue as error:
        raise BadValue(f"--order-by: {error.cause}", error.remedy) from None
    if key is None or limit is not None:
        limits = Limits(total=options.concurrency, per_key=limit)
    else:
        limits = Limits(per_key=1 if options.concurrency is None else options.concurrency)
    return Lines(limits=limits, concurrency_key=key, order_by=order_by)


def _split(text: str) -> tuple[str, int | None]:
    """`"event.customer limit=2"` → the expression, and the limit of each of its values."""
    expression, word, limit = text.rpartition(" limit=")
    if not word:
        return text, None
    if not limit.isdecimal() or int(limit) < 1:
        raise BadValue(f"limit={limit} is no number from 1 up.", "Write such as limit=2.")
    return expression.strip(), int(limit)
