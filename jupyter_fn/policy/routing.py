"""Which version handles an event."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from ..model.errors import BadValue, Conflict, NotFound, nearest
from ..model.function import LIVE, Function


def route(weights: Mapping[int, int], key: str) -> int:
    """The version that `key` (an event id) goes to: every version gets its share of keys, and a key always the same one.

    Weights are relative; versions of weight 0 get nothing. At least one is positive.
    """
    if len(weights) == 1:
        return next(iter(weights))
    total = sum(weights.values())
    point = int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % total
    for version in sorted(weights):
        point -= weights[version]
        if point < 0:
            return version
    raise AssertionError("unreachable")


def resolve(function: Function, qualifier: str, *, key: str) -> tuple[str, int]:
    """`(alias, version)` for a qualifier: a version number (then the alias is empty), an alias, or nothing, which is `live`.

    Raises:
        NotFound: there is no such version or alias; the nearest one is named.
    """
    qualifier = qualifier or LIVE
    if qualifier.isascii() and qualifier.isdigit():
        return "", _existing(function, int(qualifier))
    weights = function.aliases.get(qualifier)
    if not weights:
        known = nearest(qualifier, list(function.aliases)) if function.aliases else "It has no alias yet."
        raise NotFound(f"{function.name} has no alias {qualifier!r}.", known)
    return qualifier, route(weights, key)


def check_weights(function: Function, weights: Mapping[Any, Any]) -> dict[int, int]:
    """Weights as typed (JSON keys are texts) → `{version: weight}`.

    Raises:
        BadValue: not whole numbers, negative, or nothing positive.
        NotFound: a version that does not exist.
    """
    try:
        numbers = {int(version): int(weight) for version, weight in weights.items()}
    except (TypeError, ValueError):
        raise BadValue(f"{dict(weights)!r} are not versions and weights.", "Write such as 3:90 4:10.") from None
    if any(weight < 0 for weight in numbers.values()) or not any(numbers.values()):
        raise BadValue("The weights of an alias are 0 or more, and one of them more.", "Write such as 3:90 4:10.")
    return {_existing(function, version): weight for version, weight in numbers.items()}


def rollback_target(function: Function) -> int:
    """The version before the one that `live` mostly points at.

    Raises:
        Conflict: there is none before it.
    """
    weights = function.aliases.get(LIVE) or {}
    current = max(weights, key=lambda version: (weights[version], version), default=0)
    if current <= 1:
        raise Conflict(
            f"{function.name} has no version before {current}.", f"See them with: jupyter fn versions {function.name}"
        )
    return current - 1


def _existing(function: Function, version: int) -> int:
    if not 1 <= version <= function.latest:
        raise NotFound(
            f"{function.name} has no version {version}.",
            f"Its versions are 1 to {function.latest}." if function.latest else "It has no version yet.",
        )
    return version
