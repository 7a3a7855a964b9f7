"""Local files: an own walk, which knows what no generic one asks for (inode and change time) and costs a third."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..model.errors import SourceUnreachable
from ..policy.discovery import hidden_folder, local_version, matches, static_prefix
from .listing import Found


class LocalListing:
    """Files below `folder` that fit `target`, a path with wildcards, relative to it or absolute."""

    def __init__(self, folder: str, target: str) -> None:
        path = os.path.expanduser(target.removeprefix("file://").removeprefix("file:"))  # noqa: PTH111 - a pattern
        head = static_prefix(path)
        self.base = os.path.normpath(os.path.join(folder, head or ("/" if path.startswith("/") else "")))  # noqa: PTH118
        self.pattern = path[len(head) :].lstrip("/")
        self._folder = folder
        self._levels = None if "**" in self.pattern else self.pattern.split("/")[:-1]

    def names_a_folder(self) -> bool:
        """The target is a folder, not files in one."""
        return not self.pattern or os.path.isdir(os.path.join(self.base, self.pattern))  # noqa: PTH112, PTH118

    def find(self, now: float) -> Iterator[Found]:
        """Every regular file that fits; folders that are not there or not readable below `base` hold nothing."""
        waiting = [("", 0)]
        while waiting:
            inside, level = waiting.pop()
            for entry in self._entries(inside):
                name = inside + entry.name
                if entry.is_dir(follow_symlinks=self._levels is not None):
                    if self._enters(entry.name, level):
                        waiting.append((f"{name}/", level + 1))
                elif matches(self.pattern, name) and (found := self.one(name, now)):
                    yield found

    def _entries(self, inside: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(os.path.join(self.base, inside)) as entries:  # noqa: PTH118 - twice as fast as Path
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            if inside:
                return []
            raise SourceUnreachable(
                f"The folder {self.base} cannot be listed: {error.strerror}.",
                "Give the user who runs the service the right to read it.",
            ) from None

    def _enters(self, name: str, level: int) -> bool:
        if self._levels is None:
            return not hidden_folder(name, self.pattern)
        return level < len(self._levels) and matches(self._levels[level], name)

    def one(self, name: str, now: float) -> Found | None:
        """The regular file of that name."""
        path = self.path_of(name)
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        version = local_version(inode=status.st_ino, size=status.st_size, mtime_ns=status.st_mtime_ns)
        return Found(
            path=path,
            name=name,
            size=status.st_size,
            modified=status.st_mtime,
            changed=status.st_ctime,
            version=version,
            atomic=False,
        )

    def name_of(self, subject: str) -> str | None:
        """Absolute, `file://`, or relative to the trigger's folder."""
        path = Path(os.path.normpath(Path(self._folder, subject.removeprefix("file://")).expanduser()))
        return path.relative_to(self.base).as_posix() if path.is_relative_to(self.base) else None

    def path_of(self, name: str) -> str:
        """The absolute path."""
        return f"{self.base.rstrip('/')}/{name}"

    def open(self, found: Found) -> BinaryIO:
        """The file itself."""
        return Path(found.path).open("rb")

    def listen(self, hint: Callable[[], None], rest_s: Callable[[], float]) -> Callable[[], None] | None:
        """Hints by the operating system's own notifications."""
        from .watching import watch_folder

        return watch_folder(self.base, self.pattern, hint, rest_s)
