"""A run as a row of the table `runs`, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row

from ..model.codec import dumps, loads
from ..model.errors import PayloadLost
from ..model.lost import LostRecords
from ..model.run import Record, Run, Staged, State
from .dialect import storable, storable_key
from .payloads import pack, unpack, unpack_data
from .schema import runs

NAMES = tuple(field.name for field in dataclasses.fields(Run))
COLUMNS = tuple(runs.c[name] for name in NAMES)
_FIXED = frozenset(
    {"id", "seq", "function", "alias", "trigger", "event_id", "created", "parent", "hops", "batch_size"}
    | {"tried", "parts", "concurrency_key", "lane", "rank", "replay", "data"}
)
MUTABLE = tuple(name for name in NAMES if name not in _FIXED)

_ENCODE: dict[str, Callable[[Connection, Any], Any]] = {
    "state": lambda _, state: state.value,
    "reason": lambda _, reason: storable(str(reason)),
    "concurrency_key": lambda _, key: storable_key(key),
    "lane": lambda _, lane: storable_key(lane),
    "barrier": lambda _, name: storable_key(name),
    "cold": lambda _, flag: int(flag),
    "cancel_requested": lambda _, flag: int(flag),
}
_PACK: dict[str, Callable[[Connection, Any], Any]] = {  # what is nothing is NULL
    "error": lambda _, error: dumps(error),
    "result": pack,
    "staged": lambda _, staged: dumps([dataclasses.asdict(file) for file in staged]),
    "parts": lambda _, parts: dumps(parts),
    "failed": lambda _, failed: dumps(failed),
    "data": pack,
    "emitted": lambda conn, emitted: pack(conn, [dataclasses.asdict(record) for record in emitted]),
}
_PLAIN = frozenset(NAMES) - _ENCODE.keys() - _PACK.keys()
_DECODE: dict[str, Callable[[Connection, str], Any]] = {
    "error": lambda _, text: loads(text),
    "result": unpack,
    "staged": lambda _, text: tuple(Staged(**file) for file in loads(text)),
    "parts": lambda _, text: tuple((first, end) for first, end in loads(text)),
    "failed": lambda _, text: tuple((first, end) for first, end in loads(text)),
    "data": unpack_data,
    "emitted": lambda conn, text: _records(conn, text),
}
_ABSENT = {field.name: field.default for field in dataclasses.fields(Run) if field.name in _DECODE}
_STATES = {state.value: state for state in State}


def _sql(value: Any) -> str:
    if value is None or value == ():
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value + 0)


_USUAL = {f.name: f.default for f in dataclasses.fields(Run) if f.default is not dataclasses.MISSING}
_ALWAYS = tuple(name for name in NAMES if name not in _USUAL)
AT_FIRST = {name: _sql(value) for name, value in _USUAL.items()}  # column → SQL of what it has in most runs at first


def to_row(conn: Connection, run: Run) -> dict[str, Any]:
    """The columns that are not as `AT_FIRST`."""
    values = vars(run)
    row = {name: values[name] for name in _ALWAYS}
    for name, first in _USUAL.items():
        value = values[name]
        if value is not first and value != first:
            row[name] = value if name in _PLAIN else _encoded(conn, name, value)
    return row


def is_plain(run: Run, row: dict[str, Any]) -> bool:
    """Whether the run comes back from that row of its own as it is: no key had to be cut, and nothing packed is in it."""
    values = vars(run)
    return all(value == values[name] for name, value in row.items())


def _encoded(conn: Connection, name: str, value: Any) -> Any:
    if name in _ENCODE:
        return _ENCODE[name](conn, value)
    return None if value is None or value == () else _PACK[name](conn, value)


def difference(conn: Connection, before: Run, after: Run) -> dict[str, Any]:
    """The columns that an update has to write."""
    old, new = vars(before), vars(after)
    changed: dict[str, Any] = {}
    for name in MUTABLE:
        value = new[name]
        if value is not old[name] and value != old[name]:
            changed[name] = value if name in _PLAIN else _encoded(conn, name, value)
    return changed


def _records(conn: Connection, text: str) -> tuple[Record, ...]:
    try:
        return tuple(Record(**record) for record in unpack(conn, text))
    except PayloadLost as error:
        return LostRecords(error)


def to_run(conn: Connection, row: Row[Any]) -> Run:
    """The run of a row that was selected as `COLUMNS`. One whose result is missing or damaged says so as its error."""
    values = dict(zip(NAMES, row, strict=True))
    values["state"] = _STATES[values["state"]]
    values["cold"], values["cancel_requested"] = bool(values["cold"]), bool(values["cancel_requested"])
    for name, decode in _DECODE.items():
        text = values[name]
        try:
            values[name] = _ABSENT[name] if text is None else decode(conn, text)
        except PayloadLost as error:  # of its result; the others have stand-ins
            values |= {name: None, "error": error.to_dict()}
    return Run.filled(values)
