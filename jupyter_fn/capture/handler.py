"""Which function of a source is the handler, and whether it can be called as one."""

from __future__ import annotations

import ast

from ..model.errors import NoHandler
from .names import bound_names

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def choose_handler(tree: ast.Module, name: str) -> str:
    """The function called `handler`, else the one called `name`, else the only top-level function.

    Raises:
        NoHandler: none, or several; also one that takes neither `(event)` nor `(event, context)`.
    """
    defined = {node.name: node for node in tree.body if isinstance(node, Definition)}
    bound = bound_names(tree)
    chosen = next((word for word in ("handler", name) if word in defined or word in bound), "")
    if not chosen and len(defined) == 1:
        chosen = next(iter(defined))
    if not chosen:
        raise _no_handler(list(defined), name)
    if chosen in defined and not defined[chosen].decorator_list:
        _check_arguments(defined[chosen])
    return chosen


def _no_handler(candidates: list[str], name: str) -> NoHandler:
    if not candidates:
        return NoHandler(f"{name} has no function.", "Define def handler(event, context): in the cell.")
    return NoHandler(
        f"{name} has several functions and none is called handler: {', '.join(candidates)}.",
        f"Call one of them handler or {name}.",
    )


def _check_arguments(node: Definition) -> None:
    """Positional arguments for `(event)` or `(event, context)`, nothing else required."""
    arguments = node.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    keywords = [a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    if (positional or arguments.vararg) and required <= 2 and not keywords:
        return
    raise NoHandler(
        f"{node.name}({ast.unparse(arguments)}) in line {node.lineno} cannot be called with (event) or (event, context).",
        f"Write def {node.name}(event, context): and give everything else a default or take it from the event.",
    )
