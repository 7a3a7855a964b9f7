"""Requirements of a version and their lock: texts as pip reads them, names normalised as PyPI does.

A lock is a sorted tuple of `name==version`. It holds no addresses and no hashes: where packages come from is the
business of the machine that installs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .errors import BadValue
from .ids import digest_json

BORROWED = ("jupyter_fn", "cloudpickle", "fsspec")  # what every environment has, unless its lock brings its own
_SHAPE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[\w\s.,-]*\])?"
    r"(?:(?:==|===|~=|!=|<=|>=|<|>)[\w.*+!-]+(?:,(?:==|===|~=|!=|<=|>=|<|>)[\w.*+!-]+)*)?(?:;.+)?"
)
_AROUND = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>|,|;)\s*")
_TROUBLE = re.compile(
    r"error sending request|failed to fetch|connect|timed? ?out|temporary failure|dns error|no space left|too many requests"
    r"|50[0234] ",
    re.IGNORECASE,
)
_PART = re.compile(r"\s*(error:|cause:|×|[╰├]─▶)")
_LONGEST = 600


def parse_requirements(text: str) -> list[str]:
    """The requirements of a text: one a line or several with spaces between them, `#` begins a comment.

    Raises:
        BadValue: what is no requirement of a package index, such as an option of pip or an address.
    """
    found: list[str] = []
    for line in text.splitlines():
        said = re.sub(r"(^|\s)#.*", "", line).strip().rstrip("\\").strip()
        if said and not said.startswith("--hash"):
            found += _of_line(re.sub(r"\s+--hash=\S+", "", said))
    return found


def _of_line(line: str) -> list[str]:
    whole = _AROUND.sub(r"\1", line)
    return [whole] if ";" in whole else [_checked(word) for word in whole.split()]


def _checked(word: str) -> str:
    if not _SHAPE.fullmatch(word):
        raise BadValue(
            f"{word!r} is not a requirement of a package index.",
            "Write a name, with versions if they matter: polars, polars>=1, polars>=1,<2.",
        )
    return word


def canonical(name: str) -> str:
    """The name of a distribution as PyPI compares it: https://peps.python.org/pep-0503/#normalized-names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lock_of(text: str) -> tuple[str, ...]:
    """The pins in what a resolver has written."""
    return tuple(sorted(line.strip() for line in text.splitlines() if "==" in line and not line.startswith("#")))


def versions_of(lock: Iterable[str]) -> Mapping[str, str]:
    """Canonical name → version."""
    pins = (pin.partition(";")[0].partition("==") for pin in lock)
    return {canonical(name.strip()): version.strip() for name, _, version in pins}


def lock_digest(lock: Iterable[str]) -> str:
    """What names the environment of a lock; "" for none."""
    pins = list(lock)
    return digest_json(pins) if pins else ""


def cause_of(said: str) -> str:
    """What a resolver or installer has written on standard error, as one line."""
    parts: list[str] = []
    for line in said.splitlines():
        if _PART.match(line):
            parts.append(_PART.sub("", line).strip())
        elif parts and line.strip():  # wrapped
            parts[-1] += f" {line.strip()}"
    told = " · ".join(dict.fromkeys(part.partition("hint:")[0].strip() for part in parts))
    told = told or " ".join(said.split()) or "it says nothing"
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def may_pass(said: str) -> bool:
    """It was the network, the index or the disk: the same may be possible later."""
    return _TROUBLE.search(said) is not None
