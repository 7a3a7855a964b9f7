"""The one table of options, shared by `%%fn` flags, `@fn(...)` keywords and `jupyter fn publish`.

A flag `--allow-loop` is the keyword `allow_loop`. Flags and keywords end in the same `Given`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ..model.errors import BadValue, UnknownOption, nearest
from ..model.function import Options, check_name
from ..model.pattern import pattern_text
from ..model.requirements import parse_requirements
from ..model.target import parse_target
from ..model.trigger import parse_trigger
from ..model.units import parse_duration_s, parse_size_mb


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One declaration. `parse` takes one value as typed and raises BadValue; a flag without metavar takes no value."""

    flag: str  # without the dashes
    help: str
    part: str = ""  # the field of model.Options; empty = not part of a version
    metavar: str = ""
    parse: Callable[[Any], Any] = bool
    repeatable: bool = False
    pairs: bool = False  # K=V, or a mapping as keyword
    several: bool = False  # `parse` gives a list
    examples: tuple[str, ...] = ()  # offered by completion

    @property
    def keyword(self) -> str:
        """The name as a Python keyword."""
        return self.flag.replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was asked for: the options, the words that are not options, and what is not part of a version."""

    options: Options = field(default_factory=Options)
    words: tuple[str, ...] = ()
    dry_run: bool = False


def _trigger(value: Any) -> str:
    parse_trigger(str(value))
    return str(value).strip()


def _target(value: Any) -> str:
    """A text, the handle of a function, or the path of a folder."""
    if isinstance(value, PurePath) and "{" not in value.name:
        value = f"{value}/"
    text = str(value if isinstance(value, PurePath) else getattr(value, "name", value)).strip()
    parse_target(text)
    return text


def _whole(value: Any, least: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.lstrip("-").isdecimal() or int(text) < least:
        raise BadValue(f"{value!r} is not a whole number of at least {least}.", f"Write a number such as {least + 1}.")
    return int(text)


def _count(value: Any) -> int:
    return _whole(value, 0)


def _one_or_more(value: Any) -> int:
    return _whole(value, 1)


def _duration(value: Any) -> float:
    seconds = parse_duration_s(value)
    if seconds <= 0:
        raise BadValue(f"{value!r} is no time at all.", "Write a duration above zero, such as 30s.")
    return seconds


def _pair(value: Any) -> tuple[str, str]:
    key, equals, text = str(value).partition("=")
    if not equals or not key.strip():
        raise BadValue(f"{value!r} is not K=V.", "Write a name, =, and a value, such as STAGE=test.")
    return key.strip(), text


def _alias(value: Any) -> str:
    return check_name(str(value), "alias")


def _expression(value: Any) -> str:
    """Its syntax is checked where it is published."""
    text = str(value).strip()
    if not text:
        raise BadValue("The expression is empty.", "Write such as event.customer.")
    return text


def _requirements(value: Any) -> list[str]:
    """Requirements, or the name of a file of them."""
    text = str(value).strip()
    file = Path(text) if "\n" not in text else None
    if file is not None and (file.suffix in (".txt", ".in") or isinstance(value, PurePath)) and not file.is_file():
        raise BadValue(f"There is no file {text!r}.", "Write its path relative to this folder.")
    return parse_requirements(file.read_text(encoding="utf-8") if file is not None and file.is_file() else text)


def _on_poison(value: Any) -> str:
    known = ["park", "skip", "halt"]
    if value not in known:
        raise BadValue(f"{value!r} is not known.", nearest(str(value), known))
    return str(value)


OPTIONS: tuple[Option, ...] = (
    Option(
        flag="on",
        part="on",
        metavar="TRIGGER",
        parse=_trigger,
        repeatable=True,
        help="what makes events: a path with a glob, topic:NAME, cron(…), rate(…), at(…), fn:NAME",
        examples=("incoming/*.csv", "s3://", "topic:", "cron(0 6 * * *)", "rate(5 minutes)", "at(2026-12-01T06:00:00)"),
    ),
    Option(
        flag="memory",
        part="memory_mb",
        metavar="SIZE",
        parse=parse_size_mb,
        help="memory limit (default 512MB)",
        examples=("256MB", "512MB", "1GB", "2GB"),
    ),
    Option(
        flag="timeout",
        part="timeout_s",
        metavar="DURATION",
        parse=_duration,
        help="time limit of one attempt (default 60s)",
        examples=("10s", "60s", "5m", "1h"),
    ),
    Option(
        flag="retries",
        part="retries",
        metavar="N",
        parse=_count,
        help="attempts after the first one failed (default 2)",
        examples=("0", "1", "2", "5"),
    ),
    Option(
        flag="backoff",
        part="backoff",
        metavar="SPEC",
        parse=str,
        help="how long to wait between attempts (default exponential)",
        examples=("exponential", "lambda"),
    ),
    Option(
        flag="max-age",
        part="max_age_s",
        metavar="DURATION",
        parse=_duration,
        help="an event that is older is given up instead of being tried (again)",
        examples=("10m", "6h"),
    ),
    Option(
        flag="then",
        part="then",
        metavar="TARGET",
        parse=_target,
        repeatable=True,
        help="where results go: a function, topic:NAME, a folder of any filesystem, or a web address",
        examples=("topic:", "https://"),
    ),
    Option(
        flag="on-failure",
        part="on_failure",
        metavar="TARGET",
        parse=_target,
        repeatable=True,
        help="where what was given up goes: targets as of --then",
        examples=("failures/", "topic:", "https://"),
    ),
    Option(
        flag="concurrency",
        part="concurrency",
        metavar="N",
        parse=_count,
        help="most runs at once (default: as many as there is room for)",
        examples=("1", "4", "10"),
    ),
    Option(
        flag="concurrency-key",
        part="concurrency_key",
        metavar="EXPR",
        parse=_expression,
        help="at most --concurrency runs (else 1) at once for each value of this; EXPR limit=N leaves --concurrency to all",
        examples=("event.customer", "event.stem"),
    ),
    Option(
        flag="order-by",
        part="order_by",
        metavar="EXPR",
        parse=_expression,
        help="events for which this has the same value run one after the other, in the order in which they came",
        examples=("event.customer", "event.name"),
    ),
    Option(
        flag="on-poison",
        part="on_poison",
        metavar="WHAT",
        parse=_on_poison,
        help="what a dead run does to the others of its --order-by value: park (default), skip or halt",
        examples=("park", "skip", "halt"),
    ),
    Option(
        flag="batch",
        part="batch",
        metavar="N",
        parse=_one_or_more,
        help="most records, files or results in one event",
        examples=("10", "100", "500"),
    ),
    Option(
        flag="window",
        part="window_s",
        metavar="DURATION",
        parse=_duration,
        help="how long the oldest item of a batch waits for more",
        examples=("1s", "10s", "1m"),
    ),
    Option(
        flag="filter",
        part="filter",
        metavar="PATTERN_JSON",
        parse=pattern_text,
        help="which events it handles, as an event pattern of Amazon EventBridge; the others are skipped",
    ),
    Option(
        flag="requirements",
        part="requirements",
        metavar="REQ",
        parse=_requirements,
        repeatable=True,
        several=True,
        help="packages of an environment of its own, such as polars>=1, or a file of them",
        examples=("polars>=1", "requirements.txt"),
    ),
    Option(
        flag="warm",
        part="warm",
        metavar="N",
        parse=_count,
        help="environments that are kept ready for the live version (default 0)",
        examples=("1", "2", "4"),
    ),
    Option(
        flag="env",
        part="env",
        metavar="K=V",
        parse=_pair,
        repeatable=True,
        pairs=True,
        help="environment variable of the handler",
    ),
    Option(
        flag="tag",
        part="tags",
        metavar="K=V",
        parse=_pair,
        repeatable=True,
        pairs=True,
        help="label; costs can be summed by it",
    ),
    Option(
        flag="alias",
        part="alias",
        metavar="NAME",
        parse=_alias,
        help="a name that points at this version, besides live",
        examples=("test", "prod"),
    ),
    Option(
        flag="allow-loop",
        part="allow_loop",
        help="allow a handler that writes where its own trigger looks",
    ),
    Option(flag="dry-run", help="show what would be published, and publish nothing"),
)
_BY_FLAG: Mapping[str, Option] = {option.flag: option for option in OPTIONS}


def split_line(line: str) -> list[str]:
    """The words of a line as a shell splits them.

    Raises:
        BadValue: a quote that is not closed.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise BadValue(f"The line cannot be read: {error}.", "Close the quotes.") from None


