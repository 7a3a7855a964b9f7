"""Whether a file of a known format has its end: cheap looks at a few bytes, never a full read.

Sources: Parquet and Arrow IPC file magic (https://parquet.apache.org/docs/file-format/,
https://arrow.apache.org/docs/format/Columnar.html), ORC postscript (https://orc.apache.org/specification/ORCv1/),
end of central directory (PKWARE APPNOTE 4.3.16), gzip trailer (RFC 1952), Zstandard frames (RFC 8878).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22 + 0xFFFF  # record and longest comment
_DEFLATE_RATIO = 1032  # deflate cannot shrink further than this
_ARROW_STREAM = b"\xff\xff\xff\xff"
_ZSTD = 0xFD2FB528
_ZSTD_SKIPPABLE = 0x184D2A50
_ZSTD_CONTENT_SIZE = (0, 2, 4, 8)
_ZSTD_DICTIONARY = (0, 1, 2, 4)


def unfinished(name: str, file: BinaryIO) -> str:
    """What the end of this file lacks, a clause such as `a Parquet file ends with PAR1`; "" when nothing, or not known."""
    suffix = f".{name.rpartition('.')[2].lower()}"
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
    return _tail(file, 4)[:3] == b"ORC"


def _arrow(file: BinaryIO) -> bool:
    """The stream form may end anywhere between messages, so only the file form can be judged."""
    head = _head(file, 6)
    return head[:4] == _ARROW_STREAM or (_tail(file, 6) == b"ARROW1" and file.tell() > 12) or _tail(file, 4) == b"FEA1"


def _zip(file: BinaryIO) -> bool:
    tail = _tail(file, _ZIP_TAIL)
    at = tail.rfind(_ZIP_END)
    return at >= 0 and len(tail) >= at + 22 + struct.unpack_from("<H", tail, at + 20)[0]


def _gzip(file: BinaryIO) -> bool:
    """Its trailer holds the unpacked length; in the middle of a small file those bytes say something impossible."""
    tail = _tail(file, 8)
    size = file.tell()
    return size >= 18 and _head(file, 2) == b"\x1f\x8b" and struct.unpack("<I", tail[4:])[0] <= size * _DEFLATE_RATIO


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
    ".gz": (_gzip, "a gzip file ends with its length"),
    ".zst": (_zstd, "a Zstandard file ends with a last block"),
}
