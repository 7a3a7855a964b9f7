"""Where a chain of events ends that would otherwise go round for ever, whatever carries it on: topics, other functions,
files, destinations. Every event has the number of runs that it has come through."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.errors import LoopDetected
from ..model.event import MAX_HOPS


def goes_round(hops: int) -> bool:
    """Whether an event that far from what began its chain is taken for part of a loop."""
    return hops > MAX_HOPS


def loop_error(hops: int, chain: Sequence[str]) -> LoopDetected:
    """The error of an event that goes round. `chain` are the functions it has come through, the oldest first, and last the
    one it is for."""
    return LoopDetected(
        f"The event is {hops} runs away from what began its chain, {MAX_HOPS} is the limit: {named(chain)}.",
        "Have one of them write, emit or deliver elsewhere, or filter its events; then redrive what is still wanted.",
    )


def named(chain: Sequence[str]) -> str:
    """The loop at the end of a chain, `a → b → a`; all of the chain when it does not come back to where it is."""
    last = chain[-1] if chain else ""
    earlier = [place for place, name in enumerate(chain[:-1]) if name == last]
    return " → ".join(chain[earlier[-1] :] if earlier else chain)
