"""Which files become events, when, and under which key. Pure: names, sizes and times come in as arguments.

A pattern is a path with `*` and `?` (never across `/`), `[abc]`, `{a,b}`, and `**` (any folders, also none). Paths and
patterns use `/` and are absolute, or URLs.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..model.errors import BadTrigger

WILD = re.compile(r"[*?\[{]")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")
_STAGED = re.compile(r"\..+\.\d+\.staged\..+")  # what context.output() writes before it is published
_TOKEN = re.compile(
    r"(?P<any>(?<![^/])\*\*/)|(?P<star>\*+)|(?P<one>\?)|\[(?P<set>!?\]?[^\]/]+)\]|\{(?P<choice>[^{}/]+)\}|(?P<text>.)",
    re.DOTALL,
)


def matches(pattern: str, path: str) -> bool:
    """Whether the whole `path` fits `pattern`. Raises BadTrigger for a pattern that cannot be read, such as `[z-a]`."""
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = f"{pattern}/*" if pattern.rpartition("/")[2] == "**" else pattern
    try:
        return re.compile("".join(_translate(token) for token in _TOKEN.finditer(text)), re.DOTALL)
    except re.error as error:
        raise BadTrigger(f"The pattern {pattern!r} cannot be read: {error}.", "Correct what is in brackets.") from None


def _translate(token: re.Match[str]) -> str:
    kind, text = token.lastgroup, token[token.lastgroup or 0]
    if kind == "any":
        return "(?:[^/]+/)*"
    if kind == "star":
        return "[^/]*"
    if kind == "one":
        return "[^/]"
    if kind == "set":
        inverted = text.startswith("!")
        members = re.sub(r"([\\\[\]^&~|]|(?<=-)-)", r"\\\1", text[1:] if inverted else text)
        return f"[^/{members}]" if inverted else f"[{members}]"
    if kind == "choice":
        return f"(?:{'|'.join(re.escape(word) for word in text.split(','))})"
    return re.escape(text)


def static_prefix(pattern: str) -> str:
    """The folder above the first wildcard, without a final `/`: listings need not look elsewhere."""
    wild = WILD.search(pattern)
    head = pattern[: wild.start()] if wild else pattern
    return head.rpartition("/")[0]


def escape(path: str) -> str:
    """A literal path as a pattern that matches only it."""
    return WILD.sub(lambda wild: f"[{wild[0]}]", path)


def skipped(name: str, size: int | None, *, pattern: str = "") -> str:
    """Why a file is left out by default, or "". `name` may have folders in front; `size` in bytes, None = not known.

    What the pattern asks for by its own first character or last ones is not hidden: `_in/*.csv`, `*.tmp`.
    """
    folders, _, last = name.rpartition("/")
    hidden = next((folder for folder in folders.split("/") if hidden_folder(folder, pattern)), "")
    if hidden:
        return f"its folder {hidden} is hidden"
    if _STAGED.fullmatch(last):
        return "it is staged by a run"
    if last[:1] in (".", "_") and pattern.rpartition("/")[2][:1] != last[:1]:
        return f"its name starts with {last[0]}"
    ending = next((ending for ending in _UNFINISHED if last.endswith(ending)), "")
    if ending and not pattern.endswith(ending):
        return f"its name ends with {ending}"
    return "it is empty" if size == 0 else ""


def hidden_folder(name: str, pattern: str = "") -> bool:
    """Folders that a wildcard does not enter, such as `.ipynb_checkpoints` and `_temporary`."""
    asked = {part[:1] for part in pattern.split("/")[:-1]}
    return name[:1] in (".", "_") and name[:1] not in asked


def settled_at(*, modified: float, changed: float, settle_s: float, now: float) -> float:
    """When a file counts as complete: unchanged for `settle_s`. All in epoch seconds.

    `changed` is the inode's change time, which a rename into place renews; `modified` can be set by anyone, so a
    moment in the future says nothing.
    """
    return max(changed, modified if modified <= now else changed) + settle_s


def local_version(*, inode: int, size: int, mtime_ns: int) -> str:
    """The version of a local file.

    Neither the change time nor the device number is in it: the first is renewed by chmod, rename and hard links, the
    second can be another one after the machine has restarted; each would run everything again for unchanged bytes.
    """
    return f"{inode:x}-{size:x}-{mtime_ns:x}"


def file_key(path: str, version: str, *, on_overwrite: str = "new_event") -> str:
    """The event key of one version of a file; with `ignore` all versions of a path share one key."""
    return path if on_overwrite == "ignore" else f"{path}@{version}"
