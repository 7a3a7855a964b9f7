"""Source text → syntax tree, and the form of it that versions are compared by."""

from __future__ import annotations

import ast
import warnings

from ..model.errors import BadSource
from ..model.ids import digest


def parse_source(source: str, filename: str) -> ast.Module:
    """The tree of a source that Python would compile.

    Raises:
        BadSource: the line, and what Python says of it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, filename)
            compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise _bad_source(source, error) from None
    return tree


def refuse_relative_imports(tree: ast.Module) -> None:
    """A source that becomes a module of its own belongs to no package.

    Raises:
        BadSource: names the line.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise BadSource(
                f"Line {node.lineno} imports relative to a package: {ast.unparse(node)!r}.",
                "Write the full name of the module.",
            )


def source_digest(tree: ast.AST) -> str:
    """Digest of what the source means: comments, blank lines and layout do not count."""
    return digest(ast.dump(tree, annotate_fields=False).encode())


def _bad_source(source: str, error: SyntaxError | ValueError) -> BadSource:
    line = getattr(error, "lineno", None) or 0
    lines = source.splitlines()
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    remedy = "Correct that line."
    if text.startswith(("%", "!")):
        remedy = "Line magics and shell commands do not run in an environment: move that line to another cell."
    message = getattr(error, "msg", None) or str(error)
    return BadSource(f"Line {line} is not Python: {text!r} ({message}).", remedy)
