"""Cell or function → `Draft`."""

from __future__ import annotations

import ast
import inspect
import platform
import textwrap
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..model.errors import BadSource
from ..model.function import Options, check_name
from ..model.ids import digest_json
from ..model.requirements import versions_of
from ..model.version import Bundle, Draft
from .handler import choose_handler
from .imports import imported_modules, resolve_imports
from .lock import check_values, locked
from .loop import refuse_loop
from .pickling import closure_values
from .sharing import bundle_values
from .source import parse_source, refuse_relative_imports, source_digest
from .values import Namespace, Taken, take_values, value_imports


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

    Line 1 of `source` is line 1 in tracebacks, which show `filename` (default `<fn NAME>`); `cell_text` keeps a place
    for the line of the magic.

    Raises:
        CaptureError: the cell cannot become a version; the message names the line.
    """
    space = Namespace(names=namespace)
    return _draft("cell", name, source, space, options=options, folder=Path(folder), filename=filename)


def capture_function(
    function: Callable[..., Any],
    *,
    options: Options,
    folder: Path | str,
    name: str | None = None,
) -> Draft:
    """A Python function, by its source and what it reads from its module and its closure.

    The decorators of this package, and those above them, become comments: so line 1 stays the first decorator's line.
    Functions and classes of the same module travel whole, for that module publishes when it is imported.

    Raises:
        CaptureError: the function cannot become a version; the message names the line.
    """
    inner = inspect.unwrap(function)
    if not isinstance(inner, types.FunctionType):
        raise _not_def(inner)
    names = {**inner.__globals__, **closure_values(inner)}
    space = Namespace(names=names, by_value=frozenset({str(inner.__module__)}))
    source = _function_text(inner)
    return _draft("function", name or inner.__name__, source, space, options=options, folder=Path(folder))


def cell_text(line: str, body: str) -> str:
    """A cell's source with its magic line as a comment, so that line numbers are those of the cell."""
    return f"# %%fn {line.strip()}\n{body}"


def _draft(
    kind: str,
    name: str,
    source: str,
    space: Namespace,
    *,
    options: Options,
    folder: Path,
    filename: str = "",
) -> Draft:
    filename = filename or f"<fn {check_name(name)}>"
    tree = parse_source(source, filename)
    refuse_relative_imports(tree)
    handler = choose_handler(tree, name)
    taken = take_values(tree, space)
    if not options.allow_loop:
        refuse_loop(tree, handler, triggers=options.on, folder=folder, known=_texts(taken))
    options = locked(options)
    lock = versions_of(options.lock) if options.lock else None
    found = resolve_imports([*imported_modules(tree), *value_imports(taken, space)], folder, lock)
    check_values(taken, lock)
    bundle = Bundle(
        kind=kind,
        source=source,
        handler=handler,
        filename=filename,
        values=bundle_values(taken, space.by_value),
        modules=found.modules,
    )
    draft = unsealed(name, bundle, options=options, folder=folder)
    captured = tuple(one.captured for one in taken)
    return sealed(replace(draft, packages=found.packages, captured=captured), source_digest(tree))


def _texts(taken: list[Taken]) -> dict[str, str]:
    return {one.captured.name: str(one.value) for one in taken if isinstance(one.value, str | Path)}


def unsealed(name: str, bundle: Bundle, *, options: Options, folder: Path) -> Draft:
    """A draft of this kernel that has no packages, no captured values and no digest yet."""
    return Draft(
        function=check_name(name),
        bundle=bundle,
        options=options,
        folder=str(folder.absolute()),
        python=platform.python_version(),
        packages={},
        captured=(),
        digest="",
    )


def sealed(draft: Draft, source: str) -> Draft:
    """The draft with its digest: over what decides how it behaves, never over bytes that differ between kernels.

    `source` is the digest of the normalised source.
    """
    content = {
        "kind": draft.bundle.kind,
        "source": source,
        "handler": draft.bundle.handler,
        "values": {one.name: one.digest for one in draft.captured},
        "modules": {name: source_digest(ast.parse(text)) for name, text in draft.bundle.modules.items()},
        "options": draft.options.to_dict(),
        "packages": dict(draft.packages),
        "python": draft.python.rpartition(".")[0],
        "folder": draft.folder,
        "parameters": dict(draft.bundle.parameters),
        "output": draft.bundle.output,
        "kernel": draft.bundle.kernel,
    }
    return replace(draft, digest=digest_json(content))


def _function_text(function: types.FunctionType) -> str:
    """The function's own lines, with the decorators that publish it as comments."""
    try:
        lines, _ = inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise BadSource(
            f"The source of {function.__qualname__} cannot be found ({error}).",
            "Define it with def in a file or a notebook cell.",
        ) from None
    text = textwrap.dedent("".join(lines))
    node = parse_source(text, function.__code__.co_filename).body[0]
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != function.__code__.co_name:
        raise _not_def(function)
    end = max((d.end_lineno or 0 for d in node.decorator_list[: _published_by(node, function)]), default=0)
    return "".join(f"# {line}" if at < end else line for at, line in enumerate(text.splitlines(keepends=True)))


def _not_def(function: object) -> BadSource:
    name = getattr(function, "__qualname__", repr(function))
    return BadSource(
        f"{name} is not a function written with def.", "Write def NAME(event, context): and decorate that."
    )


def _published_by(node: ast.FunctionDef | ast.AsyncFunctionDef, function: types.FunctionType) -> int:
    """How many decorators, from the top, are this package's or above it: those are not there yet when it publishes."""
    own = [place for place, decorator in enumerate(node.decorator_list) if _is_own(decorator, function)]
    return own[-1] + 1 if own else 0


def _is_own(decorator: ast.expr, function: types.FunctionType) -> bool:
    root = decorator
    while isinstance(root, ast.Call | ast.Attribute):
        root = root.func if isinstance(root, ast.Call) else root.value
    if not isinstance(root, ast.Name):
        return False
    value = function.__globals__.get(root.id)
    if value is None:
        return root.id == "fn"  # imported inside another function
    module = value.__name__ if isinstance(value, types.ModuleType) else type(value).__module__
    return str(module).partition(".")[0] == __name__.partition(".")[0]
