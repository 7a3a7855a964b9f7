"""One rule of an event pattern: an entry of the list that stands at a field. It takes a value of an event or does not.

The operators are those of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html,
read as https://github.com/aws/event-ruler reads them. A value is a text, a number, a boolean or None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from operator import eq, ge, gt, is_, le, lt
from typing import Any, NoReturn

from ..model.errors import BadValue, nearest
from ..model.pattern import Members, spell
from .wildcards import Wildcard, parse_wildcard

MOST = Decimal("5e9")  # EventBridge documents numeric rules from -5.0e9 to 5.0e9

_Takes = Callable[[Any], bool]
_IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_IPV6 = re.compile(r"[0-9a-fA-F]*:[0-9a-fA-F:]*")
_BITS = re.compile(r"[0-9]{1,3}")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_IGNORE_CASE = "equals-ignore-case"


@dataclass(frozen=True, slots=True)
class Rule:
    """What it says, and which values it takes."""

    text: str  # JSON
    takes: _Takes = field(compare=False)
    absent: bool = False  # it takes that there is no value, and nothing else
    wildcards: tuple[Wildcard, ...] = ()


def parse_rule(entry: Any, where: str) -> Rule:
    """An entry of a field's list. `where` is told when it is refused.

    Raises:
        BadValue: it is a list, or an object of no or of several operators, of an unknown one, or of one that does not
            go with what it is given.
    """
    if isinstance(entry, list):
        refuse(where, "a list stands in a list.", "Write all values of the field in one list.")
    if not isinstance(entry, Members):
        return Rule(spell(entry), _exactly(entry))
    name, operand = _only(entry, where)
    if name not in OPERATORS:
        refuse(where, f"{name!r} is no operator.", nearest(name, list(OPERATORS)))
    return OPERATORS[name](_Given(name, operand, f"{where}.{name}", _EXAMPLES[name]), spell(entry))


def refuse(where: str, reason: str, remedy: str) -> NoReturn:
    """Raise BadValue for a place in a pattern."""
    raise BadValue(f"The filter cannot be read at {where}: {reason}", remedy)


def _only(members: Members, where: str) -> tuple[str, Any]:
    if len(members) != 1:
        refuse(
            where, f"an object holds one operator, not {len(members)}.", "Write each operator in an object of its own."
        )
    return members[0]


@dataclass(frozen=True, slots=True)
class _Given:
    """An operator and what it is given."""

    name: str
    operand: Any
    where: str
    example: str

    def wrong(self, reason: str) -> NoReturn:
        refuse(self.where, reason, f"Write such as {self.example}.")

    def inside(self, known: Collection[str]) -> _Given:
        """The operator inside this one."""
        name, operand = _only(self.operand, self.where)
        if name not in known:
            self.wrong(f"{name!r} cannot stand in {self.name}.")
        return _Given(name, operand, f"{self.where}.{name}", f'{{"{self.name}": {_EXAMPLES[name]}}}')

    def text(self) -> str:
        """It is one text."""
        if not isinstance(self.operand, str):
            self.wrong(f"{spell(self.operand)} is no text.")
        return self.operand

    def entries(self) -> list[_Given]:
        """It is one value, or a list of some."""
        if self.operand == []:
            self.wrong("the list is empty.")
        values = self.operand if isinstance(self.operand, list) else [self.operand]
        return [replace(self, operand=value) for value in values]

    def number(self) -> Decimal:
        """It is one number."""
        number = _number(self.operand)
        if number is None:
            self.wrong(f"{spell(self.operand)} is no number.")
        if abs(number) > MOST:
            self.wrong(f"{spell(self.operand)} is not between -5.0e9 and 5.0e9.")
        return number


# --- values


def _exactly(value: Any) -> _Takes:
    """Equal by JSON's types: 300 is 300.0 but not "300", and true is not 1. An IP address has many spellings."""
    if isinstance(value, str):
        address = _address(value)
        return partial(eq, value) if address is None else lambda leaf: _address(leaf) == address
    return partial(is_, value) if value is None or isinstance(value, bool) else _equals(value)


def _equals(value: Any) -> _Takes:
    """Equal, as a text or as a number."""
    if isinstance(value, str):
        return partial(eq, value)
    number = _number(value)
    return lambda leaf: _number(leaf) == number


def _number(leaf: Any) -> Decimal | None:
    """As it is written, so that 0.1 is a tenth and 9007199254740993 is not its neighbour."""
    if isinstance(leaf, bool) or not isinstance(leaf, int | float):
        return None
    if isinstance(leaf, int):
        return Decimal(leaf)
    return Decimal(repr(leaf)) if math.isfinite(leaf) else None


def _address(leaf: Any) -> IPv4Address | IPv6Address | None:
    if not isinstance(leaf, str) or not (_IPV4.fullmatch(leaf) or _IPV6.fullmatch(leaf)):
        return None
    try:
        address = ip_address(leaf)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _in_either_case(text: str) -> str:
    """A regular expression. It goes letter by letter, as event-ruler does: ß is SS but not ss."""
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    return f"(?:{'|'.join(map(re.escape, sorted({letter, letter.lower(), letter.upper()})))})"


# What texts are tested with: the word of a rule → a test of the text of an event.
_TESTS: Mapping[str, Callable[[str], Callable[[str], object]]] = {
    "prefix": lambda word: lambda text: text.startswith(word),
    "suffix": lambda word: lambda text: text.endswith(word),
    _IGNORE_CASE: lambda word: re.compile(_in_either_case(word)).fullmatch,
    f"prefix {_IGNORE_CASE}": lambda word: re.compile(_in_either_case(word)).match,
    f"suffix {_IGNORE_CASE}": lambda word: re.compile(_in_either_case(word) + r"\Z").search,
    "wildcard": lambda word: parse_wildcard(word).takes,
}


