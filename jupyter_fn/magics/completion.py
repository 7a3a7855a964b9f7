"""Completion of `%%fn` and `%fn` lines: flags, values, triggers, commands, names of functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from ..capture.options import OPTIONS, Option
from ..client.decorator import Fn
from ..commands.table import TABLE, command_names

IDENTIFIER = "jupyter_fn"


def make_matcher(fn: Fn) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """A matcher of IPython's API v2 that answers for our lines and keeps the other matchers away from them."""

    @context_matcher(identifier=IDENTIFIER)
    def match(context: CompletionContext) -> SimpleMatcherResult:
        line = context.text_until_cursor
        candidates = _candidates(line, fn, first=context.cursor_line == 0)
        if candidates is None:
            return {"completions": [], "suppress": False}
        fragment = last_word(line)
        found = [SimpleCompletion(text, type="fn") for text in candidates if text.startswith(fragment)]
        return {"completions": found, "suppress": bool(found), "matched_fragment": fragment}

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = match
    return matcher


def last_word(line: str) -> str:
    """What is being typed: everything after the last blank that stands outside quotes, its opening quote left out."""
    start, quote = 0, ""
    for place, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote, start = char, place + 1
        elif char.isspace() or char == "=":
            start = place + 1
    return line[start:]


def _candidates(line: str, fn: Fn, *, first: bool) -> Iterable[str] | None:
    """What could stand where the cursor is; None when the line is not ours."""
    text = line.lstrip()
    if first and text.startswith("%%fn "):
        return _of_cell(text, fn)
    if text.startswith("%fn "):
        return _of_line(text.removeprefix("%fn "), fn)
    return None


def _of_cell(text: str, fn: Fn) -> Iterable[str]:
    words = text.split()
    typed = last_word(text)
    before = words[-2:-1] if text[-1:].strip() else words[-1:]
    flag = next((word for word in (*before, text.rpartition(" ")[2]) if word.startswith("--")), "").partition("=")[0]
    option = next((option for option in OPTIONS if f"--{option.flag}" == flag and option.metavar), None)
    if option is not None and not typed.startswith("--"):
        return _values(option, text, fn)
    given = set(words)
    return [f"--{o.flag}" for o in OPTIONS if o.repeatable or f"--{o.flag}" not in given - {typed}]


def _values(option: Option, text: str, fn: Fn) -> list[str]:
    values = list(option.examples)
    if option.flag == "on":
        values += [f"fn:{name}" for name in fn.names()]
    quoted = text.count('"') % 2 or text.count("'") % 2
    return [f'"{value}"' if " " in value and not quoted else value for value in values]


def _of_line(text: str, fn: Fn) -> Iterable[str]:
    words = text.split()
    if len(words) < 1 or (len(words) == 1 and not text.endswith(" ")):
        return command_names()
    if last_word(text).startswith("-"):
        return _command_flags(words[0])
    choices = _choices(words[0], (words if text.endswith(" ") else words[:-1])[-1])
    return choices or [*fn.names(), *_command_flags(words[0])]


def _choices(command: str, flag: str) -> list[str]:
    """The values that `flag` takes, when they are few and fixed: `cost --by`, `runs --state`."""
    parameters = TABLE.commands[command].params if command in TABLE.commands else []
    found = next((parameter.type for parameter in parameters if flag in parameter.opts), None)
    return [str(choice) for choice in getattr(found, "choices", ())]


def _command_flags(command: str) -> list[str]:
    if command not in TABLE.commands:
        return []
    return [name for parameter in TABLE.commands[command].params for name in parameter.opts if name.startswith("--")]
