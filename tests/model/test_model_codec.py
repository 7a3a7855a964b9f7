"""Any value a handler may return, as JSON."""

import json
import math
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.codec import dumps, loads, to_json
from jupyter_fn.model.errors import ResultNotSerializable

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_plain_json_stays_as_it_is(value: Any) -> None:
    assert to_json(value) == value
    assert loads(dumps(value)) == value


@given(st.recursive(st.floats() | st.binary() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner, inner)))
def test_whatever_it_is_the_text_is_json_and_utf8(value: Any) -> None:
    assert json.loads(dumps(value).encode(), parse_constant=pytest.fail) == to_json(value)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Kind(StrEnum):
    FILE = "file"


@dataclass
class Point:
    x: int
    when: date


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ba"), ["a", "b"]),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=1.5), 90.0),
        (Decimal("0.10"), "0.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/in/a.csv"), "/in/a.csv"),
        (b"\x00\xff", "AP8="),
        (memoryview(b"a"), "YQ=="),
        ([Colour.RED, Level.HIGH, Kind.FILE], ["red", 3, "file"]),
        (Point(1, date(2026, 1, 2)), {"x": 1, "when": "2026-01-02"}),
        (Pair(1, [2]), {"left": 1, "right": [2]}),
        ([math.nan, math.inf, -math.inf], [None, None, None]),
        ({1: "a", date(2026, 1, 2): "b"}, {"1": "a", "2026-01-02": "b"}),
        (range(3), [0, 1, 2]),
    ],
)
def test_pythons_own_types(value: Any, expected: Any) -> None:
    assert to_json(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(1.5), 1.5),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, np.nan]), [1.0, None]),
        (np.datetime64("2026-01-02T03:04:05", "ns"), "2026-01-02T03:04:05"),
        (np.array(["2026-01-02", "NaT"], dtype="datetime64[ns]"), ["2026-01-02T00:00:00", None]),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (pd.Series([1, 2], index=["a", "b"]), {"a": 1, "b": 2}),
        (pd.Index([1, 2]), [1, 2]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    ],
)
def test_numpy_and_pandas(value: Any, expected: Any) -> None:
    assert to_json({"v": value}) == {"v": expected}
    assert loads(dumps({"v": value})) == {"v": expected}


def test_what_json_cannot_say_is_named_with_its_place() -> None:
    with pytest.raises(ResultNotSerializable) as caught:
        to_json({"rows": [1, 2, {"conn": object()}]})
    assert "$.rows[2].conn is a builtins.object" in caught.value.cause
    with pytest.raises(ResultNotSerializable):
        dumps([print])


@pytest.mark.parametrize("write", [to_json, dumps])
def test_a_value_that_contains_itself_is_refused(write: Any) -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ResultNotSerializable, match="contains itself"):
        write(value)


def test_names_of_files_that_are_not_utf8_survive() -> None:
    name = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    assert loads(dumps({"path": name}).encode()) == {"path": name}
    assert dumps("café") == '"café"'
