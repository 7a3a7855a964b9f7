"""Libraries that open files past Python's own `open`: somebody is told before they do.

fsspec on other filesystems, pyarrow (and so pandas) for Parquet. Only what is imported already is looked after, which in
an environment is what its zygote has imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

Look = Callable[[str], None]
_LOCAL = ("file://", "local://")


def before_writing(look: Look) -> None:
    """Call `look` with the path or URL of each file that is about to be opened for writing. It may raise; then it is not
    opened. Cannot be undone."""
    for module, stand in _STANDS.items():
        if module in sys.modules:
            stand(sys.modules[module], look)


def _fsspec(spec: Any, look: Look) -> None:
    def about_to_open(filesystem: Any, path: Any, mode: str = "rb", *_: Any, **__: Any) -> None:
        url = filesystem.unstrip_protocol(os.fspath(path)) if _writes(mode) else ""
        if url and not url.startswith(_LOCAL):  # local ones come by Python's own `open`
            look(url)

    _stand_before(spec.AbstractFileSystem, "open", about_to_open)


def _pyarrow(pyarrow: Any, look: Look) -> None:
    class OSFile(pyarrow.OSFile):  # type: ignore[misc]  # the class itself is C's and cannot be changed
        def __new__(cls, path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if _writes(mode):
                look(os.fsdecode(path))
            return super().__new__(cls, path, mode, *rest, **more)

    pyarrow.OSFile = OSFile


def _parquet(core: Any, look: Look) -> None:
    def about_to_write(writer: Any, where: Any, schema: Any, filesystem: Any = None, *_: Any, **__: Any) -> None:
        if filesystem is None and isinstance(where, str | os.PathLike):
            look(os.fsdecode(where))

    _stand_before(core.ParquetWriter, "__init__", about_to_write)


def _stand_before(owner: Any, name: str, look: Callable[..., None]) -> None:
    called = getattr(owner, name)

    @wraps(called)
    def call(*arguments: Any, **named: Any) -> Any:
        look(*arguments, **named)
        return called(*arguments, **named)

    setattr(owner, name, call)


def _writes(mode: str) -> bool:
    return mode[:1] != "r" or "+" in mode


_STANDS: dict[str, Callable[[Any, Look], None]] = {
    "fsspec.spec": _fsspec,
    "pyarrow": _pyarrow,
    "pyarrow.parquet.core": _parquet,
}