def given_by_words(words: Sequence[str]) -> Given:
    """Read `--flag value`, `--flag=value` and plain words, in any order.

    Raises:
        UnknownOption: names the nearest option.
        BadValue: a value that is missing, does not fit or is given twice.
    """
    typed: dict[str, list[Any]] = {}
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            plain.append(word)
            continue
        flag, equals, value = word[2:].partition("=")
        option = _known(flag, "--")
        typed.setdefault(flag, []).append(_flag_value(option, value if equals else None, rest))
    return _given(typed, plain, "--")


def given_by_keywords(keywords: Mapping[str, Any]) -> Given:
    """Read the keywords of `@fn(...)`: a list where a flag repeats, a mapping where it takes K=V. None means not given.

    Raises:
        UnknownOption: names the nearest keyword.
        BadValue: a value that does not fit.
    """
    typed: dict[str, list[Any]] = {}
    for keyword, value in keywords.items():
        option = _known(keyword.replace("_", "-"), "")
        if value is not None:
            typed[option.flag] = _listed(option, value)
    return _given(typed, [], "")


def help_text(head: str = "%%fn NAME [options]") -> str:
    """The table as text, for `%%fn?` and `--help`."""
    rows = [(f"--{option.flag} {option.metavar}".rstrip(), option) for option in OPTIONS]
    width = max(len(left) for left, _ in rows)
    lines = [f"  {left:<{width}}  {option.help}{'; repeatable' if option.repeatable else ''}" for left, option in rows]
    return "\n".join([head, "", *lines])


