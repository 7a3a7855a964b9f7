"""Refuses that a handler writes where its own trigger looks, which would go round for ever."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

from ..model.errors import LoopRefused
from .outputs import is_staged

_CHOICE = re.compile(r"\{([^{}/]*)\}")
_WILD = re.compile(r"[*?\[{]")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")


def refuse_target(path: str | bytes, globs: Sequence[str]) -> None:
    """Raise LoopRefused when a file at `path` (absolute, relative to the working directory, or a URL) would be picked up."""
    text = os.fsdecode(path)
    whole = text if "://" in text else os.path.normpath(Path.cwd() / text)
    glob = next((glob for glob in globs if fits(whole, glob)), None)
    if glob is not None:
        raise LoopRefused(
            f"The handler writes {whole}, which its own trigger {glob} would pick up again.",
            "Write into another folder or with another suffix; --allow-loop publishes it all the same.",
        )


def fits(path: str, glob: str) -> bool:
    """Whether a trigger with this glob takes this path: `*` never crosses `/`, `**` is any folders, `{a,b}` a choice.

    What triggers leave out by default (hidden, staged and unfinished files) is free; `policy.discovery` has the rules.
    """
    wild = _WILD.search(glob)
    base = glob[: glob.rfind("/", 0, wild.start() if wild else None) + 1]  # the folders that no wildcard is in
    if not path.startswith(base):
        return False
    name, pattern = path[len(base) :].split("/"), glob[len(base) :]
    return not _left_out(name, pattern) and any(_fits(name, one.split("/")) for one in _spelled_out(pattern))


def _left_out(name: list[str], pattern: str) -> bool:
    asked = pattern.split("/")
    if any(_hidden(folder) and not any(part[:1] == folder[:1] for part in asked[:-1]) for folder in name[:-1]):
        return True
    last = name[-1]
    if is_staged(last) or (_hidden(last) and asked[-1][:1] != last[:1]):
        return True
    return any(last.endswith(ending) and not pattern.endswith(ending) for ending in _UNFINISHED)


def _hidden(name: str) -> bool:
    return name[:1] in (".", "_")


def _fits(path: list[str], glob: list[str]) -> bool:
    if not path or not glob:
        return not path and not glob
    if glob == ["**"]:
        return True
    if glob[0] == "**":
        return _fits(path, glob[1:]) or _fits(path[1:], glob)
    return fnmatchcase(path[0], glob[0]) and _fits(path[1:], glob[1:])


def _spelled_out(glob: str) -> list[str]:
    """`a.{x,y}` → `a.x`, `a.y`."""
    choice = _CHOICE.search(glob)
    if not choice:
        return [glob]
    head, tail = glob[: choice.start()], glob[choice.end() :]
    return list(chain.from_iterable(_spelled_out(f"{head}{word}{tail}") for word in choice[1].split(",")))
