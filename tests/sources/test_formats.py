"""Files that are cut short are told from whole ones, by real files of each format."""

import gzip
import io
import random
import zipfile
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, orc, parquet

from jupyter_fn.sources.formats import unfinished

TABLE = pa.table({"x": list(range(5000)), "y": [f"text {n}" for n in range(5000)]})
TEXT = "\n".join(str(random.Random(7).random()) for _ in range(20_000)).encode()


def made(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def arrow_file(buffer: io.BytesIO) -> None:
    with ipc.new_file(buffer, TABLE.schema) as writer:
        writer.write_table(TABLE)


def zip_file(buffer: io.BytesIO) -> None:
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", TEXT)
        archive.comment = b"made by a test"


def feather_file(version: int) -> bytes:
    sink = pa.BufferOutputStream()
    feather.write_feather(TABLE, sink, version=version)
    return bytes(sink.getvalue())


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


WHOLE = {
    "a.parquet": made(lambda buffer: parquet.write_table(TABLE, buffer)),
    "b.parquet": made(lambda buffer: pd.DataFrame({"x": []}).to_parquet(buffer)),
    "a.orc": made(lambda buffer: orc.write_table(TABLE, buffer)),
    "a.arrow": made(arrow_file),
    "a.feather": feather_file(2),
    "a.zip": made(zip_file),
    "a.csv.gz": gzip.compress(TEXT),
    "zeros.gz": gzip.compress(bytes(1_000_000)),
    "two.gz": gzip.compress(TEXT) + gzip.compress(b"") + bytes(512),
    "A.ZST": zstd(TEXT),
    "two.zst": zstd(TEXT) + zstd(b"x") + b"\x50\x2a\x4d\x18\x03\0\0\0abc",
    "big.zst": zstd(random.Random(1).randbytes(400_000)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_lacks_nothing(name: str) -> None:
    assert unfinished(name, io.BytesIO(WHOLE[name])) == ""


@pytest.mark.parametrize("name", [name for name in WHOLE if "two" not in name])  # part of two may be a whole one
def test_a_file_cut_short_lacks_its_end(name: str) -> None:
    data = WHOLE[name]
    dice = random.Random(name)
    cuts = [1, 3, 7, len(data) // 2, len(data) - 9, *(dice.randrange(1, len(data) - 8) for _ in range(50))]
    passed = [cut for cut in cuts if unfinished(name, io.BytesIO(data[:cut])) == ""]
    assert passed == []


@pytest.mark.parametrize("name", WHOLE)
def test_space_reserved_for_a_file_is_not_the_file(name: str) -> None:
    assert unfinished(name, io.BytesIO(bytes(len(WHOLE[name]))))


def test_an_arrow_stream_may_end_anywhere() -> None:
    buffer = io.BytesIO()
    with ipc.new_stream(buffer, TABLE.schema) as writer:
        writer.write_table(TABLE)
    assert unfinished("a.arrow", io.BytesIO(buffer.getvalue()[:-100])) == ""


@pytest.mark.parametrize("name", ["a.csv", "a", "parquet", "a.json"])
def test_other_formats_are_not_judged(name: str) -> None:
    assert unfinished(name, io.BytesIO(b"anything")) == ""
