"""The one value ↔ JSON codec. What a handler returns, what an event holds and what a record carries pass through here.

Plain JSON stays as it is. Beyond JSON, one way in (there is no way back, so a consumer in any language reads the same):

==============================  =========================================
Python                          JSON
==============================  =========================================
tuple, set, frozenset           array (sets sorted by their JSON text)
datetime, date, time            ISO 8601 text
Decimal, UUID, Path             text
bytes                           base64 text
Enum                            its value
dataclass, namedtuple           object of its fields
numpy scalar, array             number, array; datetime64 as ISO 8601 text
DataFrame                       array of row objects
Series                          object, index → value
nan, inf, NaT, NA               null
mapping with non-text keys      object with the keys' text
==============================  =========================================
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from .errors import ResultNotSerializable


def to_json(value: Any) -> Any:
    """`value` as plain JSON types, by the table above.

    Raises:
        ResultNotSerializable: names the place (`$.rows[3]`) and the type; or the value contains itself.
    """
    try:
        return _convert(value, "$")
    except RecursionError:
        raise ResultNotSerializable(
            "The value contains itself, or is nested too deep for JSON.", "Return numbers, texts, lists and dicts."
        ) from None


def dumps(value: Any) -> str:
    """Compact JSON text of any value the codec knows. Always valid UTF-8: names of files that are not are escaped."""
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        value = to_json(value)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() or _is_utf8(text) else json.dumps(value, separators=(",", ":"))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def loads(text: str | bytes) -> Any:
    """JSON text → value."""
    return json.loads(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _convert(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool) or type(value) in (str, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return _convert(value.value, where)
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    return _container(value, where)


def _container(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {
            k if isinstance(k, str) else str(_convert(k, where)): _convert(v, f"{where}.{k}") for k, v in value.items()
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _convert(getattr(value, f.name), f"{where}.{f.name}") for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _convert(value._asdict(), where)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Sequence):
        return [_convert(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Set):
        return sorted((_convert(item, where) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return _scalar(value, where)


def _scalar(value: Any, where: str) -> Any:
    if type(value).__name__ in ("NAType", "NaTType"):  # NaT calls itself a datetime
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | UUID | PurePath):
        return str(value)
    return _foreign(value, where)


def _foreign(value: Any, where: str) -> Any:
    """numpy and pandas by their methods, so that neither is imported here."""
    kind = type(value).__name__
    if kind == "DataFrame" and hasattr(value, "to_dict"):
        return _convert(value.to_dict("records"), where)
    if kind == "Series" and hasattr(value, "to_dict"):
        return _convert(value.to_dict(), where)
    if type(value).__module__ == "numpy" and str(getattr(value, "dtype", "")).startswith("datetime64"):
        return _convert(value.astype("datetime64[us]").tolist(), where)
    if hasattr(value, "tolist"):
        return _convert(value.tolist(), where)
    if hasattr(value, "item") and callable(value.item):
        return _convert(value.item(), where)
    what = "The value" if where == "$" else f"The value at {where}"
    raise ResultNotSerializable(
        f"{what} is a {type(value).__module__}.{type(value).__qualname__}, which JSON cannot say.",
        "Return numbers, texts, lists and dicts, or write the value to a file with context.output(path).",
    )
