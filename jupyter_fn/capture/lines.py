"""Source lines of captured functions, so that tracebacks show them where the notebook is not.

cloudpickle ships code without the text that it was made from.
"""

from __future__ import annotations

import inspect
import linecache
import types
from collections.abc import Callable
from typing import Any

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


class SourceLines:
    """Adds its lines to each code object of one pickle; code inside other code has those already."""

    def __init__(self) -> None:
        self._sent: list[tuple[str, range]] = []

    def with_lines(self, code: types.CodeType, reduced: Reduced) -> Reduced:
        """`reduced`, how `code` is pickled, with a name for its source and its lines; as it is when there are none."""
        first, text = code.co_firstlineno, ""
        if not any(file == code.co_filename and first in lines for file, lines in self._sent):
            text = _text(code)
            if not text:
                return reduced
            self._sent.append((code.co_filename, range(first, first + text.count("\n") + 1)))
        root = getattr(code, "co_qualname", code.co_name).partition(".")[0]
        return code_again, (*reduced, f"<source of {root}>", first, text)


def _text(code: types.CodeType) -> str:
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    try:
        return "".join(inspect.getblock(lines)).rstrip("\n")
    except (SyntaxError, IndentationError):  # the file is not any more what the code was made from
        return ""


def code_again(
    make: Callable[..., types.CodeType], arguments: tuple[Any, ...], filename: str, first: int, text: str
) -> types.CodeType:
    """The code object, under `filename`, and its text where `traceback` and `inspect` look for it, from line `first` on."""
    lines = list(linecache.getlines(filename))
    new = [f"{line}\n" for line in text.split("\n")] if text else []
    lines += ["\n"] * (first - 1 + len(new) - len(lines))
    lines[first - 1 : first - 1 + len(new)] = new
    linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)
    return make(*arguments).replace(co_filename=filename)
