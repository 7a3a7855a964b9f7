"""Source text → syntax tree, and the form of it that versions are compared by."""

from __future__ import annotations

import ast
import re
import warnings

from ..model.errors import BadSource
from ..model.ids import digest

_SHELL_LINE = re.compile(r"([\w.,\s]+=\s*)?[%!]")  # `!ls`, `%cd x`, `files = !ls`


def parse_source(source: str, filename: str, *, module: str = "") -> ast.Module:
    """The tree of a source that Python would compile; the `module` that it is, unless it is the cell or file itself.

    Raises:
        BadSource: the line, and what Python says of it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, filename)
            compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise _bad_source(source, error, module) from None
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


def _bad_source(source: str, error: SyntaxError | ValueError, module: str) -> BadSource:
    line = getattr(error, "lineno", None) or 0
    lines = source.splitlines()
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    remedy = "Correct that line."
    if _SHELL_LINE.match(text):
        remedy = "Line magics and shell commands do not run in an environment: move that line to another cell."
    message = getattr(error, "msg", None) or str(error)
    where = f"Line {line} of the module {module}" if module else f"Line {line}"
    return BadSource(f"{where} is not Python: {text!r} ({message}).", remedy)
