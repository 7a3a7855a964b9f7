"""A filesystem of the laboratory for `lab://` URLs, as fsspec has them: it can only be listed and read."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from typing import Any

import fsspec
from fsspec.spec import AbstractFileSystem


class _Drive:
    """All files, for there is one drive in a process."""

    def __init__(self) -> None:
        self.clear(time.time)

    def clear(self, clock: Callable[[], float]) -> None:
        """Nothing lies there; `clock` says when files are written."""
        self._clock = clock
        self._files: dict[str, tuple[bytes, float]] = {}
        self.broken = False

    def write(self, name: str, data: bytes) -> None:
        """A file comes, or another content."""
        self._files[name] = (data, self._clock())

    def versions(self) -> dict[str, str]:
        """How the version of each file ends."""
        return {name: hashlib.sha256(data).hexdigest()[:32] for name, (data, _) in self._files.items()}

    def listing(self) -> list[dict[str, Any]]:
        """Raises OSError while the drive is broken."""
        if self.broken:
            raise OSError("The drive does not answer.")
        return [
            {"name": name, "size": len(data), "type": "file", "mtime": when}
            for name, (data, when) in self._files.items()
        ]

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        try:
            return self._files[name][0]
        except KeyError:
            raise FileNotFoundError(name) from None


DRIVE = _Drive()


class LabFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The drive, as fsspec sees it."""

    protocol = "lab"
    cachable = False

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        """Every file; there are no folders but by name."""
        return DRIVE.listing()

    def cat_file(self, path: str, *_: Any, **__: Any) -> bytes:
        """Its bytes."""
        return DRIVE.read(self._strip_protocol(path))

    def _open(self, path: str, *_: Any, **__: Any) -> io.BytesIO:
        return io.BytesIO(self.cat_file(path))


fsspec.register_implementation("lab", LabFileSystem, clobber=True)
