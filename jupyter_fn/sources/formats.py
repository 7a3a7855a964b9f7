"""Whether a file of a known format has its end: looks at a few bytes, and a full read only of a gzip file of some MB.

Sources: Parquet and Arrow IPC file magic (https://parquet.apache.org/docs/file-format/,
https://arrow.apache.org/docs/format/Columnar.html), ORC postscript (https://orc.apache.org/specification/ORCv1/),
end of central directory (PKWARE APPNOTE 4.3.16), gzip members (RFC 1952), Zstandard frames (RFC 8878).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22 + 0xFFFF  # record and longest comment
_GZIP_READ_BYTES = 16 << 20  # nothing marks the end of a gzip file; up to this size it is unpacked to find it
_CHUNK = 1 << 18
_ARROW_STREAM = b"\xff\xff\xff\xff"
_ZSTD = 0xFD2FB528
_ZSTD_SKIPPABLE = 0x184D2A50
_ZSTD_CONTENT_SIZE = (0, 2, 4, 8)
_ZSTD_DICTIONARY = (0, 1, 2, 4)


def unfinished(name: str, file: BinaryIO) -> str:
    """What the end of this file lacks, a clause such as `a Parquet file ends with PAR1`; "" when nothing, or not known."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _CHECKS:
        return ""
    complete, says = _CHECKS[suffix]
    try:
        return "" if complete(file) else says
    except struct.error:  # fewer bytes than the format's own numbers need
        return says


def _tail(file: BinaryIO, length: int) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - length))
    return file.read(length)


def _head(file: BinaryIO, length: int) -> bytes:
    file.seek(0)
    return file.read(length)


def _parquet(file: BinaryIO) -> bool:
    tail = _tail(file, 12)
    return len(tail) == 12 and tail[-4:] in (b"PAR1", b"PARE")


def _orc(file: BinaryIO) -> bool:
    """The last byte is the length of the postscript, which ends with the magic."""
    tail = _tail(file, 4)
    return len(tail) == 4 and tail[:3] == b"ORC" and file.tell() > 3 + tail[3]


def _arrow(file: BinaryIO) -> bool:
    """The stream form may end anywhere between messages, so only the file form can be judged."""
    head = _head(file, 6)
    return head[:4] == _ARROW_STREAM or (_tail(file, 6) == b"ARROW1" and file.tell() > 12) or _tail(file, 4) == b"FEA1"


def _zip(file: BinaryIO) -> bool:
    tail = _tail(file, _ZIP_TAIL)
    at = tail.rfind(_ZIP_END)
    return at >= 0 and len(tail) >= at + 22 + struct.unpack_from("<H", tail, at + 20)[0]


def _gzip(file: BinaryIO) -> bool:
    """Unpacks member after member; beyond `_GZIP_READ_BYTES` only the beginning is looked at."""
    if _head(file, 2) != b"\x1f\x8b":
        return False
    if file.seek(0, os.SEEK_END) > _GZIP_READ_BYTES:
        return True
    file.seek(0)
    try:
        return _members_end(file)
    except zlib.error:
        return False


def _members_end(file: BinaryIO) -> bool:
    member, fresh, rest = zlib.decompressobj(wbits=31), True, b""
    while data := rest or file.read(_CHUNK):
        if member.eof:
            member, fresh = zlib.decompressobj(wbits=31), True
        if fresh and not (data := data.lstrip(b"\0")):  # padding after the last member
            rest = b""
            continue
        member.decompress(data, _CHUNK)
        fresh, rest = False, member.unconsumed_tail or member.unused_data
    return member.eof or fresh


def _zstd(file: BinaryIO) -> bool:
    """Walks from block header to block header over all frames."""
    size = file.seek(0, os.SEEK_END)
    at = 0
    while 0 <= at < size:
        at = _after_frame(file, at, size)
    return at == size > 0


def _after_frame(file: BinaryIO, at: int, size: int) -> int:
    """Where the next frame starts, -1 when this one has no end."""
    file.seek(at)
    (magic,) = struct.unpack("<I", file.read(4))
    if magic & 0xFFFFFFF0 == _ZSTD_SKIPPABLE:
        return at + 8 + int(struct.unpack("<I", file.read(4))[0])
    if magic != _ZSTD:
        return -1
    (descriptor,) = struct.unpack("<B", file.read(1))
    single, content = descriptor >> 5 & 1, _ZSTD_CONTENT_SIZE[descriptor >> 6]
    at += 5 + (not single) + _ZSTD_DICTIONARY[descriptor & 3] + (content or single)
    last = False
    while not last and at < size:
        file.seek(at)
        (header,) = struct.unpack("<I", file.read(3) + b"\0")
        last, kind = bool(header & 1), header >> 1 & 3
        at += 3 + (1 if kind == 1 else header >> 3)
    return at + (4 if descriptor & 4 else 0) if last else -1


_CHECKS: Mapping[str, tuple[Callable[[BinaryIO], bool], str]] = {
    ".parquet": (_parquet, "a Parquet file ends with PAR1"),
    ".orc": (_orc, "an ORC file ends with ORC"),
    ".arrow": (_arrow, "an Arrow file ends with ARROW1"),
    ".feather": (_arrow, "a Feather file ends with ARROW1"),
    ".zip": (_zip, "a zip archive ends with its directory"),
    ".gz": (_gzip, "a gzip file ends with a checksum"),
    ".zst": (_zstd, "a Zstandard file ends with a last block"),
}
