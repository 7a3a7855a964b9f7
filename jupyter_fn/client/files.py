"""Publishing what stands in files: the functions of a module, the cells of a notebook, or a whole notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..capture.options import OPTIONS, Given, given_by_keywords, given_by_words
from . import tables
from .published import Published
from .tables import Row, Table

if TYPE_CHECKING:
    from ..model.version import Draft

    Publish = Callable[..., Row]  # (draft, *, dry_run) → the service's answer

__all__ = ["OPTIONS", "Given", "given_by_words", "publish_file", "published", "schedule_notebook"]


def publish_file(publish: Publish, path: Path | str, names: Sequence[str] = (), *, dry_run: bool = False) -> Table:
    """Publish the decorated functions of a module or the `%%fn` cells of a notebook, all of them or those named.

    Nothing is published unless everything can be captured. Relative paths are relative to the current folder.

    Raises:
        NotFound: no such file, or no such function in it.
        CaptureError: a function that cannot become a version.
    """
    from ..capture.collect import collect

    drafts = collect(path, names)
    return published([(draft, publish(draft, dry_run=dry_run)) for draft in drafts])


def schedule_notebook(
    publish: Publish,
    path: Path | str,
    *,
    parameters: Mapping[str, Any] | None = None,
    output: str = "",
    kernel: str = "",
    name: str | None = None,
    given: Given | None = None,
    **options: Any,
) -> Row:
    """Publish a whole notebook as a handler: it runs with `parameters`, its executed copy goes to `output`.

    Args:
        publish: the verb that sends a draft.
        path: the notebook.
        parameters: injected after the cell tagged `parameters`.
        output: pattern of the executed copy's path.
        kernel: the kernel's name; as the notebook says when empty.
        name: the function's name; the file's when None.
        given: the options as read from flags; else `options` are keywords as of `@fn(...)`.
        **options: `on=`, `memory=`, …
    """
    from ..capture.notebook import capture_notebook

    asked = given or given_by_keywords(options)
    draft = capture_notebook(
        path,
        options=asked.options,
        folder=Path.cwd(),
        parameters=parameters,
        output=output,
        kernel=kernel,
        name=name,
    )
    return published([(draft, publish(draft, dry_run=asked.dry_run))])[0]


def published(answers: Sequence[tuple[Draft, Row]]) -> Table:
    """What became of drafts, one row each: the service's answers, with a word for people."""
    rows = (
        {
            "function": draft.function,
            "number": answer["version"].get("number"),
            "outcome": Published(draft, answer).outcome,
            "captured": [{"name": one.name} for one in draft.captured],
            **answer,
        }
        for draft, answer in answers
    )
    return Table(rows, tables.PUBLISHED)
