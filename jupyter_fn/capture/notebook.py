"""A whole notebook → `Draft`: its JSON without outputs is the source, it is run with parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..model.codec import to_json
from ..model.errors import BadSource, BadValue, NotFound
from ..model.function import Options
from ..model.ids import digest_json
from ..model.version import Bundle, Draft
from .cells import python_text, python_tree
from .draft import sealed, unsealed
from .imports import imported_modules, installed_packages
from .loop import refuse_loop


def capture_notebook(
    path: Path | str,
    *,
    options: Options,
    folder: Path | str,
    parameters: Mapping[str, Any] | None = None,
    output: str = "",
    kernel: str = "",
    name: str | None = None,
) -> Draft:
    """The notebook at `path`, to be run with `parameters` injected; `output` is a pattern for the executed copy.

    It captures nothing: its kernel starts empty in `folder` and imports local modules from there. Outputs, execution
    counts and layout do not count for its digest; the packages that its code cells import do.

    Raises:
        BadValue: options that need an environment of its own.
        NotFound: no such file.
        BadSource: not a notebook.
        LoopRefused: a cell clearly writes where a trigger looks.
    """
    path = Path(path)
    if options.requirements:
        raise BadValue(
            "A notebook runs in a kernel, which has its own packages.", "Choose one that has them: --kernel K."
        )
    document = read_notebook(path)
    bundle = Bundle(
        kind="notebook",
        source=json.dumps(_stripped(document), ensure_ascii=False, indent=1, sort_keys=True),
        handler="",
        filename=path.name,
        parameters=to_json(dict(parameters or {})),
        output=output,
        kernel=kernel,
    )
    draft = unsealed(name or _name(path), bundle, options=options, folder=Path(folder))
    trees = [tree for cell in code_cells(document) if (tree := python_tree(python_text(cell)))]
    for tree in trees if not options.allow_loop else ():
        refuse_loop(tree, "", triggers=options.on, folder=Path(folder), known={})
    packages = installed_packages([one for tree in trees for one in imported_modules(tree)], Path(folder))
    return sealed(replace(draft, packages=packages), digest_json(_meaning(document)))


def read_notebook(path: Path) -> dict[str, Any]:
    """The JSON of a notebook of format 4.

    Raises:
        NotFound: no such file.
        BadSource: not a notebook.
    """
    import nbformat

    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.", "Write the path of a notebook, relative to this folder.")
    try:
        document = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises its own, json's and validation errors
        raise BadSource(f"{path.name} is not a notebook ({error}).", "Save it again from Jupyter.") from None
    return dict(document)


def code_cells(document: Mapping[str, Any]) -> list[str]:
    """The text of every code cell, in order."""
    return [cell["source"] for cell in document["cells"] if cell["cell_type"] == "code"]


def _stripped(document: Mapping[str, Any]) -> dict[str, Any]:
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else dict(cell)
        for cell in document["cells"]
    ]
    return {**document, "cells": cells}


def _meaning(document: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how a notebook runs: code, tags (papermill's `parameters`) and kernel."""
    cells = [
        {"source": cell["source"], "tags": sorted(cell["metadata"].get("tags", []))}
        for cell in document["cells"]
        if cell["cell_type"] == "code"
    ]
    return {"cells": cells, "kernel": document["metadata"].get("kernelspec", {}).get("name", "")}


def _name(path: Path) -> str:
    """A function's name for a file's name."""
    text = "".join(char if (char.isalnum() and char.isascii()) or char in "_-" else "_" for char in path.stem)
    return text if text[:1].isalpha() or text[:1] == "_" else f"_{text}"
