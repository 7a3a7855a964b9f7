"""A run as a row of the table `runs`, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row

from ..model.codec import dumps, loads
from ..model.run import Ranges, Record, Run, Staged, State
from .dialect import storable
from .payloads import pack, unpack
from .schema import runs

NAMES = tuple(field.name for field in dataclasses.fields(Run))
COLUMNS = tuple(runs.c[name] for name in NAMES)
_STORED = tuple(name for name in NAMES if name != "seq")
_FIXED = frozenset(
    {"id", "seq", "function", "alias", "trigger", "event_id", "created", "parent", "hops", "batch_size"}
    | {"tried", "parts", "concurrency_key", "lane", "rank", "replay", "data"}
)
MUTABLE = tuple(name for name in NAMES if name not in _FIXED)

_ENCODE: dict[str, Callable[[Connection, Any], Any]] = {
    "state": lambda _, state: state.value,
    "reason": lambda _, reason: storable(str(reason)),
    "cold": lambda _, flag: int(flag),
    "cancel_requested": lambda _, flag: int(flag),
    "error": lambda _, error: None if error is None else dumps(error),
    "result": lambda conn, result: None if result is None else pack(conn, result),
    "staged": lambda _, staged: dumps([dataclasses.asdict(file) for file in staged]) if staged else None,
    "parts": lambda _, parts: dumps(parts) if parts else None,
    "failed": lambda _, failed: dumps(failed) if failed else None,
    "data": lambda conn, data: None if data is None else pack(conn, data),
    "emitted": lambda conn, emitted: (
        pack(conn, [dataclasses.asdict(record) for record in emitted]) if emitted else None
    ),
}


def encode(conn: Connection, name: str, value: Any) -> Any:
    """One field of a run as its column's value."""
    codec = _ENCODE.get(name)
    return value if codec is None else codec(conn, value)


def to_row(conn: Connection, run: Run) -> dict[str, Any]:
    """All columns but `seq`."""
    row = {name: getattr(run, name) for name in _STORED}
    for name, codec in _ENCODE.items():
        row[name] = codec(conn, row[name])
    return row


def to_run(conn: Connection, row: Row[Any]) -> Run:
    """The run of a row that was selected as `COLUMNS`."""
    return Run.filled(
        value if decode is None else decode(conn, value) for decode, value in zip(_DECODERS, row, strict=True)
    )


def _ranges(text: str | None) -> Ranges:
    return tuple((first, end) for first, end in loads(text)) if text else ()


_DECODE: dict[str, Callable[[Connection, Any], Any]] = {
    "state": lambda _, text: State(text),
    "cold": lambda _, number: bool(number),
    "cancel_requested": lambda _, number: bool(number),
    "error": lambda _, text: None if text is None else loads(text),
    "result": lambda conn, text: None if text is None else unpack(conn, text),
    "staged": lambda _, text: tuple(Staged(**file) for file in loads(text)) if text else (),
    "parts": lambda _, text: _ranges(text),
    "failed": lambda _, text: _ranges(text),
    "data": lambda conn, text: None if text is None else unpack(conn, text),
    "emitted": lambda conn, text: tuple(Record(**record) for record in unpack(conn, text)) if text else (),
}
_DECODERS = tuple(map(_DECODE.get, NAMES))
