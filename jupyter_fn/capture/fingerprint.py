"""Fingerprint of a value: the same content gives the same text in every kernel. Never over pickle bytes, which differ.

What counts, by kind:

* numbers, texts, bytes, None: type and value · lists, tuples, dicts: their items in order · sets: their items, sorted
* numpy arrays: dtype, shape, bytes · pandas: columns, dtypes, `pandas.util.hash_pandas_object`
* functions and classes that an import finds again: their dotted name (versions of packages are part of a version anyway)
* other functions: bytecode, constants, defaults, and the values that they refer to · other classes: bases and members
* everything else: what `copyreg` or `__reduce_ex__(4)` gives, else its `__dict__`

An object that contains itself is met again as "n levels up". Nothing here depends on hash order, addresses or time.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import types
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from typing import Any

from .pickling import ABSENT, CachedFunction, references, travels_whole

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
_CLASS_NOISE = {
    *("__dict__", "__weakref__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"),
    *("_abc_impl", "__abstractmethods__", "__slotnames__"),  # the last by copyreg, when an instance is pickled first
}


def fingerprint(value: Any, *, by_value: Collection[str] = ()) -> str:
    """SHA-256 in hex of the value's content; `by_value` as in `pickling.pickled`."""
    return _Fingerprints(by_value).of(value)


def _mix(kind: str, parts: Iterable[str | bytes]) -> str:
    """One digest of a kind and its parts; lengths go in, so that parts cannot run together."""
    total = hashlib.sha256(kind.encode())
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(b"|%d:" % len(data))
        total.update(data)
    return total.hexdigest()


def _name(value: Any) -> str:
    return f"{value.__module__}.{getattr(value, '__qualname__', value.__name__)}"


class _Fingerprints:
    """One walk: `path` holds the depth of the objects being walked, `done` the results, both by id."""

    def __init__(self, by_value: Collection[str]) -> None:
        self.by_value = by_value
        self.path: dict[int, int] = {}
        self.done: MutableMapping[int, tuple[Any, str]] = {}  # the object stays alive, so its id stays its own

    def of(self, value: Any) -> str:
        if type(value) in _ATOMS:
            return _mix(type(value).__name__, [value if isinstance(value, str | bytes) else repr(value)])
        key = id(value)
        if key in self.done:
            return self.done[key][1]
        if key in self.path:
            return _mix("up", [str(len(self.path) - self.path[key])])
        self.path[key] = len(self.path)
        result = self.by_kind(value)
        del self.path[key]
        self.done[key] = (value, result)
        return result

    def by_kind(self, value: Any) -> str:
        if isinstance(value, type):
            return self.cls(value)
        kind = type(value)
        way = _WAYS.get(kind) or _FOREIGN.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
        return way(self, value) if way else self.reduced(value)

    def each(self, values: Iterable[Any]) -> list[str]:
        return [self.of(value) for value in values]

    def apart(self, value: Any) -> str:
        """The same, leaving nothing behind: for items whose order is not the same in every kernel."""
        walk = _Fingerprints(self.by_value)
        walk.path, walk.done = dict(self.path), ChainMap({}, self.done)
        return walk.of(value)

    # --- containers

    def sequence(self, value: Any) -> str:
        return _mix(type(value).__name__, self.each(value))

    def unordered(self, value: Any) -> str:
        return _mix(type(value).__name__, sorted(self.apart(item) for item in value))

    def mapping(self, value: Any) -> str:
        return _mix("dict", [part for pair in value.items() for part in self.each(pair)])

    def members(self, values: Any) -> str:
        """A namespace: the order of its names does not count."""
        if not isinstance(values, dict):
            return self.of(values)
        return _mix("names", [part for name in sorted(values, key=str) for part in (str(name), self.of(values[name]))])

    # --- code

    def code(self, value: types.CodeType) -> str:
        counts = (value.co_flags, value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount)
        names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
        shape: list[str | bytes] = [value.co_name, repr(counts), repr(names), value.co_code, value.co_exceptiontable]
        return _mix("code", [*shape, *self.each(value.co_consts)])

    def function(self, value: types.FunctionType) -> str:
        if not travels_whole(value, self.by_value):
            return _mix("function", [_name(value)])
        around = {reference.name: reference.value for reference in references(value) if reference.value is not ABSENT}
        parts = [value.__defaults__, value.__kwdefaults__]
        return _mix(
            "def", [self.of(value.__code__), *self.each(parts), self.members(around), self.members(vars(value))]
        )

    def cached(self, value: Any) -> str:
        """A function under `@functools.cache`."""
        return _mix("cached", [repr(sorted(value.cache_parameters().items())), self.of(value.__wrapped__)])

    def method(self, value: types.MethodType) -> str:
        return _mix("method", self.each([value.__func__, value.__self__]))

    def wrapped(self, value: Any) -> str:
        return _mix(type(value).__name__, [self.of(value.__func__)])

    def accessor(self, value: property) -> str:
        return _mix("property", self.each([value.fget, value.fset, value.fdel]))

    def cached_accessor(self, value: Any) -> str:
        """A `functools.cached_property`, without its lock."""
        return _mix("cached property", [str(value.attrname), self.of(value.func)])

    def builtin(self, value: types.BuiltinFunctionType) -> str:
        if isinstance(value.__self__, types.ModuleType | type(None)):
            return _mix("builtin", [_name(value)])
        return _mix("builtin", [value.__name__, self.of(value.__self__)])

    def descriptor(self, value: Any) -> str:
        return _mix("descriptor", [value.__name__])

    def module(self, value: types.ModuleType) -> str:
        return _mix("module", [value.__name__])

    def cls(self, value: type) -> str:
        if not travels_whole(value, self.by_value):
            return _mix("class", [_name(value)])
        written = {name: member for name, member in vars(value).items() if _is_written(name)}
        return _mix(
            "class", [value.__qualname__, self.of(type(value)), *self.each(value.__bases__), self.members(written)]
        )

    # --- objects

    def reduced(self, value: Any) -> str:
        """What pickling would rebuild it from."""
        try:
            way = copyreg.dispatch_table.get(type(value))
            parts = way(value) if way else value.__reduce_ex__(4)
        except Exception:  # a foreign object may raise anything here
            return _mix("object", [self.of(type(value)), self.members(getattr(value, "__dict__", None))])
        if isinstance(parts, str):
            return _mix("global", [type(value).__module__, parts])
        made, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        return _mix(
            "object",
            [
                self.of(type(value)),
                self.of(made),
                self.of(arguments),
                self.state(state),
                *self.each(items or ()),
                *self.each(tuple(pair) for pair in pairs or ()),
            ],
        )

    def state(self, state: Any) -> str:
        """The state of an object: one namespace, or two when it has slots."""
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            return _mix("slots", [self.members(state[0]), self.members(state[1])])
        return self.members(state)

    def array(self, value: Any) -> str:
        content = self.each(value.ravel().tolist()) if value.dtype.hasobject else [value.tobytes()]
        return _mix("array", [str(value.dtype.descr), repr(value.shape), *content])

    def frame(self, value: Any) -> str:
        columns = [self.column(value.iloc[:, place]) for place in range(value.shape[1])]
        return _mix("frame", [self.of(value.columns), self.of(value.index), *columns])

    def series(self, value: Any) -> str:
        return _mix("series", [self.of(value.name), self.of(value.index), self.column(value)])

    def index(self, value: Any) -> str:
        return _mix("index", [self.of(list(value.names)), self.column(value.to_series(index=range(len(value))))])

    def column(self, value: Any) -> str:
        """Objects one by one, for pandas would take 1 and "1" for the same; the rest by pandas' own hash."""
        dtype = value.dtype
        if dtype.kind == "O" and type(dtype).__module__.startswith("numpy"):
            return _mix("objects", self.each(value.tolist()))
        from pandas.util import hash_pandas_object

        kinds = [self.of(dtype.categories), repr(dtype.ordered)] if hasattr(dtype, "categories") else []
        return _mix("column", [str(dtype), *kinds, hash_pandas_object(value, index=False).to_numpy().tobytes()])


