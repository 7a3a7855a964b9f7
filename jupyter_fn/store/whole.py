"""Files that appear whole or not at all, on any fsspec filesystem."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Any

from ..model.ids import new_id

_WHOLE_PUT = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "adl", "oci", "memory"})  # a put shows all or nothing


def write_whole(filesystem: Any, path: str, data: bytes, *, folder_mode: int = 0o777) -> None:
    """Put `data` at `path`, in place of what is there. Folders are made; local ones with `folder_mode`. Raises OSError."""
    protocols = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
    if "file" in protocols:
        _write_local(Path(path), data, folder_mode)
    elif protocols & _WHOLE_PUT:
        filesystem.pipe_file(path, data)
    else:
        folder, _, name = path.rpartition("/")
        filesystem.makedirs(folder, exist_ok=True)
        aside = posixpath.join(folder, _aside(name))
        filesystem.pipe_file(aside, data)
        filesystem.mv(aside, path)


def _aside(name: str) -> str:
    """Hidden, so that no file trigger takes it."""
    return f".{name}.{new_id()}.part"


def _write_local(path: Path, data: bytes, folder_mode: int) -> None:
    """Beside, synced, renamed, the folder synced: after this returns, not even a power cut takes it away."""
    path.parent.mkdir(mode=folder_mode, parents=True, exist_ok=True)
    aside = path.with_name(_aside(path.name))
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
