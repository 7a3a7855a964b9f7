"""Which captured values must be pickled together, so that what they share in the kernel is shared in an environment too.

A cell captures the list `seen` and the function `remember`, which appends to it: pickled apart, each would get a list
of its own. Functions also share their globals with each other only within one pickle.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from .pickling import ABSENT, pickled, references, travels_whole
from .values import LIMIT_BYTES, Taken

_IMMUTABLE = (bool, int, float, complex, str, bytes, type(None), types.ModuleType, types.BuiltinFunctionType)


def bundle_values(taken: Sequence[Taken], by_value: Collection[str] = ()) -> dict[str, bytes]:
    """`Bundle.values`: one pickle per name, and one tuple under all their names for values that belong together."""
    together = _together(taken, by_value)
    values = {one.captured.name: one.data for one in taken if one not in together}
    if together:
        limit = LIMIT_BYTES * len(together)
        group = pickled(tuple(one.value for one in together), limit=limit, by_value=by_value)
        values[" ".join(one.captured.name for one in together)] = group.data
    return values


def _together(taken: Sequence[Taken], by_value: Collection[str]) -> list[Taken]:
    """The values with code of the user's in them, and the mutable values that this code refers to; none if only one."""
    codes = {one.captured.name: list(_functions(one.value, by_value)) for one in taken}
    reached = {id(value) for functions in codes.values() for value in _reached(functions, by_value)}
    chosen = [one for one in taken if codes[one.captured.name] or id(one.value) in reached]
    return chosen if len(chosen) > 1 else []


def _functions(value: Any, by_value: Collection[str]) -> Iterator[types.FunctionType]:
    """The functions that travel whole with a value: itself, or the methods of its class."""
    if isinstance(value, types.MethodType):
        value = value.__self__
    if isinstance(value, types.FunctionType):
        yield from [value] if travels_whole(value, by_value) else []
        return
    cls = value if isinstance(value, type) else type(value)
    for base in cls.__mro__[:-1]:
        if travels_whole(base, by_value):
            yield from (member for member in vars(base).values() if isinstance(member, types.FunctionType))


def _reached(functions: list[types.FunctionType], by_value: Collection[str]) -> Iterator[Any]:
    """The mutable objects that code refers to, directly or through other functions of the user's."""
    waiting, seen = list(functions), {id(function) for function in functions}
    while waiting:
        for reference in references(waiting.pop()):
            value = reference.value
            if value is ABSENT or isinstance(value, _IMMUTABLE) or id(value) in seen:
                continue
            seen.add(id(value))
            yield value
            waiting.extend(_functions(value, by_value))
