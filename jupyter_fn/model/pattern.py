"""The text of an event pattern, and its one spelling. What its rules mean is the business of `policy.filters`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from .codec import dumps
from .errors import BadValue

_REMEDY = 'Write a JSON object such as {"suffix": [".csv"]}.'
_MOST_LEVELS = 100  # of objects and lists; so that nobody who goes through them comes to the end of the stack


class Members(tuple[tuple[str, Any], ...]):
    """The members of a JSON object, in their order. A dict would lose a name that is given twice."""

    __slots__ = ()


def read_pattern(text: str) -> Members:
    """JSON text as `Members`, lists, texts, numbers, booleans and None.

    Raises:
        BadValue: it is not JSON, or no JSON object.
    """
    try:
        found = json.loads(text, object_pairs_hook=Members, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise BadValue(f"The filter is not JSON ({error}).", _REMEDY) from None
    if not isinstance(found, Members):
        raise BadValue("The filter is no JSON object.", _REMEDY)
    _refuse_deep(found, _MOST_LEVELS)
    return found


def pattern_text(pattern: str | Mapping[str, Any]) -> str:
    """JSON text, or what it would be read as, without blanks: equal patterns are equal texts. Names stay in their order,
    for it decides which of two lists of one field counts.

    Raises:
        BadValue: as `read_pattern`.
    """
    return spell(read_pattern(pattern if isinstance(pattern, str) else _json(pattern)))


def _refuse_deep(node: Any, levels: int) -> None:
    if not levels:
        raise BadValue("The filter is nested too deep.", f"Write at most {_MOST_LEVELS} levels.")
    if isinstance(node, Members | list):
        for inner in node:
            _refuse_deep(inner[1] if isinstance(node, Members) else inner, levels - 1)


def _json(pattern: Any) -> str:
    try:
        return json.dumps(pattern, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadValue(f"The filter is not JSON ({error}).", _REMEDY) from None


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def spell(node: Any) -> str:
    """JSON text of anything that `read_pattern` reads."""
    if isinstance(node, Members):
        return "{" + ",".join(f"{dumps(name)}:{spell(value)}" for name, value in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(spell, node)) + "]"
    return dumps(node)
