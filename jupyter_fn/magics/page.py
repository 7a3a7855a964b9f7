"""Where `%fn` commands put what they have to say: into the cell."""

from __future__ import annotations

import json
import sys
from typing import Any

from IPython.display import display


class Page:
    """A port of `commands`: tables and facts show themselves, everything else is text."""

    def text(self, line: str) -> None:
        """One line of the answer."""
        self.stream(f"{line}\n")

    def stream(self, text: str) -> None:
        """A piece of the answer, at once."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Logs and the REPORT line. A notebook paints standard error red, and these are no errors."""
        self.stream(text)

    def show(self, shown: Any) -> None:
        """As HTML, with the text beside it."""
        display(shown)  # type: ignore[no-untyped-call]

    def json(self, document: Any) -> None:
        """As indented text."""
        self.text(json.dumps(document, indent=2, ensure_ascii=False))
