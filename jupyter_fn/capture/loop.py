"""Refuses a handler that clearly writes where its own trigger looks.

Read from the source alone, so only what is certain counts: texts, f-strings, `Path(...) / ...` and names that hold a
text. What an f-string leaves open matches anything within the file's own name; in a folder's name it matches only `*`
and `**`. At run time the engine looks again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import normpath

from ..model.errors import LoopRefused
from ..model.trigger import parse_trigger

_NOT_FILES = {"cron", "rate", "at", "fn", "topic", "http"}
_WRITERS = re.compile(
    r"to_(csv|parquet|json|excel|feather|pickle|html|xml|orc)|write_(text|bytes|csv|parquet|table)|output"
)
_OF_PATH = {"write_text", "write_bytes", "touch"}  # the object is the path
_PLAIN_OPEN = {"open"}
_HOLE = "\0"  # what an f-string leaves open; no path contains it


@dataclass(frozen=True, slots=True)
class _Write:
    text: str  # with holes
    line: int


def refuse_loop(
    tree: ast.Module, handler: str, *, triggers: Sequence[str], folder: Path, known: Mapping[str, str]
) -> None:
    """`known` are names that hold a text when the source runs.

    Raises:
        LoopRefused: names the path, the line and the trigger.
    """
    globs = {text: target for text in triggers if (target := _glob(text, folder))}
    if not globs:
        return
    texts = {**known, **_constants(tree)}
    event = _event_name(tree, handler)
    for write in _writes(tree, texts, event):
        for trigger, glob in globs.items():
            if write.text == f"{event}.path" or _matches(_absolute(write.text, folder), glob):
                raise _refusal(write, event, trigger)


def _refusal(write: _Write, event: str, trigger: str) -> LoopRefused:
    shown = write.text.replace(_HOLE, "{…}")
    return LoopRefused(
        f"Line {write.line} writes {shown if write.text == f'{event}.path' else repr(shown)}, "
        f"which the trigger {trigger!r} would pick up again.",
        "Write into another folder or with another suffix; --allow-loop (allow_loop=True) publishes it all the same.",
    )


# --- what is watched


def _glob(trigger: str, folder: Path) -> str:
    parsed = parse_trigger(trigger)
    return "" if parsed.scheme in _NOT_FILES else _absolute(parsed.uri, folder)


def _absolute(path: str, folder: Path) -> str:
    path = re.sub(r"\A(file|local)://", "", path)
    if re.match(r"[a-z][a-z0-9+.-]+:", path):
        return path
    return normpath(f"{folder.absolute().as_posix()}/{path}" if not path.startswith("/") else path)


def _constants(tree: ast.Module) -> dict[str, str]:
    """Names that the source itself binds to a text at its top level."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and (text := _text(node.value, found)) is not None:
            found.update({target.id: text for target in node.targets if isinstance(target, ast.Name)})
    return found


def _event_name(tree: ast.Module, handler: str) -> str:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == handler:
            first = [*node.args.posonlyargs, *node.args.args][:1]
            return first[0].arg if first else "event"
    return "event"


# --- what is written


def _writes(tree: ast.Module, texts: Mapping[str, str], event: str) -> Iterator[_Write]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (target := _target(node)) is not None:
            text = _text(target, texts, event)
            if text is not None:
                yield _Write(text, node.lineno)


