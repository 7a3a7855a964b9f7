"""The two magics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from ..capture.draft import capture_cell, cell_text
from ..capture.options import given_by_words, help_text, split_line
from ..client.decorator import Fn
from ..commands.table import run_line
from ..model.errors import UsageError
from .page import Page

_HELP = {"--help", "-h"}
USAGE = "%%fn NAME [options]"


@magics_class
class FnMagics(Magics):
    """`fn` does the work; errors are exceptions of two lines, so they stop Run All."""

    def __init__(self, shell: InteractiveShell, fn: Fn) -> None:
        super().__init__(shell)
        self.fn = fn
        self.names: dict[str, Any] = shell.user_ns

    @no_var_expand
    @cell_magic("fn")  # type: ignore[arg-type]
    def publish(self, line: str, cell: str) -> None:
        """Publish this cell as a function."""
        words = split_line(line)
        if _HELP & set(words):
            Page().text(help_text(USAGE))
            return
        given = given_by_words(words)
        if len(given.words) != 1:
            raise _one_name(given.words)
        name = given.words[0]
        draft = capture_cell(name, cell_text(line, cell), self.names, options=given.options, folder=Path.cwd())
        display(self.fn.publish(draft, dry_run=given.dry_run))  # type: ignore[no-untyped-call]
        if name.isidentifier() and not given.dry_run:
            self.names[name] = self.fn.handle(draft)

    publish.__doc__ = help_text(f"Publish this cell as a function: {USAGE}")  # type: ignore[assignment]

    @no_var_expand
    @line_magic("fn")  # type: ignore[arg-type]
    def command(self, line: str) -> Any:
        """Carry out a command of `jupyter fn`: `%fn ls`, `%fn cost --by function`; `%fn --help` lists them."""
        if line.lstrip().startswith("["):  # IPython takes fn["name"] for this magic as long as there is no variable fn
            raise UsageError("fn is not defined in this kernel.", "Run from jupyter_fn import fn first.")
        run_line(line, client=self.fn.client, output=Page())


def _one_name(words: tuple[str, ...]) -> UsageError:
    if not words:
        return UsageError("%%fn needs the name of the function.", f"Write {USAGE}.")
    remedy = "Put quotes around a value that contains spaces."
    return UsageError(f"%%fn takes one name, here are {len(words)}: {', '.join(words)}.", remedy)
