"""A folder that outlives services and workers: where handlers stage files, and where the service puts them in place."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .crash import Crashes


class Folder:
    """Paths and contents; as much of an fsspec filesystem as `runtime.outputs` asks for. Every step may be the last."""

    protocol = "memory"

    def __init__(self, crashes: Callable[[], Crashes], chance: Random) -> None:
        self._crashes = crashes
        self._chance = chance
        self.files: dict[str, str] = {}
        self.unwilling = 0.0  # share of moves that are refused
        self.refused: set[str] = set()

    def put(self, path: str, content: str) -> None:
        """A handler writes a file."""
        self.files[path] = content

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        return path in self.files

    def size(self, path: str) -> int:
        """How long it is."""
        return len(self.files[path])

    def pipe_file(self, path: str, data: bytes) -> None:
        """Put all of it there."""
        self._crashes().point("before a file is written", path)
        if self._chance.random() < self.unwilling:
            raise OSError("The filesystem is in no mood.")
        self.files[path] = data.decode()
        self._crashes().point("after a file is written", path)

    def mv(self, path: str, target: str) -> None:
        """Put it in place."""
        self._crashes().point("before a file is put in place", path)
        if self._chance.random() < self.unwilling:
            self.refused.add(path)
            raise OSError("The filesystem is in no mood.")
        self.files[target] = self.files.pop(path)
        self._crashes().point("after a file is put in place", path)

    def rm_file(self, path: str) -> None:
        """Remove it. Raises FileNotFoundError."""
        self._crashes().point("before a file is removed", path)
        if path not in self.files:
            raise FileNotFoundError(path)
        del self.files[path]
