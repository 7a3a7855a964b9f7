"""Expressions over an event: what `--order-by`, `--concurrency-key` and `key=` mean.

One Python expression, of which only what looks at a value is allowed: names, attributes, items, arithmetic, comparisons,
text methods and a few functions; nothing that assigns, calls out or loops without end
(https://github.com/danthedeckie/simpleeval). `event` is the event; its own keys are names too, so `event.customer`,
`event["customer"]` and `customer` mean the same.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simpleeval import EvalWithCompoundTypes

from ..model.errors import BadValue, nearest

NO_VALUE = "null"  # of an event for which the expression has none: those share one value
_FUNCTIONS = {"int": int, "float": float, "str": str, "len": len, "min": min, "max": max, "abs": abs, "round": round}


@dataclass(frozen=True, slots=True)
class Expression:
    """One that was read; `parse_expression` makes it."""

    text: str
    tree: ast.AST


def parse_expression(text: str) -> Expression:
    """Read one.

    Raises:
        BadValue: it is no Python expression, or calls what is not known.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        said = getattr(error, "msg", str(error))
        raise BadValue(
            f"{text!r} is no expression: {said}.", "Write such as event.customer or event.stem[:4]."
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in _FUNCTIONS:
            raise BadValue(f"{node.func.id!r} in {text!r} is no function.", nearest(node.func.id, list(_FUNCTIONS)))
    return Expression(text, tree)


def value_of(expression: Expression, event: Mapping[str, Any]) -> str:
    """What the expression gives for an event, as text: a string itself, anything else as JSON; `NO_VALUE` when it cannot
    be had, as when a key is missing."""
    names = {**{name: value for name, value in event.items() if name.isidentifier()}, "event": event}
    try:
        value = EvalWithCompoundTypes(names=names, functions=_FUNCTIONS).eval(expression.text, expression.tree)
        return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    except Exception:  # the event is what it is: no value is a value of its own
        return NO_VALUE
