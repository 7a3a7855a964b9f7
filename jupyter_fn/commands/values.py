"""Values that are typed as JSON, or stand in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..model.errors import BadValue


def json_value(text: str, option: str) -> Any:
    """`JSON`, or `@FILE` for the JSON in a file.

    Raises:
        BadValue: no such file, or not JSON; names the option and the place.
    """
    if not text.startswith("@"):
        return _parsed(text, option)
    return _parsed(_file(text[1:], option), f"{option} {text}")


def json_records(text: str, option: str) -> list[Any]:
    """`JSON` for one record; `@FILE` or `-` (standard input) for one record per line (JSON Lines)."""
    if text == "-":
        content = sys.stdin.read()
    elif text.startswith("@"):
        content = _file(text[1:], option)
    else:
        return [_parsed(text, option)]
    lines = enumerate(content.splitlines(), start=1)
    return [_parsed(line, f"{option} {text}, line {number}") for number, line in lines if line.strip()]


def _file(path: str, option: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadValue(f"{option}: {path!r} cannot be read ({error}).", "Name a readable text file after @.") from None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        shown = text if len(text) <= 60 else f"{text[:59]}…"
        raise BadValue(
            f"{where}: {shown!r} is not JSON ({error.msg} at character {error.pos}).",
            "Write JSON in quotes for the shell, such as '{\"n\": 1}', or @FILE.",
        ) from None
