"""Which events a function handles: event patterns as Amazon EventBridge has them.

A pattern names fields of the event and, for each, a list of rules of which one has to take a value of that field. What
`$or` says is written out, as https://github.com/aws/event-ruler does it: a filter is a list of alternatives without
`$or`, and takes an event that fits one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.errors import BadValue
from ..model.event import BY_HAND, Event, NewEvent
from ..model.function import Options
from ..model.pattern import Members, pattern_text, read_pattern, spell
from ..model.run import Reason
from ..model.trigger import Trigger
from .filter_fields import Alternative, columns_of, joined, reason, stuck
from .filter_rules import RESERVED, Rule, parse_rule, refuse
from .wildcards import Wildcard, too_complex

_OR = "$or"
_MOST_ALTERNATIVES = 1000  # as EventBridge has it
_SHOWN = 3  # alternatives of which a sentence speaks


@dataclass(frozen=True, slots=True)
class Filter:
    """A pattern that was read."""

    text: str  # JSON, as `model.pattern.pattern_text` spells it
    alternatives: tuple[Alternative, ...] = field(compare=False)
    wanted: frozenset[str] = field(compare=False)  # the fields, and what is on the way to them

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether it takes an event."""
        columns = columns_of(event, self.wanted)
        return any(stuck(alternative, columns) is None for alternative in self.alternatives)

    def why_not(self, event: Mapping[str, Any]) -> str:
        """One sentence: which field has which value, and what the filter wants of it. Empty when it takes the event."""
        columns = columns_of(event, self.wanted)
        reasons: dict[str, None] = {}
        for alternative in self.alternatives:
            name = stuck(alternative, columns)
            if name is None:
                return ""
            reasons[reason(name, alternative[name], columns)] = None
        more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        return f"{'; '.join(list(reasons)[:_SHOWN])}{more}."


def parse_filter(pattern: str | Mapping[str, Any]) -> Filter:
    """Read an event pattern: JSON text, or what it would be read as.

    Where `$or` cannot be an alternative it is a field of that name, as event-ruler has it.

    Raises:
        BadValue: EventBridge would refuse it; tells the place and the reason.
    """
    text = pattern_text(pattern)
    alternatives = tuple(dict(sorted(found.items())) for found in _read(read_pattern(text)))
    _refuse_complex(alternatives)
    names = {name for alternative in alternatives for name in alternative}
    on_the_way = {name[:at] for name in names for at, letter in enumerate(name) if letter == "."}
    return Filter(text, alternatives, frozenset(names | on_the_way))


def filter_of(options: Options) -> Filter | None:
    """What `--filter` says; None when it says nothing. Raises BadValue, which names the option."""
    if not options.filter:
        return None
    try:
        return parse_filter(options.filter)
    except BadValue as error:
        raise BadValue(f"--filter: {error.cause}", error.remedy) from None


def taken(wanted: Filter | None, event: Event) -> bool:
    """Whether a function with this filter handles an event. The items of a batch were chosen before they went into it."""
    return wanted is None or bool(event.items_name) or wanted.matches(seen(event))


def seen(event: Event) -> Mapping[str, Any]:
    """What filters see of a single event: by hand the object that was passed, else the event as its handler gets it."""
    return event.data if event.trigger == BY_HAND else event.for_handler(attempt=1)


def skip_others(wanted: Filter | None, new_events: Sequence[NewEvent], *, trigger: Trigger) -> list[NewEvent]:
    """The same events; those that the filter does not take are entered in the ledger with the reason. For events that go
    into batches: they are chosen before they have ids."""
    return [
        new if new.skip or taken(wanted, as_event(new, trigger)) else replace(new, skip=Reason.FILTERED.value)
        for new in new_events
    ]


def as_event(new: NewEvent, trigger: Trigger) -> Event:
    """What a new event would be in the ledger of a trigger; it has no id yet."""
    return Event(
        id="",
        seq=0,
        function=trigger.function,
        trigger=trigger.id,
        key=new.key,
        type=new.type,
        source=new.source,
        time=new.time,
        admitted=new.time,
        data=new.data,
    )


def _read(members: Members) -> list[Alternative]:
    try:
        return _object(members, None, [{}], alternatives_in=_OR)
    except BadValue as error:
        try:
            return _object(members, None, [{}], alternatives_in=None)
        except BadValue:
            raise error from None


def _object(
    members: Members, path: str | None, so_far: list[Alternative], *, alternatives_in: str | None, in_or: bool = False
) -> list[Alternative]:
    """The alternatives so far, with what an object says of its fields. What is said last of a field counts."""
    if not members:
        refuse(_OR if in_or else path or "its top", "an object is empty.", "Write at least one field with its values.")
    for name, value in members:
        where = joined(path, name)
        if name == alternatives_in:
            so_far = _either(value, path, where, so_far)
        elif in_or and name in RESERVED:
            refuse(where, f"{name!r} cannot name a field in $or.", "Write fields with their values in $or.")
        elif isinstance(value, Members):
            so_far = _object(value, where, so_far, alternatives_in=alternatives_in, in_or=in_or)
        else:
            rules = _rules(value, name, where)
            so_far = [{**alternative, where: rules} for alternative in so_far]
    return so_far


def _either(value: Any, path: str | None, where: str, so_far: list[Alternative]) -> list[Alternative]:
    """The alternatives so far, once for each object of `$or`. Its fields are those of what `$or` is in."""
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(one, Members) for one in value):
        refuse(where, "$or takes a list of two objects or more.", 'Write such as {"$or": [{"a": [1]}, {"b": [2]}]}.')
    found: list[Alternative] = []
    for one in value:
        found += _object(one, path, so_far, alternatives_in=_OR, in_or=True)
        if len(found) > _MOST_ALTERNATIVES:
            refuse(where, f"$or makes more than {_MOST_ALTERNATIVES} combinations.", "Write fewer of them.")
    return found


def _rules(value: Any, name: str, where: str) -> tuple[Rule, ...]:
    if not isinstance(value, list):
        entry = f'{{"{name}": {spell(value)}}}' if name in RESERVED else spell(value)
        refuse(
            where,
            f"{spell(value)} is no list and no object.",
            f"Write the rules of a field as a list, such as [{entry}].",
        )
    if not value:
        refuse(where, "the list is empty.", "Write the values that the field may have into the list.")
    return tuple(parse_rule(entry, f"{where}[{at}]") for at, entry in enumerate(value))


def _refuse_complex(alternatives: Iterable[Alternative]) -> None:
    """All wildcards of a field count together, over all alternatives in which the fields before it are the same."""
    machines: dict[tuple[Any, ...], dict[Rule, Sequence[Wildcard]]] = defaultdict(dict)
    for alternative in alternatives:
        fields = list(alternative.items())
        for at, (name, rules) in enumerate(fields):
            starred = {rule: rule.wildcards for rule in rules if rule.wildcards}
            if starred:
                machines[(*fields[:at], name)] |= starred
    for (*_, starred_field), counted in machines.items():
        if too_complex(counted.values()):
            remedy = "Use fewer *, and less that comes again and again after a *."
            refuse(starred_field, "the wildcards are too complex.", remedy)
