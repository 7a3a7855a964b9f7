"""Notebook cells as Python: IPython's own syntax taken out."""

from __future__ import annotations

import ast

from .names import bound_names


def python_text(cell: str) -> str:
    """The Python of a cell. Line magics, shell commands and help become calls, as IPython does it; cell magics nothing.

    A call that IPython would make is left in; `python_tree` drops the statements that hold one.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    if cell.lstrip().startswith("%%"):
        return ""
    return str(TransformerManager().transform_cell(cell))  # type: ignore[no-untyped-call]


def python_tree(text: str, filename: str = "<cell>") -> ast.Module | None:
    """The tree of what `python_text` gave, without the statements that need IPython; None when it is not Python."""
    try:
        tree = ast.parse(text, filename)
    except SyntaxError:
        return None
    tree.body = [node for node in tree.body if not _needs_ipython(node)]
    return tree


def _needs_ipython(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(statement))


def changed_names(tree: ast.Module) -> set[str]:
    """The names that running a cell binds or changes: assigned, imported, defined, stored into, or with a method called.

    `import *` binds nobody knows what; its name is `*`.
    """
    return bound_names(tree) | {name for statement in tree.body for name in _touched(statement)}


def _touched(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return set()
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.add(_root(node))
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            found.add("*")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.add(_root(node.value.func))
    return found - {""}


def _root(node: ast.expr) -> str:
    """`df` for `df.loc[0].x`; nothing for a plain name, which is only called."""
    start = node
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) and node is not start else ""
