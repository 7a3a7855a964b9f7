"""Where commands put what they have to say."""

from __future__ import annotations

import json
import sys
from typing import Any, Protocol

from ..model.errors import FnError, RunError


class Output(Protocol):
    """A port: the shell's is `Terminal`, a notebook shows tables instead of printing them."""

    def text(self, line: str) -> None:
        """One line of the answer."""
        ...

    def stream(self, text: str) -> None:
        """A piece of an answer that comes in pieces, as it is."""
        ...

    def note(self, text: str) -> None:
        """Text beside the answer, as it is: logs, the REPORT line."""
        ...

    def show(self, shown: Any) -> None:
        """A table or a set of facts, for people."""
        ...

    def json(self, document: Any) -> None:
        """The answer as one JSON document."""
        ...


class Terminal:
    """Standard output for answers, standard error for everything else. Colours only on a terminal."""

    def text(self, line: str) -> None:
        """To standard output."""
        print(line)

    def stream(self, text: str) -> None:
        """To standard output, at once."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """To standard error, at once."""
        sys.stderr.write(text)
        sys.stderr.flush()

    def show(self, shown: Any) -> None:
        """By rich on a terminal, else as plain text."""
        if sys.stdout.isatty():
            from rich.console import Console

            Console(highlight=False, markup=False, emoji=False).print(shown)
        else:
            from ..client.tables import plain

            print(plain(shown))

    def json(self, document: Any) -> None:
        """To standard output, indented."""
        print(json.dumps(document, indent=2, ensure_ascii=False))


def error_text(error: FnError) -> str:
    """What an error says on standard error: the remote traceback of a run, else one line of cause; one of remedy."""
    if isinstance(error, RunError) and error.traceback:
        lines = [error.traceback.rstrip(), _one_line(error.unsaid_remedy)]
    else:
        lines = [_one_line(error.cause), _one_line(error.remedy)]
    return "".join(f"{line}\n" for line in lines if line)


def _one_line(text: str) -> str:
    return " ".join(text.split())
