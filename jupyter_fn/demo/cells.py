"""The functions that the demo publishes: text of this package that reads like the cells of a notebook."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ..capture.draft import capture_cell, cell_text
from ..capture.options import given_by_words, split_line
from ..model.version import Draft

MARK = "# %%fn "
CLEAN, MONTHLY = "clean_day", "monthly_delays"


def cell(name: str) -> tuple[str, str]:
    """The line after `%%fn ` and the body of the cell `name`."""
    text = files(__package__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    line, _, body = text.partition(f"\n{MARK}")[2].partition("\n")
    return line, body


def draft(name: str, folder: Path) -> Draft:
    """What the cell `name` would publish when its notebook lay in `folder`."""
    line, body = cell(name)
    given = given_by_words(split_line(line))
    return capture_cell(given.words[0], cell_text(line, body), {}, options=given.options, folder=folder)