def _is_written(name: str) -> bool:
    """A class member that its author wrote, not one that some machinery keeps there (with addresses and locks in it)."""
    return name not in _CLASS_NOISE and (not name.startswith("__pydantic_") or name == "__pydantic_fields__")


_Way = Callable[[_Fingerprints, Any], str]
_WAYS: Mapping[type, _Way] = {
    list: _Fingerprints.sequence,
    tuple: _Fingerprints.sequence,
    set: _Fingerprints.unordered,
    frozenset: _Fingerprints.unordered,
    dict: _Fingerprints.mapping,
    types.MappingProxyType: _Fingerprints.mapping,
    types.CodeType: _Fingerprints.code,
    types.FunctionType: _Fingerprints.function,
    CachedFunction: _Fingerprints.cached,
    types.MethodType: _Fingerprints.method,
    types.BuiltinFunctionType: _Fingerprints.builtin,
    types.ModuleType: _Fingerprints.module,
    staticmethod: _Fingerprints.wrapped,
    classmethod: _Fingerprints.wrapped,
    property: _Fingerprints.accessor,
    functools.cached_property: _Fingerprints.cached_accessor,
    types.MemberDescriptorType: _Fingerprints.descriptor,
    types.GetSetDescriptorType: _Fingerprints.descriptor,
    types.WrapperDescriptorType: _Fingerprints.descriptor,
}
_INDEXES = ("", "Range", "Datetime", "Timedelta", "Period", "Categorical", "Multi", "Interval")
_FOREIGN: Mapping[str, _Way] = {
    "numpy.ndarray": _Fingerprints.array,
    "pandas.DataFrame": _Fingerprints.frame,
    "pandas.Series": _Fingerprints.series,
    **{f"pandas.{kind}Index": _Fingerprints.index for kind in _INDEXES},
}