def _target(call: ast.Call) -> ast.expr | None:
    """The expression for the path that a call writes to."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if isinstance(call.func, ast.Attribute) and (name in _OF_PATH or (name == "open" and _is_path(call.func.value))):
        writes = name != "open" or _opens_to_write(call.args[0:1], call)
        return call.func.value if writes else None
    if name in _PLAIN_OPEN:
        return call.args[0] if call.args and _opens_to_write(call.args[1:2], call) else None
    return call.args[0] if call.args and _WRITERS.fullmatch(name) else None


def _is_path(node: ast.expr) -> bool:
    """It is written as a path: `Path(…)` or `Path(…) / …`."""
    if isinstance(node, ast.BinOp):
        return _is_path(node.left)
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("Path", "PurePath")


def _opens_to_write(mode: list[ast.expr], call: ast.Call) -> bool:
    given = [*mode, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return any(isinstance(m, ast.Constant) and isinstance(m.value, str) and set(m.value) & set("wax+") for m in given)


def _text(node: ast.expr, texts: Mapping[str, str], event: str = "") -> str | None:
    """The text of an expression, with holes; None when nothing is known of it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return texts.get(node.id)
    if event and ast.unparse(node) in (f"{event}.path", f"{event}['path']"):
        return f"{event}.path"
    if isinstance(node, ast.JoinedStr):
        return _interpolated(node, texts, event)
    if isinstance(node, ast.BinOp):
        return _joined(node, texts, event)
    if isinstance(node, ast.Call):
        return _called(node, texts, event)
    return None


def _interpolated(node: ast.JoinedStr, texts: Mapping[str, str], event: str) -> str | None:
    parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
    known = [_text(part, texts, event) for part in parts]
    if len(known) == 1:
        return known[0]
    if known and known[0] is None and not ast.unparse(parts[0]).startswith((f"{event}.", f"{event}[")):
        return None  # it may begin with any folder
    return "".join(_HOLE if text is None or text == f"{event}.path" else text for text in known)


def _joined(node: ast.BinOp, texts: Mapping[str, str], event: str) -> str | None:
    """`Path("a") / "b"` and `"a" + b`."""
    between = {ast.Div: "/", ast.Add: ""}.get(type(node.op))
    left, right = _text(node.left, texts, event), _text(node.right, texts, event)
    if between is None or left is None:
        return None
    return f"{left}{between}{_HOLE if right is None else right}"


def _called(node: ast.Call, texts: Mapping[str, str], event: str) -> str | None:
    """`Path(a, b)`, `os.path.join(a, b)`, `str(a)`."""
    if ast.unparse(node.func).rpartition(".")[2] not in ("Path", "PurePath", "join", "str") or not node.args:
        return None
    parts = [_text(part, texts, event) for part in node.args]
    if parts[0] is None:
        return None
    return "/".join(_HOLE if part is None else part for part in parts)


# --- does one meet the other


def _matches(path: str, glob: str) -> bool:
    return _meet(path.split("/"), glob.split("/"))


def _meet(path: list[str], glob: list[str]) -> bool:
    """Some path that fits `path` also fits `glob`, by the rule at the top."""
    if not path or not glob:
        return not path and not glob
    if glob == ["**"]:
        return True
    if glob[0] == "**":
        return _meet(path, glob[1:]) or (len(path) > 1 and _meet(path[1:], glob))
    is_name = len(path) == 1
    fits = _names_meet(path[0], glob[0]) if is_name else _folder_fits(path[0], glob[0])
    return fits and _meet(path[1:], glob[1:])


def _folder_fits(name: str, glob: str) -> bool:
    if glob == "*":
        return True
    return _HOLE not in name and re.fullmatch(_regex(glob), name) is not None


def _regex(glob: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in glob)


def _names_meet(name: str, glob: str) -> bool:
    """A text fits both, where holes and `*` stand for anything, `?` for one character. `[…]` counts as one character."""
    left = re.sub(f"{_HOLE}+", _HOLE, name)
    right = re.sub(r"\[[^\]]*\]", "?", glob)

    @cache
    def meet(i: int, j: int) -> bool:
        if i == len(left) and j == len(right):
            return True
        if i < len(left) and left[i] == _HOLE:
            return meet(i + 1, j) or (j < len(right) and meet(i, j + 1))
        if j < len(right) and right[j] == "*":
            return meet(i, j + 1) or (i < len(left) and meet(i + 1, j))
        return i < len(left) and j < len(right) and right[j] in (left[i], "?") and meet(i + 1, j + 1)

    return meet(0, 0)