def _known(flag: str, dashes: str) -> Option:
    if flag in _BY_FLAG:
        return _BY_FLAG[flag]
    spell = (lambda name: f"--{name}") if dashes else (lambda name: name.replace("-", "_"))
    raise UnknownOption(f"{spell(flag)} is not an option.", nearest(spell(flag), [spell(name) for name in _BY_FLAG]))


def _flag_value(option: Option, given: str | None, rest: list[str]) -> Any:
    """The value of a flag: after `=`, or the next word."""
    if not option.metavar:
        if given is not None:
            raise BadValue(f"--{option.flag} takes no value.", f"Write --{option.flag} alone.")
        return True
    if given is not None:
        return given
    if not rest or rest[0].startswith("--"):
        raise BadValue(f"--{option.flag} needs a value.", f"Write --{option.flag} {option.metavar}.")
    return rest.pop(0)


def _listed(option: Option, value: Any) -> list[Any]:
    if option.pairs and isinstance(value, Mapping):
        return [f"{key}={text}" for key, text in value.items()]
    if option.repeatable and isinstance(value, Iterable) and not isinstance(value, str):
        return list(value)
    return [value]


def _given(typed: Mapping[str, list[Any]], plain: Sequence[str], dashes: str) -> Given:
    fields: dict[str, Any] = {}
    for flag, values in typed.items():
        option = _BY_FLAG[flag]
        if option.part:
            fields[option.part] = _field(option, values, f"--{flag}" if dashes else option.keyword)
    return Given(options=Options(**fields), words=tuple(plain), dry_run=bool(typed.get("dry-run", [False])[0]))


def _field(option: Option, values: list[Any], shown: str) -> Any:
    if len(values) > 1 and not option.repeatable:
        raise BadValue(f"{shown} is given twice.", "Keep one of them.")
    parsed = [_parsed(option, value, shown) for value in values]
    if option.several:
        parsed = [item for items in parsed for item in items]
    if option.pairs:
        return tuple(sorted(dict(parsed).items()))
    return tuple(dict.fromkeys(parsed)) if option.repeatable else parsed[0]


def _parsed(option: Option, value: Any, shown: str) -> Any:
    try:
        return option.parse(value)
    except BadValue as error:
        raise BadValue(f"{shown}: {error.cause}", error.remedy) from None
