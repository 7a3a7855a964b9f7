"""When a failed attempt is tried again. Jitter is derived from a seed text, so the same failure always waits as long."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from ..model.errors import BadValue, nearest
from ..model.units import parse_duration_s

CAP_S = 300.0
_SPEC = re.compile(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*\Z")
_MAX_POWER = 64  # beyond it every delay is at its cap; keeps the power finite for any number of retries
_MAX_FACTOR = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """`min(cap_s, base_s × factor ** (failures - 1))`; with jitter a random part of that ("full jitter",
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""

    base_s: float
    factor: float = 1.0
    cap_s: float = CAP_S
    jitter: bool = False


EXPONENTIAL = Backoff(base_s=1.0, factor=2.0, jitter=True)


@lru_cache(maxsize=256)
def parse_backoff(text: str) -> Backoff:
    """Read a backoff spec.

    `exponential` (1 s, doubled, at most 5 min, full jitter) · `exponential(base=2s, factor=3, cap=1m)` · `fixed(10s)` ·
    `lambda` (1 min, then 2 min, as AWS Lambda waits after asynchronous failures) · `none` (at once).

    Raises:
        BadValue: another word or argument, the nearest one named; or a duration that cannot be read.
    """
    match = _SPEC.match(text)
    if not match or match[1] not in _KINDS:
        word = match[1] if match else text
        raise BadValue(f"{text!r} is not a backoff.", nearest(word, list(_KINDS)))
    return _KINDS[match[1]](_arguments(match[2] or ""), text)


def delay_s(backoff: Backoff, failures: int, *, seed: str) -> float:
    """Seconds to wait after the `failures`-th failure (1 is the first)."""
    power = min(max(failures, 1) - 1, _MAX_POWER)
    full = min(backoff.cap_s, backoff.base_s * backoff.factor**power)
    return full * _fraction(seed) if backoff.jitter else full


def retry_delay_s(backoff: Backoff, failures: int, *, seed: str, error: Mapping[str, Any]) -> float:
    """`delay_s`, unless the handler itself said `retry_after` (seconds), which stands in the error."""
    asked = error.get("retry_after")
    if isinstance(asked, int | float) and math.isfinite(asked) and asked >= 0:
        return float(asked)
    return delay_s(backoff, failures, seed=seed)


def _fraction(seed: str) -> float:
    """A number in [0, 1) that depends on nothing but `seed`."""
    return int.from_bytes(blake2b(seed.encode(), digest_size=7).digest()) / (1 << 56)


def _arguments(text: str) -> dict[str, str]:
    """`"base=2s, cap=1m"` → names and texts; an argument without a name has the name `""`."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    pairs = (word.rpartition("=") for word in words)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _exponential(arguments: dict[str, str], text: str) -> Backoff:
    _check(arguments, ["base", "factor", "cap"], text)
    base_s = parse_duration_s(arguments.get("base", "1s"))
    cap_s = parse_duration_s(arguments.get("cap", f"{CAP_S}s"))
    return Backoff(base_s=base_s, factor=_factor(arguments.get("factor", "2"), text), cap_s=cap_s, jitter=True)


def _factor(word: str, text: str) -> float:
    try:
        factor = float(word)
    except ValueError:
        factor = 0.0
    if not 1.0 <= factor <= _MAX_FACTOR:
        raise BadValue(
            f"factor={word} in the backoff {text!r} is not a number from 1 to 100.", "Write such as factor=2."
        )
    return factor


def _fixed(arguments: dict[str, str], text: str) -> Backoff:
    if set(arguments) != {""}:
        raise BadValue(f"The backoff {text!r} needs exactly one duration.", "Write such as fixed(10s).")
    wait_s = parse_duration_s(arguments[""])
    return Backoff(base_s=wait_s, cap_s=wait_s)


def _lambda(arguments: dict[str, str], text: str) -> Backoff:
    _check(arguments, [], text)
    return Backoff(base_s=60.0, factor=2.0, cap_s=120.0)


def _none(arguments: dict[str, str], text: str) -> Backoff:
    _check(arguments, [], text)
    return Backoff(base_s=0.0)


def _check(arguments: dict[str, str], known: list[str], text: str) -> None:
    for name in arguments:
        if name not in known:
            remedy = nearest(name, known) if known else "It takes no arguments."
            raise BadValue(f"{name or arguments[name]!r} is not an argument of the backoff {text!r}.", remedy)


_KINDS: Mapping[str, Callable[[dict[str, str], str], Backoff]] = {
    "exponential": _exponential,
    "fixed": _fixed,
    "lambda": _lambda,
    "none": _none,
}
