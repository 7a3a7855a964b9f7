"""The values that an event has at its fields, and whether they fit one alternative of a filter.

What is needed of several fields has to be there in one element of each array, as event-ruler's array-consistent matching
has it: `{"items": {"kind": ["a"], "size": [1]}}` wants one item that is both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ..model.codec import dumps
from .filter_rules import Rule

Alternative = Mapping[str, tuple[Rule, ...]]  # field → its rules, in the order of the fields' names

_Seat = tuple[int, int]  # an array and an element of it
_Seats = tuple[_Seat, ...]  # from the outermost array to the innermost
_Place = frozenset[_Seat]
_SHOWN = 3  # values that a sentence names


@dataclass(slots=True)
class Column:
    """The values of one field: those that are in no array, and in each array those of each element."""

    values: list[tuple[Any, _Seats]] = field(default_factory=list)
    inside: dict[int, dict[int, Column]] = field(default_factory=dict)
    arrays: set[int] = field(default_factory=set)  # all that values are in

    def add(self, value: Any, seats: _Seats) -> None:
        """One value more."""
        column = self
        for array, at in seats:
            column = column.inside.setdefault(array, {}).setdefault(at, Column())
        column.values.append((value, seats))
        self.arrays.update(array for array, _ in seats)

    def beside(self, place: _Place) -> list[tuple[Any, _Seats]]:
        """The values that are in no other element of an array than `place` is."""
        if not self.inside:
            return self.values
        elements, found, columns = dict(place), [], [self]
        for column in columns:  # grows on the way
            found += column.values
            for array, inside in column.inside.items():
                columns += inside.values() if array not in elements else filter(None, [inside.get(elements[array])])
        return found


_NOTHING = Column()


def joined(path: str | None, name: str) -> str:
    """The field `name` of what is at `path`; None is the event itself. A dot in a name is as good as an object."""
    return name if path is None else f"{path}.{name}"


def columns_of(event: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Column]:
    """Field → its values, where there are any. `wanted` are fields and what is on the way to them; arrays are no step."""
    columns: dict[str, Column] = defaultdict(Column)
    arrays = count()
    waiting: list[tuple[str | None, Any, _Seats]] = [(None, event, ())]
    for path, value, seats in waiting:  # grows on the way
        if isinstance(value, Mapping):
            inside = ((joined(path, name), inner) for name, inner in value.items())
            waiting += [(name, inner, seats) for name, inner in inside if name in wanted]
        elif isinstance(value, list | tuple):
            waiting += [(path, inner, at) for inner, at in _elements(value, next(arrays), seats)]
        elif path is not None:
            columns[path].add(value, seats)
    return columns


def _elements(values: Sequence[Any], array: int, seats: _Seats) -> Iterator[tuple[Any, _Seats]]:
    """Only what holds something itself has a seat: of plain values any will do."""
    for at, value in enumerate(values):
        yield value, (*seats, (array, at)) if isinstance(value, Mapping | list | tuple) else seats


def stuck(alternative: Alternative, columns: Mapping[str, Column]) -> str | None:
    """The first field, by name, of which no value fits together with the fields before; None when all do."""
    places: set[_Place] = {frozenset()}  # where all fields so far fit
    for (name, rules), arrays in zip(alternative.items(), _arrays_after(alternative, columns), strict=True):
        column = columns.get(name, _NOTHING)
        fitting = {after for place in places for after in _after(place, rules, column)}
        if not fitting:
            return name
        # Elements of arrays in which no later field is cannot be missed: this keeps places few.
        places = {frozenset(seat for seat in place if seat[0] in arrays) for place in fitting}
    return None


def _arrays_after(alternative: Alternative, columns: Mapping[str, Column]) -> Iterable[set[int]]:
    """For each field, the arrays that later ones are in."""
    found: list[set[int]] = [set()]
    for name in list(alternative)[:0:-1]:
        found.append(found[-1] | columns.get(name, _NOTHING).arrays)
    return reversed(found)


def _after(place: _Place, rules: Sequence[Rule], column: Column) -> Iterable[_Place]:
    near = column.beside(place)
    if not near:
        return [place] if any(rule.absent for rule in rules) else []
    return [place.union(seats) for value, seats in near if _taken(value, rules)]


def _taken(value: Any, rules: Sequence[Rule]) -> bool:
    return any(rule.takes(value) for rule in rules)


def reason(name: str, rules: Sequence[Rule], columns: Mapping[str, Column]) -> str:
    """Why a field is where an alternative is stuck, without the full stop."""
    wanted = f"[{', '.join(rule.text for rule in rules)}]"
    column = columns.get(name, _NOTHING)
    values = [value for value, _ in column.beside(frozenset())]
    if not values:
        return f"{name} has no value, and the filter wants {wanted}"
    shown = " and ".join(map(dumps, values[:_SHOWN])) + (" and so on" if len(values) > _SHOWN else "")
    elsewhere = any(_taken(value, rules) for value in values) or any(rule.absent for rule in rules)
    if column.inside and elsewhere:
        return f"{name} is {shown}, but not as {wanted} in the element of its array where the other fields fit"
    return f"{name} is {shown}, which {wanted} does not take"
