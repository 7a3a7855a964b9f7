"""Texts with `*` in them, as event patterns have it: `*` is any text, `\\*` a star, `\\\\` a backslash.

What a list of them costs to match is counted as AWS's event-ruler counts it (`MachineComplexityEvaluator`): EventBridge
refuses patterns of which one text could be in the middle of more than ten beginnings at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_BEGINNINGS = 10
_MOST_MOMENTS = 20_000  # so that an answer always comes
_ANY = -1  # in place of a byte: `*`, or a byte that no pattern names


@dataclass(frozen=True, slots=True)
class Wildcard:
    """What stands between the stars."""

    parts: tuple[str, ...]

    def takes(self, text: str) -> bool:
        """The whole text fits. Takes time in proportion to its length, whatever the stars."""
        first, *middle = self.parts
        if not middle:
            return text == first
        last = middle.pop()
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return False
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True


def parse_wildcard(text: str) -> Wildcard:
    """Raises ValueError, with what is wrong, for `**` and for a backslash before anything but `*` and `\\`."""
    parts = [""]
    letters = iter(text)
    starred = False
    for letter in letters:
        if letter == "*":
            if starred:
                raise ValueError("it has two * in a row")
            parts.append("")
        else:
            parts[-1] += _escaped(letters) if letter == "\\" else letter
        starred = letter == "*"
    return Wildcard(tuple(parts))


def _escaped(letters: Iterator[str]) -> str:
    letter = next(letters, "")
    if letter not in ("*", "\\"):
        raise ValueError("a backslash stands before something other than * and \\")
    return letter


def too_complex(rules: Iterable[Sequence[Wildcard]]) -> bool:
    """More than `MOST_BEGINNINGS` can be under way in one text."""
    return beginnings(rules, most=MOST_BEGINNINGS) > MOST_BEGINNINGS


def beginnings(rules: Iterable[Sequence[Wildcard]], *, most: int) -> int:
    """The largest number of beginnings of patterns, whole patterns included, that one text can fit at once; `most + 1`
    stands for everything above `most`.

    Each rule is one pattern, or several that are refused together: those count once as far as they begin alike up to
    their first star, and once for all of them at their end.
    """
    patterns, names = _machine(rules)
    start = frozenset((number, 0) for number in range(len(patterns)))
    waiting, seen, largest = [start], {start}, 0
    while waiting:
        moment = waiting.pop()
        for byte in _next_bytes(patterns, moment):
            after = frozenset(_after(patterns, moment, byte))
            largest = max(largest, len({names[place] for place in after}))
            if largest > most or len(seen) > _MOST_MOMENTS:
                return most + 1
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return largest


_Place = tuple[int, int]  # a pattern's number, and how many of its steps are done


def _machine(rules: Iterable[Sequence[Wildcard]]) -> tuple[list[Sequence[int]], dict[_Place, object]]:
    """All patterns, and what each place in them counts as."""
    patterns: list[Sequence[int]] = []
    names: dict[_Place, object] = {}
    for rule, wildcards in enumerate(rules):
        for wildcard in dict.fromkeys(wildcards):
            number, steps = len(patterns), _steps(wildcard)
            alike = steps.index(_ANY) + 1 if _ANY in steps else len(steps) - 1
            for at in range(1, len(steps)):
                names[number, at] = (rule, *steps[:at]) if at <= alike else (number, at)
            names[number, len(steps)] = (rule,)
            patterns.append(steps)
    return patterns, names


def _steps(wildcard: Wildcard) -> Sequence[int]:
    """The bytes and stars of a pattern, in quotes: they belong to a text as event-ruler sees it."""
    steps: list[int] = []
    for part in wildcard.parts:
        steps += [*part.encode(errors="replace"), _ANY]
    return [ord('"'), *steps[:-1], ord('"')]


def _next_bytes(patterns: Sequence[Sequence[int]], moment: Iterable[_Place]) -> set[int]:
    return {_ANY, *(patterns[number][at] for number, at in moment if at < len(patterns[number]))}


def _after(patterns: Sequence[Sequence[int]], moment: Iterable[_Place], byte: int) -> Iterator[_Place]:
    """Where one more byte leads. A star may be nothing, so its step is done as soon as it is reached."""
    for number, at in moment:
        steps = patterns[number]
        if at and steps[at - 1] == _ANY:
            yield number, at
        if at < len(steps) and steps[at] == byte != _ANY:
            yield number, at + 1
            if at + 1 < len(steps) and steps[at + 1] == _ANY:
                yield number, at + 2
