"""Where a chain of events ends that would otherwise go round for ever."""

from __future__ import annotations

from ..model.event import MAX_HOPS
from ..model.run import Reason


def loop_reason(hops: int, source: str) -> str:
    """Why an event that many hops from its first cause is entered in the ledger but not run; "" when it is."""
    if hops <= MAX_HOPS:
        return ""
    return f"{Reason.LOOP}: {source} is {hops} functions away from what began it; {MAX_HOPS} is the limit."
