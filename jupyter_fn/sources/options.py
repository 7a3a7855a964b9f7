"""A source declares its options beside its class, as values of `Option`; what is not declared is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.errors import BadTrigger, FnError, nearest
from ..model.units import parse_duration_s, parse_size_bytes
from ..policy.batching import Bounds
from ..policy.expressions import parse_expression


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a trigger: how its text is read, and the value it has when it is not written."""

    parse: Callable[[str], Any]
    default: Any
    meaning: str  # one line, for documentation and completion


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that takes exactly these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise BadTrigger(f"{text!r} is none of {', '.join(choices)}.", nearest(text, list(choices)))
        return text

    return parse


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadTrigger(f"{text!r} is not a count.", "Write a whole number, 1 or more.")
    return int(text)


_MOST = 100  # items of a batch where nobody has said how many
_BOUNDS: Mapping[str, Option] = {
    "window": Option(parse_duration_s, 0.0, "how long the oldest of a batch waits for others"),
    "bytes": Option(parse_size_bytes, None, "most bytes of a batch"),
    "key": Option(parse_expression, None, "a batch ends where the value of this expression changes"),
}
# Of a source whose single events can go together where that is asked for, and of one that makes batches itself.
GATHERED: Mapping[str, Option] = {"batch": Option(count, None, "most events that go together"), **_BOUNDS}
CUT: Mapping[str, Option] = {"batch": Option(count, _MOST, "most records in one event"), **_BOUNDS}


def bounds_of(options: Mapping[str, Any]) -> Bounds:
    """When a batch closes, by options that were read."""
    most = options["batch"] or _MOST
    return Bounds(count=most, window_s=options["window"], bytes=options["bytes"], key=options["key"])


def read_options(declared: Mapping[str, Option], given: Mapping[str, str], uri: str) -> dict[str, Any]:
    """The value of every declared option.

    Raises:
        BadTrigger: an option that is not declared (the nearest is named), or a value that its parser refuses.
    """
    for key in given:
        if key not in declared:
            raise BadTrigger(f"{key!r} is no option of the trigger {uri!r}.", nearest(key, list(declared)))
    return {
        key: _read(key, option, given[key], uri) if key in given else option.default for key, option in declared.items()
    }


def _read(key: str, option: Option, text: str, uri: str) -> Any:
    try:
        return option.parse(text)
    except FnError as error:
        raise BadTrigger(f"{key}={text} of the trigger {uri!r}: {error.cause}", error.remedy) from None
