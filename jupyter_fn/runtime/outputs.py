"""Files that appear only when their run has won: written beside the target under another name, then put in place.

Putting in place is a rename where there is one. Where there is none, as on object stores, it is a copy, which appears as
a whole, and then the removal of the original. Both steps may be repeated after a crash. A staged name begins with a dot,
so that no file trigger takes it, and ends with the target's own name, so that libraries that look at the suffix
(`.parquet`, `.csv.gz`) do the right thing.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..model.errors import FnError
from ..model.run import Staged

log = logging.getLogger(__name__)
_STAGED = re.compile(r"\..+\.\d+\.staged\..+")


def publish(staged: Sequence[Staged]) -> None:
    """Put staged files in place, in order; one that is in place already is fine. Blocks.

    Raises:
        FnError: a staged file has vanished, and what is in its place has another size, or nothing is.
        Exception: whatever the filesystem raises; it may be tried again.
    """
    for file in staged:
        if (local := local_path(file.staged)) is not None:
            _publish_local(file, local)
        else:
            _publish_remote(file)


def upload(path: Path, file: Staged) -> None:
    """Stage a local file on another filesystem. Blocks."""
    fs, remote = filesystem(file.staged)
    try:
        fs.put_file(str(path), remote)
    except BaseException:
        discard([file])
        raise


def discard(staged: Sequence[Staged]) -> None:
    """Remove staged files; those that are gone are fine, and of those that cannot be removed the log tells. Blocks."""
    for file in staged:
        try:
            _discard(file.staged)
        except FileNotFoundError:
            continue
        except Exception as error:  # whatever the filesystem raises: nobody will take it for more than a leftover
            log.warning("The staged file %s could not be removed: %s: %s.", file.staged, type(error).__name__, error)


def _discard(staged: str) -> None:
    if (local := local_path(staged)) is not None:
        remove(local)
    else:
        fs, path = filesystem(staged)
        fs.rm_file(path)


def remove(path: Path) -> None:
    """Remove a local file, also when a handler has made a folder of it, and when it is gone."""
    try:
        path.unlink(missing_ok=True)
    except IsADirectoryError:
        shutil.rmtree(path, ignore_errors=True)


def staged_name(target: str, run_id: str, token: int) -> str:
    """`out/a.csv` → `out/.<run>.<token>.staged.a.csv`; works on paths and URLs."""
    folder, slash, name = target.rpartition("/")
    return f"{folder}{slash}.{run_id}.{token}.staged.{name}"


def is_staged(path: str) -> bool:
    """Whether `staged_name` has made that path."""
    return _STAGED.fullmatch(path.rpartition("/")[2]) is not None


def local_path(url: str) -> Path | None:
    """The path of a local file, written as such or as `file://`; None for other filesystems."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Path(url)
    return Path(rest) if scheme in ("file", "local") else None


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URL, which never answers from an old listing, and the path in it."""
    import fsspec

    fs, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return fs, path


def _publish_local(file: Staged, path: Path) -> None:
    target = local_path(file.target)
    assert target is not None
    try:
        _fsync(path, os.O_RDONLY)
        path.replace(target)
    except FileNotFoundError:
        if not target.is_file() or target.stat().st_size != file.size:
            raise _vanished(file) from None
        return
    _fsync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _fsync(path: Path, flags: int) -> None:
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _publish_remote(file: Staged) -> None:
    fs, path = filesystem(file.staged)
    _, target = filesystem(file.target)
    try:
        _move(fs, path, target)
    except Exception:
        if fs.exists(path):
            raise
        if not fs.exists(target) or fs.size(target) != file.size:
            raise _vanished(file) from None


def _move(fs: Any, path: str, target: str) -> None:
    from fsspec.spec import AbstractFileSystem

    if type(fs).mv is AbstractFileSystem.mv:  # it has no rename, and this mv reads wildcards into names
        fs.cp_file(path, target)
        fs.rm_file(path)
    else:
        fs.mv(path, target)


def _vanished(file: Staged) -> FnError:
    if file.staged.startswith("memory://"):
        return FnError(
            f"The file {file.target} lives in the memory of the process that wrote it, and nobody else sees it.",
            "Write to a filesystem that the workers and the service share.",
        )
    return FnError(f"The staged file {file.staged} has vanished before it was put in place.", "Run it again.")
