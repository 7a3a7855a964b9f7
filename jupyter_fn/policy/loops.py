"""Where a chain of events ends that would otherwise go round for ever, whatever carries it on: topics, other functions,
files, destinations. Every event has the number of runs that it has come through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..model.errors import LoopDetected
from ..model.event import MAX_HOPS, NewEvent
from ..model.run import Reason
from ..model.units import parse_time

_LATE_S = 60.0  # a file is put in place a little after its run has won, and filesystems have clocks of their own
_SAME: Mapping[str, str] = {"s3a": "s3", "gcs": "gs"}  # schemes by which the same file is called


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The run that wrote a file last."""

    run_id: str
    function: str
    hops: int
    at: float  # epoch seconds; the file was there by then


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


# --- files -------------------------------------------------------------------------------------------------------


def place_of(path: str) -> str:
    """A path or URL, called as all who speak of that file call it."""
    scheme, separator, rest = path.partition("://")
    if scheme in ("file", "local"):
        return rest
    return f"{_SAME.get(scheme, scheme)}{separator}{rest}" if separator else path


def file_of(event: NewEvent) -> str:
    """The place of the file that an event is about; "" when it is about something else."""
    path = event.data.get("path") if event.type.startswith("file.") else None
    return place_of(path) if isinstance(path, str) else ""


def trace(
    events: Iterable[NewEvent], writers: Mapping[str, Writer], *, function: str, allow_loop: bool
) -> list[NewEvent]:
    """The events of a trigger of `function`: those of files that runs wrote have the run as cause, those that the function
    wrote itself are skipped unless `allow_loop`, and those that go round are marked, so that they take no others with
    them. `writers` by `file_of`."""
    return [_marked(_traced(event, writers.get(file_of(event)), function, allow_loop)) for event in events]


def _traced(event: NewEvent, writer: Writer | None, function: str, allow_loop: bool) -> NewEvent:
    late_s = _late_s(event, writer) if writer is not None else None
    if writer is None or late_s is None or late_s > _LATE_S:
        return event  # somebody else has written it since
    own = writer.function == function and not allow_loop and late_s <= 0.0  # in doubt it is run: hops end that, too
    skip = event.skip or (Reason.OWN_OUTPUT.value if own else "")
    return replace(event, cause=writer.run_id, hops=writer.hops + 1, skip=skip)


def _late_s(event: NewEvent, writer: Writer) -> float | None:
    modified = event.data.get("modified")
    return parse_time(modified) - writer.at if isinstance(modified, str) else None


def _marked(event: NewEvent) -> NewEvent:
    return replace(event, skip=Reason.LOOP.value) if goes_round(event.hops) and not event.skip else event
