"""Records of a topic as batches: `topic:orders batch=100 window=1s`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar

from ..model.event import NewEvent
from ..model.trigger import Trigger
from ..model.units import iso, parse_duration_s
from .loops import loop_reason
from .options import Option, count, one_of
from .protocol import LogRecord, Look, Poll
from .wiring import Wiring, named

_READ = 1000  # records at once, at least


class TopicSource:
    """One event per batch of consecutive records; its key is their range of sequence numbers.

    Position: the sequence number up to which everything is in the ledger. The first look fixes it: at the start of the
    topic unless `start=latest`, so a record that is emitted right after publishing is never missed.
    """

    OPTIONS: ClassVar[Mapping[str, Option]] = {
        "batch": Option(count, 100, "most records in one event"),
        "window": Option(parse_duration_s, 0.0, "how long the oldest record of a batch waits for it to fill"),
        "start": Option(one_of("earliest", "latest"), "earliest", "where the first look begins"),
    }

    def __init__(self, wiring: Wiring) -> None:
        self._topic = named(wiring.trigger, "topic")
        self._source = wiring.trigger.target
        self._logs = wiring.logs
        self._batch: int = wiring.options["batch"]
        self._window_s: float = wiring.options["window"]
        self._latest = wiring.options["start"] == "latest"

    @classmethod
    def check(cls, trigger: Trigger, options: Mapping[str, Any]) -> None:
        """Refuse a name that no topic can have."""
        named(trigger, "topic")

    def poll(self, position: Any, now: float) -> Poll:
        """Full batches at once; the rest when its oldest record has waited for `window`."""
        if position is None:
            position = self._logs.last_record(self._topic) if self._latest else 0
        limit = -(-_READ // self._batch) * self._batch
        records = self._logs.records(self._topic, after=position, limit=limit)
        batches = [batch for part in _apart(records) for batch in _cut(part, self._batch)]
        wake_at = self._waits(batches[-1], now) if batches else None
        ready = batches[:-1] if wake_at else batches
        return Poll(
            events=[self._event(batch) for batch in ready],
            position=ready[-1][-1].seq if ready else position,
            wake_at=wake_at,
            more=len(records) == limit,
        )

    def _waits(self, batch: Sequence[LogRecord], now: float) -> float | None:
        """Until when an unfilled batch waits; None when it goes now."""
        until = batch[0].timestamp + self._window_s
        return until if len(batch) < self._batch and until > now else None

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
            skip=loop_reason(_hops(farthest), self._source),
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
        return Look(key="", verdict=f"Record {subject} came at {iso(found[0].timestamp)}.", takes=True)


def _apart(records: Sequence[LogRecord]) -> Iterator[list[LogRecord]]:
    """Records that have gone round too often make batches of their own, so that they take no other one with them."""
    return (list(part) for _, part in groupby(records, key=lambda record: bool(loop_reason(_hops(record), ""))))


def _cut(records: list[LogRecord], size: int) -> Iterator[list[LogRecord]]:
    return (records[at : at + size] for at in range(0, len(records), size))


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
