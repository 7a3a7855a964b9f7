"""Server-sent events, as the service pushes them.

The format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html; ids and retry times are not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Pushed:
    """One pushed event: `run`, `function`, `worker`, `log` or `progress`, with its JSON."""

    event: str
    data: Any


def parse_events(lines: Iterable[str]) -> Iterator[Pushed]:
    """Events out of the lines of a stream; comments (keep-alives) and events without data are passed over."""
    event, data = "message", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Pushed(event, json.loads("\n".join(data)))
            event, data = "message", []
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)


def lines_of(chunks: Iterable[str]) -> Iterator[str]:
    """Lines out of pieces of text. Ends only at `\\n` or `\\r\\n`: JSON may hold the other separators of Unicode as they are."""
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        yield from (line.removesuffix("\r") for line in lines)
