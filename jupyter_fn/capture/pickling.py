"""Values → bytes. cloudpickle, with a limit, remembering the modules that the bytes refer to."""

from __future__ import annotations

import builtins
import dis
import io
import operator
import pickle
import sys
import types
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

from ..model.errors import FnError
from .lines import SourceLines

PROTOCOL = 5
CachedFunction = type(lru_cache(lambda: None))


class Unpicklable(Exception):
    """A value that cannot be pickled; the message is the pickler's own."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """`data` is empty when `size` (bytes) is above the limit. `modules`: everything looked up by name when it is loaded."""

    data: bytes
    size: int
    modules: frozenset[str]


class _Sink(io.RawIOBase):
    """Keeps what is written up to a limit and counts the rest, so that a huge value costs no second copy."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.size = 0
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self.size += length
        if self.size <= self.limit:
            self.parts.append(bytes(data))
        else:
            self.parts.clear()
        return length


@dataclass(frozen=True, slots=True)
class ModuleWith:
    """A module together with submodules that somebody imported into it (`import xml.etree.ElementTree` binds `xml`)."""

    module: types.ModuleType
    submodules: tuple[types.ModuleType, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return operator.getitem, ((self.module, *self.submodules), 0)


def pickled(value: Any, *, limit: int, by_value: Collection[str] = ()) -> Pickled:
    """cloudpickle `value`; functions and classes of the modules named in `by_value` travel whole, as those of `__main__`.

    Raises:
        Unpicklable: it, or something in it, cannot be pickled.
    """
    sink = _Sink(limit)
    pickler = _pickler_class()(sink, by_value)
    try:
        with _shipped_whole(by_value):
            pickler.dump(value)
    except FnError:
        raise
    except Exception as error:  # whatever a foreign __reduce__ raises
        raise Unpicklable(str(error) or type(error).__name__) from error
    return Pickled(b"".join(sink.parts), sink.size, frozenset(pickler.modules))


@cache
def _pickler_class() -> Any:
    import cloudpickle

    class Remembering(cloudpickle.Pickler):  # type: ignore[misc]
        def __init__(self, sink: io.RawIOBase, by_value: Collection[str]) -> None:
            super().__init__(sink, protocol=PROTOCOL)
            self.by_value = by_value
            self.modules: set[str] = set()
            self.lines = SourceLines()

        def reducer_override(self, value: Any) -> Any:
            if is_shell_open(value):
                return getattr, (builtins, "open")
            if isinstance(value, CachedFunction) and travels_whole(value.__wrapped__, self.by_value):
                return cached_again, (value.__wrapped__, value.cache_parameters())
            if type(value) is cached_property:
                return cached_property_again, (value.func, value.attrname)
            if isinstance(value, types.CodeType):
                return self.lines.with_lines(value, self.dispatch_table[types.CodeType](value))
            if isinstance(value, types.ModuleType):
                self.modules.add(value.__name__)
            elif isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
                self.modules.add(str(value.__module__))
            elif isinstance(value, io.TextIOWrapper | io.BufferedIOBase | io.RawIOBase) and not _in_memory(value):
                raise pickle.PicklingError(f"an open file ({getattr(value, 'name', '?')})")
            return super().reducer_override(value)

    return Remembering


def cached_again(function: Any, parameters: dict[str, Any]) -> Any:
    """A function under `@functools.cache` or `@lru_cache`, with an empty cache. functools itself pickles only its name."""
    return lru_cache(**parameters)(function)


def cached_property_again(function: Any, name: str) -> Any:
    """A `functools.cached_property`, whose lock (before Python 3.12) is what cannot be pickled."""
    made = cached_property(function)
    made.__set_name__(object, name)
    return made


def _in_memory(value: Any) -> bool:
    return isinstance(value, io.BytesIO)


@contextmanager
def _shipped_whole(names: Collection[str]) -> Iterator[None]:
    import cloudpickle

    already = cloudpickle.list_registry_pickle_by_value()
    mine = [sys.modules[name] for name in names if name in sys.modules and name not in already and name != "__main__"]
    for module in mine:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in mine:
            cloudpickle.unregister_pickle_by_value(module)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a function's code reads from around it. `value` is ABSENT when nothing defines it."""

    name: str
    line: int
    value: Any


ABSENT = object()


def references(function: types.FunctionType) -> list[Reference]:
    """The globals and closure variables of a function, and of code nested in it; builtins left out."""
    found: dict[str, Reference] = {}
    for name, line in _global_reads(function.__code__):
        value = function.__globals__.get(name, ABSENT)
        if is_shell_open(value):
            continue
        if value is not ABSENT or not hasattr(builtins, name):
            found.setdefault(name, Reference(name, line, value))
    for name, value in closure_values(function).items():
        found[name] = Reference(name, function.__code__.co_firstlineno, value)
    return list(found.values())


def is_shell_open(value: Any) -> bool:
    """The `open` that IPython puts over the builtin. It says that it is of `io`, so only its globals betray it."""
    return isinstance(value, types.FunctionType) and (
        value.__name__ == "open" and value.__globals__.get("__name__") == "IPython.core.interactiveshell"
    )


def closure_values(function: types.FunctionType) -> dict[str, Any]:
    """The variables that a function reads from the function around it."""
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a cell that is not filled
            found[name] = cell.cell_contents
    return found


def _global_reads(code: types.CodeType) -> Iterator[tuple[str, int]]:
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            line = step.positions.lineno if step.positions else None
            yield str(step.argval), line or code.co_firstlineno
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_reads(constant)


def travels_whole(value: Any, by_value: Collection[str] = ()) -> bool:
    """A function or class that an import cannot find again, or whose module `by_value` names."""
    module = str(value.__module__)
    if module == "__main__" or module in by_value:
        return True
    found: Any = sys.modules.get(module)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is not value
