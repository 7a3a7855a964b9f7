"""A trigger: one text, `URI [key=value …]`, that makes events for a function."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import BadTrigger, nearest

_SCHEDULES = ["cron", "rate", "at"]
_CALL = re.compile(rf"({'|'.join(_SCHEDULES)})\s*\(([^)]*)\)")
_CALL_LIKE = re.compile(r"([A-Za-z_]\w*)\s*\([^)]*(\)(?=\s|$)|$)")
_TO_QUOTE = frozenset(" \t\"'\\")  # a glob's own characters stay readable
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TriggerText:
    """A trigger text taken apart: `scheme` (`file` for bare paths), `uri` without options, `options` as typed."""

    scheme: str
    uri: str
    options: Mapping[str, str]

    def __str__(self) -> str:
        quoted = not _CALL.match(self.uri) and set(self.uri) & _TO_QUOTE
        uri = shlex.quote(self.uri) if quoted else self.uri
        return " ".join([uri, *(f"{key}={shlex.quote(value)}" for key, value in self.options.items())])


def parse_trigger(text: str) -> TriggerText:
    """Take a trigger text apart. Schedules are calls, `cron(…)`; everything else is a URI or a bare path.

    Raises:
        BadTrigger: empty, a call that is no schedule, or a word after the URI that is not `key=value`.
    """
    text = text.strip()
    call = _CALL.match(text)
    if call:
        return TriggerText(call[1], f"{call[1]}({call[2].strip()})", _options(text[call.end() :], text))
    _refuse_call(text)
    words = _words(text)
    if not words:
        raise BadTrigger("The trigger is empty.", 'Write a path with a glob, such as "incoming/*.csv".')
    scheme = _SCHEME.match(words[0])
    name = scheme[1].lower() if scheme and len(scheme[1]) > 1 else "file"
    return TriggerText(name, words[0], _pairs(words[1:], text))


def _refuse_call(text: str) -> None:
    """`crn(0 6 * * *)` is nobody's file; one of that name can be written `./crn(0)`."""
    call = _CALL_LIKE.match(text)
    if not call:
        return
    if call[1] in _SCHEDULES:
        raise BadTrigger(f"The trigger {text!r} has no closing parenthesis.", "Write it as in rate(5 minutes).")
    raise BadTrigger(f"{call[1]!r} in the trigger {text!r} is no schedule.", nearest(call[1], _SCHEDULES))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadTrigger(f"The trigger {text!r} cannot be read: {error}.", "Close the quotes.") from None


def _options(rest: str, text: str) -> dict[str, str]:
    return _pairs(_words(rest), text)


def _pairs(words: list[str], text: str) -> dict[str, str]:
    for word in words:
        if not re.match(r"[a-z_]+=", word):
            raise BadTrigger(
                f"{word!r} in the trigger {text!r} is not key=value.",
                "After the URI write options such as settle=2s; quote a path that contains spaces.",
            )
    return dict(word.split("=", 1) for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger bound to an alias of a function. `position` is the source's own JSON, committed with admission."""

    id: str
    function: str
    alias: str
    uri: str  # as typed, with its options
    scheme: str
    options: Mapping[str, str]
    folder: str  # what relative paths are relative to
    state: str = "active"  # active | paused | ended | failing | removed
    position: Any = None
    created: float = 0.0
    error: str = ""  # why it is failing
    target: str = field(default="", kw_only=True)  # uri without its options
