"""An event: one thing that happened, stored before its source is acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .filled import Filled
from .units import iso

MAX_HOPS = 16
BY_HAND = "invoke"
GATHERING = "?"
_ITEMS = {"stream.batch": "records", "file.batch": "files", "batch": "events"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What a source hands over: unique by `key` within its trigger."""

    key: str
    type: str  # CloudEvents type, "file.created", "schedule.fired", …
    source: str  # CloudEvents source URI
    time: float  # when it happened, epoch seconds
    data: Mapping[str, Any]  # the event's own keys, JSON
    size: int = 1  # records in it, for batches
    cause: str = ""  # id of the run that made it
    hops: int = 0
    skip: str = ""  # a reason: enter it in the ledger, but make no run of it


@dataclass(frozen=True, kw_only=True)
class Event(Filled):
    """An admitted event."""

    id: str
    seq: int
    function: str
    trigger: str  # trigger id, or "invoke"
    key: str
    type: str
    source: str
    time: float
    admitted: float
    data: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    hops: int = 0
    size: int = 1  # items in it, for batches
    batch: str = ""  # the batch event that it went into; GATHERING while it waits for one

    @property
    def items_name(self) -> str:
        """The key under which its items stand, "" when it is no batch."""
        return _ITEMS.get(self.type, "")

    def for_handler(self, *, attempt: int) -> dict[str, Any]:
        """The `event` dict of CONTRACT: the event's own keys win over the general ones."""
        return {**self.general(attempt=attempt), **self.data}

    def general(self, *, attempt: int) -> dict[str, Any]:
        """What the events of all triggers have."""
        return {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": iso(self.time),
            "function": self.function,
            "trigger": self.trigger,
            "attempt": attempt,
        }

    def to_cloudevent(self) -> dict[str, Any]:
        """CloudEvents 1.0 JSON format (https://github.com/cloudevents/spec, v1.0.2)."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": f"jupyter_fn.{self.type}",
            "time": iso(self.time),
            "subject": self.function,
            "datacontenttype": "application/json",
            "data": dict(self.data),
        }
