"""Values by their SHA-256 digest: small ones in the database, large ones as files on any fsspec filesystem.

A payload never changes and is written before the row that names it is committed, so a digest in the store always
resolves. What is read is checked against its digest.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, select

from ..model.codec import dumps, loads
from ..model.errors import HomeRefused, PayloadLost
from ..model.ids import digest
from ..model.lost import LostData
from .dialect import insert
from .schema import payloads
from .whole import write_whole

_KEEP = insert(payloads).on_conflict_do_nothing()
_REFERENCE = "@"  # no JSON text begins with it


class Shelf:
    """Where large payloads lie: `root/ab/abcdef…`. The filesystem is opened on first use. Without a root they lie in the
    database like the small ones."""

    def __init__(self, root: str, inline_bytes: int) -> None:
        self.root = root
        self.inline_bytes = inline_bytes
        self._filesystem: Any = None

    def write(self, name: str, data: bytes) -> None:
        """Put `data` there whole or not at all; nothing to do when it lies there already.

        Raises:
            HomeRefused: the filesystem refused.
        """
        try:
            self._write(name, data)
        except OSError as error:
            raise HomeRefused(
                f"A payload of {len(data)} bytes could not be written to {self.root}: {error}.",
                "Make room there or set another folder with payloads=URL; nothing was acknowledged.",
            ) from error

    def read(self, name: str) -> bytes:
        """The bytes called `name`. Raises PayloadLost when they are gone or damaged, HomeRefused when nobody can look."""
        filesystem, folder = self._open()
        try:
            data = cast(bytes, filesystem.cat_file(self._path(folder, name)))
        except FileNotFoundError:
            raise PayloadLost(
                f"The payload {name[:12]}… is missing in {self.root}.", "Restore that folder, or run it again."
            ) from None
        except OSError as error:
            raise HomeRefused(f"{self.root} cannot be read: {error}.", "Check that it is reachable.") from error
        if digest(data) != name:
            raise PayloadLost(
                f"The payload {name[:12]}… in {self.root} is damaged: its digest is another.",
                "Restore that file from a backup, or publish or run again.",
            )
        return data

    def _open(self) -> tuple[Any, str]:
        if self._filesystem is None:
            import fsspec

            self._filesystem = fsspec.url_to_fs(self.root, use_listings_cache=False)
        return cast(tuple[Any, str], self._filesystem)

    @staticmethod
    def _path(folder: str, name: str) -> str:
        return posixpath.join(folder, name[:2], name)

    def _write(self, name: str, data: bytes) -> None:
        filesystem, folder = self._open()
        path = self._path(folder, name)
        if filesystem.exists(path) and filesystem.size(path) == len(data):
            return
        write_whole(filesystem, path, data, folder_mode=0o700)


def _shelf(conn: Connection) -> Shelf:
    return cast(Shelf, conn.info["shelf"])


def put(conn: Connection, data: bytes) -> str:
    """Store `data`; its digest. Storing the same again is free."""
    name, shelf = digest(data), _shelf(conn)
    if shelf.root and len(data) > shelf.inline_bytes:
        shelf.write(name, data)
    else:
        conn.execute(_KEEP, {"digest": name, "data": data})
    return name


def get(conn: Connection, name: str) -> bytes:
    """The bytes whose digest is `name`. Raises PayloadLost when they are gone or damaged."""
    data = conn.execute(select(payloads.c.data).where(payloads.c.digest == name)).scalar()
    if data is None:
        return _absent(conn, name)
    if digest(data) != name:
        raise PayloadLost(f"The payload {name[:12]}… in the store is damaged.", "Restore the store from a backup.")
    return cast(bytes, data)


def _absent(conn: Connection, name: str) -> bytes:
    shelf = _shelf(conn)
    if not shelf.root:
        raise PayloadLost(f"The payload {name[:12]}… is missing in the store.", "Publish or run again.")
    return shelf.read(name)


def pack(conn: Connection, value: Any) -> str:
    """A JSON value as a column's text: itself when it is small, else a reference to a payload."""
    return packed(conn, value)[0]


def packed(conn: Connection, value: Any) -> tuple[str, int]:
    """The same, and how many characters the value is as JSON."""
    text = dumps(value)
    most = _shelf(conn).inline_bytes
    if len(text) * 4 <= most or len(data := text.encode()) <= most:
        return text, len(text)
    return _REFERENCE + put(conn, data), len(text)


def unpack(conn: Connection, text: str | None) -> Any:
    """Inverse of `pack`; None stays None."""
    if text is None:
        return None
    if text.startswith(_REFERENCE):
        return loads(get(conn, text[1:]))
    return loads(text)


def unpack_data(conn: Connection, text: str) -> Mapping[str, Any]:
    """`unpack` of an event's keys; `LostData` where they are missing or damaged."""
    try:
        return cast(Mapping[str, Any], unpack(conn, text))
    except PayloadLost as error:
        return LostData(error)
