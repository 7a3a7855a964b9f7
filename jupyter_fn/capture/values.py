"""Which values of the kernel travel with a source, and whether they can."""

from __future__ import annotations

import ast
import builtins
import re
import reprlib
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..model.errors import UndefinedName, UnshippableValue, ValueTooLarge, nearest
from ..model.units import format_bytes
from ..model.version import Captured
from . import lines
from .fingerprint import fingerprint
from .imports import Imported
from .names import FreeName, free_names
from .pickling import (
    ABSENT,
    CachedFunction,
    ModuleWith,
    Unpicklable,
    is_shell_open,
    pickled,
    references,
    travels_whole,
)

LIMIT_BYTES = 10_000_000
_PREVIEW_CHARS = 80
_WHY_CHARS = 200
_DEPTH = 4  # how deep the part of a value that is to blame is looked for
_PARTS = 1000  # and among how many of its neighbours
_SHELL_NAME = re.compile(r"_+|_\d+|_i+|_i\d+|_[iod]h|In|Out|get_ipython|display|exit|quit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Where free names are looked up. Functions and classes of the modules `by_value` travel whole, as those of `__main__`."""

    names: Mapping[str, Any]
    by_value: frozenset[str] = frozenset()

    @property
    def is_shell(self) -> bool:
        """It is the user namespace of an IPython shell."""
        return "_ih" in self.names and "get_ipython" in self.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One value taken from the namespace."""

    captured: Captured
    value: Any
    data: bytes  # pickled
    modules: frozenset[str]  # dotted names that unpickling imports


def take_values(tree: ast.Module, space: Namespace, *, limit_bytes: int = LIMIT_BYTES) -> list[Taken]:
    """Every value that the source reads from the namespace, in the order of their names.

    Raises:
        UndefinedName: a free name that the namespace does not define, or that belongs to IPython.
        UnshippableValue: a value that cannot be pickled.
        ValueTooLarge: a value of more than `limit_bytes`, pickled.
    """
    wanted = [free for free in free_names(tree) if _must_travel(free, space)]
    return [_take(free, tree, space, limit_bytes) for free in sorted(wanted, key=lambda free: free.name)]


def value_imports(taken: list[Taken], space: Namespace) -> Iterator[Imported]:
    """The modules that unpickling imports. They are loaded here, so that none can be missing."""
    skip = {"__main__", "builtins", "None", "cloudpickle.cloudpickle", lines.__name__, *space.by_value}
    for module in sorted({name for one in taken for name in one.modules} - skip):
        yield Imported(module, 0, optional=True)


# --- which names


def _must_travel(free: FreeName, space: Namespace) -> bool:
    value = space.names.get(free.name, ABSENT)
    if _belongs_to_shell(free.name, value, space):
        raise UndefinedName(
            f"{free.name} in line {free.line} belongs to IPython and does not exist in an environment.",
            "Leave it out of the function; print(...) and context.logger go to its log.",
        )
    if hasattr(builtins, free.name) and (value is ABSENT or _is_builtin(free.name, value)):
        return False
    if value is ABSENT and free.sure:
        raise _undefined(f"{free.name!r} in line {free.line}", free.name, space.names)
    return value is not ABSENT


def _belongs_to_shell(name: str, value: Any, space: Namespace) -> bool:
    if name in ("get_ipython", "display") and value is ABSENT:
        return True
    if not space.is_shell or not _SHELL_NAME.fullmatch(name):
        return False
    if name in ("In", "Out"):
        return value is space.names.get("_ih") or value is space.names.get("_oh")
    return name.startswith("_") or name == "get_ipython" or value is ABSENT or _is_of_ipython(value)


def _is_builtin(name: str, value: Any) -> bool:
    """The builtin itself, or what IPython puts in its place (its own `open`)."""
    return value is getattr(builtins, name) or is_shell_open(value) or _is_of_ipython(value)


def _is_of_ipython(value: Any) -> bool:
    module = getattr(value, "__module__", None) or type(value).__module__
    return str(module).partition(".")[0] in ("IPython", "ipykernel")


def _undefined(subject: str, name: str, names: Mapping[str, Any]) -> UndefinedName:
    known = [word for word in names if not word.startswith("_")]
    near = nearest(name, known)
    remedy = f"Define {name} in a cell above and run it, or import it in this cell."
    return UndefinedName(
        f"{subject} is not defined in this kernel.", f"{near} {remedy}" if near.startswith("Did") else remedy
    )


# --- one value


def _take(free: FreeName, tree: ast.Module, space: Namespace, limit_bytes: int) -> Taken:
    value = space.names[free.name]
    _check_references(free, value, space)
    shipped = _with_submodules(free.name, value, tree) if isinstance(value, types.ModuleType) else value
    try:
        result = pickled(shipped, limit=limit_bytes, by_value=space.by_value)
        if result.size > limit_bytes:
            raise _too_large(free, value, result.size, space, limit_bytes)
        mark = fingerprint(value, by_value=space.by_value)
    except (Unpicklable, RecursionError) as error:
        raise _unshippable(free, value, str(error), space) from None
    captured = Captured(name=free.name, type=type_name(value), size=result.size, preview=preview(value), digest=mark)
    return Taken(captured=captured, value=shipped, data=result.data, modules=result.modules)


def _with_submodules(name: str, module: types.ModuleType, tree: ast.Module) -> Any:
    """`import xml.etree.ElementTree` binds only `xml`: the submodules that the source reaches through it come along."""
    reached: dict[str, types.ModuleType] = {}
    for node in ast.walk(tree):
        here: Any = module
        for attribute in _chain(node, name):
            inner = getattr(here, attribute, None)
            if not isinstance(inner, types.ModuleType) or inner.__name__ != f"{here.__name__}.{attribute}":
                break
            reached[inner.__name__] = here = inner
    return ModuleWith(module, tuple(reached[key] for key in sorted(reached))) if reached else module


def _chain(node: ast.AST, name: str) -> list[str]:
    """`["etree", "ElementTree"]` for the node of `xml.etree.ElementTree` and the name `xml`."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return attributes[::-1] if isinstance(node, ast.Name) and node.id == name else []


def _check_references(free: FreeName, value: Any, space: Namespace) -> None:
    """What captured functions read is there too: they would fail later, and far from here."""
    waiting, seen = [value], {id(value)}
    while waiting:
        function = waiting.pop()
        if isinstance(function, CachedFunction):
            function = function.__wrapped__
        if not isinstance(function, types.FunctionType) or not travels_whole(function, space.by_value):
            continue
        for reference in references(function):
            if reference.value is ABSENT:
                where = f"line {reference.line} of {function.__name__}, which line {free.line} uses,"
                raise _undefined(f"{reference.name!r} in {where}", reference.name, function.__globals__)
            if id(reference.value) not in seen:
                seen.add(id(reference.value))
                waiting.append(reference.value)


# --- who is to blame


def _unshippable(free: FreeName, value: Any, why: str, space: Namespace) -> UnshippableValue:
    def fails(part: Any) -> bool:
        try:
            pickled(part, limit=0, by_value=space.by_value)
        except Unpicklable:
            return True
        return False

    path, culprit = _culprit(value, space, fails, depth=_DEPTH)
    what = f"is {_article(culprit)}, which cannot be shipped to an environment ({_one_line(why)})."
    remedy = (
        f"Make {_named(free, path)} inside the handler, or keep what it is made from (an address, a path) in its place."
    )
    return UnshippableValue(f"{_subject(free, path)} {what}", remedy)


def _too_large(free: FreeName, value: Any, size: int, space: Namespace, limit_bytes: int) -> ValueTooLarge:
    def fails(part: Any) -> bool:
        return pickled(part, limit=0, by_value=space.by_value).size > limit_bytes

    path, culprit = _culprit(value, space, fails, depth=_DEPTH)
    cause = f"{_subject(free, path)} is {_article(culprit)} of {format_bytes(size)}"
    return ValueTooLarge(
        f"{cause}; the limit for one captured value is {format_bytes(limit_bytes)}.",
        f"Write {_named(free, path)} to a file and read that file in the handler.",
    )


def _one_line(why: str) -> str:
    """What a foreign `__reduce__` says may be long, and of several lines."""
    return textwrap.shorten(why, _WHY_CHARS, placeholder=" …").rstrip(".")


def _subject(free: FreeName, path: list[str]) -> str:
    if not path:
        return f"{free.name} in line {free.line}"
    return f"{path[-1]}, which {free.name} in line {free.line} brings along ({' → '.join([free.name, *path])}),"


def _named(free: FreeName, path: list[str]) -> str:
    """The innermost thing on the way that has a name of its own: `._lock` and `['a']` have none."""
    return next((step for step in reversed(path) if step.isidentifier() and step != "self"), free.name)


def _culprit(value: Any, space: Namespace, fails: Callable[[Any], bool], *, depth: int) -> tuple[list[str], Any]:
    """The way from a value that fails to the innermost part that still does."""
    for name, part in islice(_parts(value, space), _PARTS) if depth else ():
        if fails(part):
            path, culprit = _culprit(part, space, fails, depth=depth - 1)
            return [name, *path], culprit
    return [], value


def _parts(value: Any, space: Namespace) -> Iterator[tuple[str, Any]]:
    if isinstance(value, types.FunctionType):
        yield from ((r.name, r.value) for r in references(value) if r.value is not ABSENT)
    elif isinstance(value, types.MethodType):
        yield "self", value.__self__
    elif isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{place}]", item) for place, item in enumerate(value))
    elif not isinstance(value, types.ModuleType):
        whole = not isinstance(value, type) or travels_whole(value, space.by_value)
        yield from (
            ((f".{name}", part) for name, part in vars(value).items() if whole) if hasattr(value, "__dict__") else ()
        )


# --- how values are shown


def type_name(value: Any) -> str:
    """`pandas.DataFrame`, `int`, `sqlite3.Connection`."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _article(value: Any) -> str:
    name = type_name(value)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def preview(value: Any) -> str:
    """One line of at most 80 characters that says what a value is, without printing all of it."""
    try:
        text = _described(value)
    except Exception:  # a foreign __repr__ may raise anything
        text = f"<{type_name(value)}>"
    text = " ".join(text.split())
    return text if len(text) <= _PREVIEW_CHARS else f"{text[: _PREVIEW_CHARS - 1]}…"


def _described(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.FunctionType):
        code = value.__code__
        return f"def {value.__name__}({', '.join(code.co_varnames[: code.co_argcount])})"
    if isinstance(value, type):
        return f"class {value.__qualname__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__} {' × '.join(map(str, shape))}"
    return reprlib.repr(value)