# --- operators


def _exact(given: _Given, text: str) -> Rule:
    return Rule(text, partial(eq, given.text()))


def _plain(given: _Given, text: str) -> Rule:
    test = _TESTS[given.name](given.text())
    return Rule(text, lambda leaf: isinstance(leaf, str) and bool(test(leaf)))


def _edge(given: _Given, text: str) -> Rule:
    """`prefix` and `suffix`."""
    if not isinstance(given.operand, Members):
        return _plain(given, text)
    inner = given.inside([_IGNORE_CASE])
    return _plain(replace(inner, name=f"{given.name} {inner.name}"), text)


def _wildcard(given: _Given, text: str) -> Rule:
    wildcard = _read_wildcard(given)
    return Rule(text, lambda leaf: isinstance(leaf, str) and wildcard.takes(leaf), wildcards=(wildcard,))


def _read_wildcard(given: _Given) -> Wildcard:
    try:
        return parse_wildcard(given.text())
    except ValueError as error:
        given.wrong(f"{error}.")


def _anything_but(given: _Given, text: str) -> Rule:
    """Any value that there is, null too, but these."""
    if isinstance(given.operand, Members):
        return _anything_but_texts(given.inside(["prefix", "suffix", _IGNORE_CASE, "wildcard"]), text)
    refused = [_equals(value.operand) for value in _alike(given)]
    return Rule(text, lambda leaf: not any(same(leaf) for same in refused))


def _alike(given: _Given) -> list[_Given]:
    """Texts only, or numbers only."""
    values = given.entries()
    if all(isinstance(value.operand, str) for value in values):
        return values
    for value in values:
        if isinstance(value.operand, str):
            given.wrong("it takes texts only, or numbers only.")
        value.number()
    return values


def _anything_but_texts(given: _Given, text: str) -> Rule:
    words = given.entries()
    if given.name in ("prefix", "suffix") and any(word.text() == "" for word in words):
        given.wrong("every text begins and ends with an empty one.")
    wildcards = tuple(map(_read_wildcard, words)) if given.name == "wildcard" else ()
    tests = [_TESTS[given.name](word.text()) for word in words]
    return Rule(
        text, lambda leaf: not isinstance(leaf, str) or not any(test(leaf) for test in tests), wildcards=wildcards
    )


def _numeric(given: _Given, text: str) -> Rule:
    words = given.operand
    if not isinstance(words, list) or len(words) not in (2, 4):
        given.wrong("it takes a list of one comparison, or of two.")
    signs, bounds = words[::2], [replace(given, operand=word).number() for word in words[1::2]]
    for sign in signs:
        if not isinstance(sign, str) or sign not in _COMPARISONS:
            given.wrong(f"{spell(sign)} is no comparison.")
    if len(signs) == 2 and not (signs[0] in (">", ">=") and signs[1] in ("<", "<=")):
        given.wrong("of two comparisons the first is > or >=, the second < or <=.")
    if len(bounds) == 2 and bounds[0] >= bounds[1]:
        given.wrong("the first number is not below the second.")
    return Rule(text, _within([(_COMPARISONS[sign], bound) for sign, bound in zip(signs, bounds, strict=True)]))


def _within(comparisons: Sequence[tuple[Callable[[Any, Any], bool], Decimal]]) -> _Takes:
    def takes(leaf: Any) -> bool:
        number = _number(leaf)
        return number is not None and all(compare(number, bound) for compare, bound in comparisons)

    return takes


def _exists(given: _Given, text: str) -> Rule:
    if not isinstance(given.operand, bool):
        given.wrong(f"{spell(given.operand)} is neither true nor false.")
    there = given.operand
    return Rule(text, lambda leaf: there, absent=not there)


def _cidr(given: _Given, text: str) -> Rule:
    """A network. The address may be any that is in it."""
    name, slash, bits = given.text().partition("/")
    address = _address(name)
    if not slash:
        given.wrong("there is no / and number of bits.")
    if address is None:
        given.wrong(f"{name!r} is no IP address.")
    if not _BITS.fullmatch(bits) or int(bits) >= address.max_prefixlen:
        given.wrong(f"{bits!r} is no number of bits from 0 to {address.max_prefixlen - 1}.")
    network = ip_network(f"{address}/{bits}", strict=False)
    return Rule(text, lambda leaf: (found := _address(leaf)) is not None and found in network)


OPERATORS: Mapping[str, Callable[[_Given, str], Rule]] = {
    "exactly": _exact,
    "prefix": _edge,
    "suffix": _edge,
    _IGNORE_CASE: _plain,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
}
# No fields of objects in `$or`, for event-ruler keeps them for operators, some of them to come.
RESERVED = frozenset({*OPERATORS, *_COMPARISONS, "regex", "not-wildcard", "not-equals-ignore-case"}) | {
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
}
_EXAMPLES: Mapping[str, str] = {
    "exactly": '{"exactly": "us-east-1"}',
    "prefix": '{"prefix": "us-"}',
    "suffix": '{"suffix": ".csv"}',
    _IGNORE_CASE: '{"equals-ignore-case": "alice"}',
    "wildcard": '{"wildcard": "dir/*.csv"}',
    "anything-but": '{"anything-but": ["stopped", "failed"]}',
    "numeric": '{"numeric": [">", 0, "<=", 5]}',
    "exists": '{"exists": true}',
    "cidr": '{"cidr": "10.0.0.0/24"}',
}
