"""Payloads: by digest, small ones inside, large ones as files, all of them checked."""

from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from jupyter_fn.model.errors import HomeRefused, PayloadLost
from jupyter_fn.model.ids import digest
from jupyter_fn.store import payloads
from jupyter_fn.store.payloads import Shelf
from jupyter_fn.store.schema import payloads as table

LARGE = b"0123456789" * 1000


@pytest.fixture
def database(open_database):
    return open_database(inline_bytes=1000)


def files(database):
    return [path for path in (Path(database.place).parent / "payloads").rglob("*") if path.is_file()]


in_files = pytest.mark.parametrize("kind", ["sqlite"])


@pytest.mark.parametrize("data", [b"", b"small", LARGE])
def test_what_is_put_is_got_by_its_digest(database, data):
    name = database.write(lambda conn: payloads.put(conn, data))
    assert name == digest(data)
    assert database.read(lambda conn: payloads.get(conn, name)) == data


@in_files
def test_small_ones_lie_in_the_database_large_ones_outside_once(database):
    for _ in range(2):
        database.write(lambda conn: payloads.put(conn, b"small"))
        database.write(lambda conn: payloads.put(conn, LARGE))
    assert [path.name for path in files(database)] == [digest(LARGE)]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_where_other_machines_look_too_all_of_them_lie_in_the_database(database):
    database.write(lambda conn: payloads.put(conn, LARGE))
    text = database.write(lambda conn: payloads.pack(conn, "x" * 5000))
    names = database.read(lambda conn: set(conn.execute(select(table.c.digest)).scalars()))
    assert names == {digest(LARGE), text.removeprefix("@")}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_where_a_folder_is_named_large_ones_lie_there(open_database, tmp_path):
    database = open_database(inline_bytes=1000, payloads=str(tmp_path / "shared"))
    text = database.write(lambda conn: payloads.pack(conn, "x" * 5000))
    assert [path.name for path in (tmp_path / "shared").rglob("*") if path.is_file()] == [text.removeprefix("@")]
    assert database.read(lambda conn: payloads.unpack(conn, text)) == "x" * 5000


@in_files
def test_a_damaged_payload_is_never_handed_out(database):
    database.write(lambda conn: payloads.put(conn, LARGE))
    files(database)[0].write_bytes(LARGE[:-1] + b"x")
    with pytest.raises(HomeRefused, match="damaged"):
        database.read(lambda conn: payloads.get(conn, digest(LARGE)))


def test_a_missing_payload_says_so(database):
    with pytest.raises(PayloadLost, match="missing"):
        database.read(lambda conn: payloads.get(conn, digest(b"never stored")))


@in_files
def test_a_half_written_payload_is_written_again(database):
    database.write(lambda conn: payloads.put(conn, LARGE))
    files(database)[0].write_bytes(LARGE[:100])
    database.write(lambda conn: payloads.put(conn, LARGE))
    assert database.read(lambda conn: payloads.get(conn, digest(LARGE))) == LARGE


def test_a_folder_that_cannot_be_written_refuses_the_whole_op(open_database, tmp_path: Path):
    (tmp_path / "file").write_text("")
    database = open_database(payloads=str(tmp_path / "file" / "below"), inline_bytes=10)
    with pytest.raises(HomeRefused, match="could not be written"):
        database.write(lambda conn: payloads.put(conn, LARGE))


def test_an_object_store_will_do():
    shelf = Shelf("memory://payloads-of-a-test", 10)
    for _ in range(2):
        shelf.write(digest(LARGE), LARGE)
    assert shelf.read(digest(LARGE)) == LARGE


def test_where_a_put_may_show_half_a_file_it_is_written_aside_and_moved(tmp_path: Path, monkeypatch):
    remote = fsspec.filesystem("dir", path=str(tmp_path), target_protocol="file")
    monkeypatch.setattr(fsspec, "url_to_fs", lambda url, **options: (remote, "folder"))
    shelf = Shelf("sftp://host/folder", 10)
    shelf.write(digest(LARGE), LARGE)
    assert shelf.read(digest(LARGE)) == LARGE
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest(LARGE)]


def test_values_travel_inline_or_by_reference_alike(database):
    for value in (None, [1, 2.5], {"ü": "x" * 10}, "x" * 5000, ["ü" * 700], "@looks like a reference"):
        text = database.write(lambda conn, value=value: payloads.pack(conn, value))
        assert len(text) <= 1000
        assert database.read(lambda conn, text=text: payloads.unpack(conn, text)) == value


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_every_json_value_comes_back(database, value):
    text = database.write(lambda conn: payloads.pack(conn, value))
    assert database.read(lambda conn: payloads.unpack(conn, text)) == value
