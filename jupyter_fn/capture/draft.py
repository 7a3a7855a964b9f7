"""Cell, function or notebook → `Draft`: the three ways into a version."""

from __future__ import annotations

import ast
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..model.function import Options, check_name
from ..model.ids import digest_json
from ..model.version import Bundle, Draft
from .handler import choose_handler
from .imports import imported_modules, resolve_imports
from .source import parse_source, source_digest
from .values import Namespace, take_values, value_imports


def capture_cell(
    name: str,
    source: str,
    namespace: Mapping[str, Any],
    *,
    options: Options,
    folder: Path | str,
    filename: str = "",
) -> Draft:
    """The cell `source` with the values that it reads from `namespace`. The cell is not executed.

    Line 1 of `source` is line 1 in tracebacks, which show `filename` (default `<fn NAME>`).

    Raises:
        CaptureError: the cell cannot become a version; the message names the line.
    """
    space = Namespace(names=namespace)
    return _draft(name, source, space, options=options, folder=Path(folder), kind="cell", filename=filename)


def _draft(
    name: str, source: str, space: Namespace, *, options: Options, folder: Path, kind: str, filename: str
) -> Draft:
    check_name(name)
    filename = filename or f"<fn {name}>"
    tree = parse_source(source, filename)
    handler = choose_handler(tree, name)
    taken = take_values(tree, space)
    found = resolve_imports([*imported_modules(tree), *value_imports(taken, space)], folder)
    bundle = Bundle(
        kind=kind,
        source=source,
        handler=handler,
        filename=filename,
        values={one.captured.name: one.data for one in taken},
        modules=found.modules,
    )
    draft = Draft(
        function=name,
        bundle=bundle,
        options=options,
        folder=str(folder.absolute()),
        python=platform.python_version(),
        packages=found.packages,
        captured=tuple(one.captured for one in taken),
        digest="",
    )
    return _sealed(draft, source_digest(tree))


def _sealed(draft: Draft, source: str) -> Draft:
    """The same with its digest: over what decides how it behaves, never over bytes that differ between kernels."""
    from dataclasses import replace

    modules = {name: source_digest(ast.parse(text)) for name, text in draft.bundle.modules.items()}
    content = {
        "kind": draft.bundle.kind,
        "source": source,
        "handler": draft.bundle.handler,
        "values": {one.name: one.digest for one in draft.captured},
        "modules": modules,
        "options": draft.options.to_dict(),
        "packages": dict(draft.packages),
        "python": draft.python.rpartition(".")[0],
        "folder": draft.folder,
        "parameters": dict(draft.bundle.parameters),
        "output": draft.bundle.output,
        "kernel": draft.bundle.kernel,
    }
    return replace(draft, digest=digest_json(content))
