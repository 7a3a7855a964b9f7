"""What a handler opens for writing: refused where its own trigger looks, noted otherwise as a cause of what happens there.

It sees what passes through Python (`open`, `os.open`, renames, links) by an audit hook (https://peps.python.org/pep-0578/),
and what the `libraries` write that are used most. What another C library or a child process writes by itself it does not
see.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .libraries import before_writing
from .outputs import is_staged
from .watched import refuse_target

_WRITING = os.O_WRONLY | os.O_RDWR
_MOVES = ("os.rename", "os.link", "os.symlink")
_NO_FOLDER = -1  # an audit event's way to say that a path is not relative to an open folder
_MOST = 1_000  # paths of one run
_NOT_FILES = ("/dev/", "/proc/", "/sys/")
_TEMPORARY = re.compile(r"$|/tmp[a-z0-9_]{8}(?!\w)")  # as the module tempfile names things, or opens the folder itself


class Writes:
    """What this process opens for writing, while a run is in progress."""

    def __init__(self, watched: Sequence[str], tell: Callable[[str], None], *, room: Path) -> None:
        """`watched` are absolute globs that must not be written to; `tell` gets each other path once in a run, absolute
        or a URL; `room` is a folder that does not count."""
        self._watched = watched
        self._tell = tell
        self._besides = (*_NOT_FILES, f"{room}/")
        self._temporary = tempfile.gettempdir()
        self._noted: set[str] = set()
        self._going = False

    def watch(self) -> None:
        """From now on. Cannot be undone, so only in a process that belongs to this handler."""
        opens = self.opens

        def heard(event: str, arguments: tuple[Any, ...]) -> None:  # a plain function: a bound method is twice as slow
            if event == "open":
                path, _, flags = arguments
                if isinstance(flags, int) and flags & _WRITING and not isinstance(path, int):
                    opens(os.fsdecode(path))
            elif event in _MOVES and arguments[-1] == _NO_FOLDER:
                opens(os.fsdecode(arguments[1]))

        sys.addaudithook(heard)
        before_writing(opens)

    def begin(self) -> None:
        """A run begins."""
        self._noted.clear()
        self._going = True

    def end(self) -> None:
        """It has ended."""
        self._going = False

    def opens(self, path: str) -> None:
        """A path or URL is about to be opened for writing. Raises LoopRefused."""
        if self._watched:
            refuse_target(path, self._watched)
        if self._going and len(self._noted) < _MOST:
            self._note(path if "://" in path else _absolute(path))

    def _note(self, path: str) -> None:
        if path and path not in self._noted and not self._is_of_no_interest(path):
            self._noted.add(path)
            self._tell(path)

    def _is_of_no_interest(self, path: str) -> bool:
        if path.startswith(self._besides) or "/__pycache__/" in path or is_staged(path):
            return True
        return path.startswith(self._temporary) and bool(_TEMPORARY.match(path, len(self._temporary)))


def _absolute(path: str) -> str:
    try:
        return os.path.normpath(Path.cwd() / path)
    except OSError:  # the working directory was removed: what is relative to it is nowhere
        return ""
