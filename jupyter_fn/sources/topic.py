"""Records of a topic as batches: `topic:orders batch=100 window=1s`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, ClassVar

from ..model.codec import dumps
from ..model.event import NewEvent
from ..model.log import LogRecord
from ..model.trigger import Trigger
from ..model.units import iso
from ..policy.again import Span
from ..policy.batching import Item, close, key_of
from ..policy.filters import Filter
from ..policy.loops import goes_round
from .options import CUT, Option, bounds_of, one_of
from .protocol import Asked, Look, Poll
from .wiring import Wiring, named

_READ = 1000  # records at once, at least


class TopicSource:
    """One event per batch of consecutive records, of those that the function's filter takes; its key is their range of
    sequence numbers.

    Position: a sequence number; everything up to it is in the ledger, or is not wanted. The first look fixes it: at the start of the
    topic unless `start=latest`, so a record that is emitted right after publishing is never missed.
    """

    OPTIONS: ClassVar[Mapping[str, Option]] = {
        **CUT,
        "start": Option(one_of("earliest", "latest"), "earliest", "where the first look begins"),
    }

    def __init__(self, wiring: Wiring) -> None:
        self._topic = named(wiring.trigger, "topic")
        self._source = wiring.trigger.target
        self._logs = wiring.logs
        self._wanted = wiring.wanted
        self._bounds = bounds_of(wiring.options)
        self._latest = wiring.options["start"] == "latest"

    @classmethod
    def check(cls, trigger: Trigger, options: Mapping[str, Any]) -> None:
        """Refuse a name that no topic can have."""
        named(trigger, "topic")

    def poll(self, position: Any, now: float) -> Poll:
        """Full batches at once; the rest when its oldest record has waited for `window`."""
        if position is None:
            position = self._logs.last_record(self._topic) if self._latest else 0
        records, seen, more = self._read(position)
        closing = close([self._item(record) for record in records], self._bounds, now, more=more)
        groups = [records[first:end] for first, end in closing.groups]
        waiting = records[closing.groups[-1][1] :] if groups else records
        return Poll(
            events=[self._event(group) for group in groups],
            position=waiting[0].seq - 1 if waiting else seen,
            wake_at=closing.due,
            more=more,
        )

    def past(self, asked: Asked, now: float) -> Iterator[Poll]:
        """Records of the span that no batch of the ledger covers."""
        end, bounds = self._end(asked), replace(self._bounds, window_s=0.0)
        covered, wanted = _covered(asked.taken()), self._wanted()
        after, reached, more, kept = 0, 0, True, list[LogRecord]()
        while more:
            page = self._logs.records(self._topic, after=after, limit=_READ)
            after = page[-1].seq if page else end
            more = len(page) == _READ and after < end
            before = [record for record in page if record.seq <= end and asked.span.ends_after(record.timestamp)]
            reached = before[-1].seq if before else reached
            kept += [record for record in before if self._is_missing(record, asked.span, covered, wanted)]
            groups = close([self._item(record) for record in kept], bounds, now, more=more).groups
            yield Poll(events=[self._event(kept[first:last]) for first, last in groups], position=reached, more=more)
            kept = kept[groups[-1][1] if groups else 0 :]

    @staticmethod
    def _is_missing(record: LogRecord, span: Span, covered: Callable[[int], bool], wanted: Filter | None) -> bool:
        if not span.holds(record.timestamp) or covered(record.seq):
            return False
        return wanted is None or wanted.matches(_record(record))

    def _end(self, asked: Asked) -> int:
        """Up to where nobody else brings the records."""
        if asked.position is not None:
            return int(asked.position)
        return 0 if asked.live and not self._latest else self._logs.last_record(self._topic)

    def _read(self, position: int) -> tuple[list[LogRecord], int, bool]:
        """Wanted records, as many as a batch has if there are so many; up to where it has looked; whether there are more."""
        wanted, limit = self._wanted(), max(_READ, self._bounds.count)
        kept: list[LogRecord] = []
        while True:
            page = self._logs.records(self._topic, after=position, limit=limit)
            kept += page if wanted is None else [record for record in page if wanted.matches(_record(record))]
            position = page[-1].seq if page else position
            more = len(page) == limit
            if not more or not 0 < len(kept) < self._bounds.count:
                return kept, position, more

    def _item(self, record: LogRecord) -> Item:
        """Records that have gone round too often make batches of their own, so that they take no other one with them."""
        key = "" if self._bounds.key is None else key_of(self._bounds, _record(record))
        apart = "round" if goes_round(_hops(record)) else "on"
        size = 0 if self._bounds.bytes is None else len(dumps(record.value).encode())
        return Item(record.timestamp, size, f"{apart} {key}")

    def _event(self, batch: Sequence[LogRecord]) -> NewEvent:
        farthest = max(batch, key=_hops)
        return NewEvent(
            key=f"{batch[0].seq}-{batch[-1].seq}",
            type="stream.batch",
            source=self._source,
            time=batch[-1].timestamp,
            data={"records": [_record(record) for record in batch]},
            size=len(batch),
            cause=farthest.cause,
            hops=_hops(farthest),
        )

    @classmethod
    def watches(cls, trigger: Trigger) -> str:
        """No files."""
        return ""

    def listen(self, hint: Callable[[], None]) -> Callable[[], None] | None:
        """A hint per commit that adds to the topic."""
        return self._logs.listen(hint, topic=self._topic)

    def survey(self, now: float) -> Sequence[str] | None:
        """How records were cut into batches is written in the ledger only."""
        return None

    def look(self, subject: str, now: float) -> Look:
        """What a sequence number is to this trigger."""
        if not subject.isascii() or not subject.isdigit():
            return Look(key="", verdict=f"{subject} is no sequence number of {self._source}.", takes=False)
        found = self._logs.records(self._topic, after=int(subject) - 1, limit=1)
        if not found or found[0].seq != int(subject):
            return Look(key="", verdict=f"{self._source} has no record {subject}.", takes=False)
        came, wanted = f"Record {subject} came at {iso(found[0].timestamp)}", self._wanted()
        why_not = "" if wanted is None else wanted.why_not(_record(found[0]))
        if why_not:
            return Look(key="", verdict=f"{came}, and the function's filter does not take it: {why_not}", takes=False)
        return Look(key="", verdict=f"{came}.", takes=True)


def _covered(keys: Iterable[str]) -> Callable[[int], bool]:
    """Whether a sequence number lies in one of the ranges that these keys are."""
    ranges = sorted((int(first), int(last)) for first, _, last in (key.partition("-") for key in keys))
    starts = [first for first, _ in ranges]
    reach = list(accumulate((last for _, last in ranges), max))

    def covered(seq: int) -> bool:
        place = bisect_right(starts, seq)
        return place > 0 and seq <= reach[place - 1]

    return covered


def _hops(record: LogRecord) -> int:
    """A record has the hops of the run that emitted it; reading it is one more. Records from outside begin at 0."""
    return record.hops + 1 if record.cause else record.hops


def _record(record: LogRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "key": record.key,
        "value": record.value,
        "timestamp": iso(record.timestamp),
        "partition": 0,
        "offset": record.seq,
    }
