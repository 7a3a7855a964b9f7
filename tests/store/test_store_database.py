"""The database: group commit, failures that stay alone, snapshots, refusals."""

import sqlite3
import threading
from concurrent.futures import wait
from pathlib import Path

import pytest

from jupyter_fn.model.errors import BadValue, HomeRefused, ServiceNotRunning
from jupyter_fn.model.run import Record
from jupyter_fn.store import records, sqlite
from jupyter_fn.store.database import Database


def append(value, topic="t"):
    return lambda conn: records.append(conn, [Record(topic=topic, value=value)], now=1.0)


def values(database, topic="t"):
    return [record.value for record in database.read(lambda conn: records.read(conn, topic, after=0, limit=10_000))]


in_a_file = pytest.mark.parametrize("kind", ["sqlite"])


class Gate:
    """Holds the writer inside an op, so that what is submitted meanwhile waits and then shares a transaction."""

    def __init__(self, database):
        self._inside, self._open = threading.Event(), threading.Event()
        self._held = database.submit(self._hold)
        assert self._inside.wait(10)

    def _hold(self, conn):
        self._inside.set()
        assert self._open.wait(10)

    def open(self):
        self._open.set()
        self._held.result(10)


def test_what_was_written_is_read(database):
    assert database.write(append({"a": [1, None, "ü"]})) == 1
    assert values(database) == [{"a": [1, None, "ü"]}]


def test_everything_is_there_after_opening_again(open_database):
    first = open_database()
    first.write(append(1))
    first.close()
    assert values(open_database()) == [1]


def test_what_waits_shares_one_transaction(database):
    gate = Gate(database)
    transactions = set()

    def note(conn):
        transactions.add(id(conn.get_transaction()))

    futures = [database.submit(note) for _ in range(50)]
    gate.open()
    wait(futures, 10)
    assert len(transactions) == 1


def test_a_failing_op_fails_alone_in_its_group(database):
    gate = Gate(database)

    def fails_after_writing(conn):
        append("half")(conn)
        raise KeyError("mine")

    futures = [database.submit(append(1)), database.submit(fails_after_writing), database.submit(append(2))]
    gate.open()
    assert [future.exception(10) for future in futures[::2]] == [None, None]
    assert isinstance(futures[1].exception(10), KeyError)
    assert values(database) == [1, 2]


def test_a_failing_op_alone_in_its_transaction_leaves_nothing(database):
    def fails_after_writing(conn):
        append("half")(conn)
        raise KeyError("mine")

    with pytest.raises(KeyError):
        database.write(fails_after_writing)
    assert values(database) == []


def test_a_cancelled_future_is_not_carried_out(database):
    gate = Gate(database)
    unwanted = database.submit(append("unwanted"))
    assert unwanted.cancel()
    gate.open()
    database.write(append("wanted"))
    assert values(database) == ["wanted"]


def test_a_read_sees_one_moment(database):
    def twice(conn):
        before = records.last(conn, "t")
        database.write(append("meanwhile"))
        return before, records.last(conn, "t")

    assert database.read(twice) == (0, 0)
    assert len(values(database)) == 1


def test_a_read_cannot_write(database):
    with pytest.raises(HomeRefused):
        database.read(append(1))


def test_many_threads_read_and_write(database):
    def work(number):
        for _ in range(10):
            database.write(append(number))
            values(database)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(values(database)) == sorted(list(range(8)) * 10)


def test_close_carries_out_what_was_submitted_and_refuses_what_comes_later(open_database):
    database = open_database()
    futures = [database.submit(append(number)) for number in range(1500)]
    database.close()
    assert all(future.done() for future in futures)
    with pytest.raises(ServiceNotRunning):
        database.submit(append("late"))
    database.close()
    assert values(open_database()) == list(range(1500))


@in_a_file
def test_a_full_disk_acknowledges_nothing_and_says_so(database):
    database.write(append("before"))
    pages = database.write(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar())
    database.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}").scalar())
    gate = Gate(database)
    futures = [database.submit(append("x" * 3000)) for _ in range(20)]
    gate.open()
    errors = [future.exception(10) for future in futures]
    refused = [error for error in errors if error is not None]
    assert refused
    assert all(isinstance(error, HomeRefused) for error in refused)
    assert "is full" in refused[0].cause
    assert len(values(database)) == 1 + len(errors) - len(refused)
    database.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count=100000").scalar())
    assert database.write(append("after"))


@in_a_file
def test_a_store_locked_by_another_process_is_refused(database, monkeypatch):
    database.write(lambda conn: conn.exec_driver_sql("PRAGMA busy_timeout=1"))
    other = sqlite3.connect(database.place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HomeRefused, match="locked"):
        database.write(append(1))
    other.execute("ROLLBACK")
    other.close()
    assert database.write(append(1))


def test_a_file_that_is_no_store_is_refused(tmp_path: Path):
    (tmp_path / "store.db").write_bytes(b"something else entirely, and long enough" * 100)
    with pytest.raises(HomeRefused, match="not a store"):
        Database.open(tmp_path / "store.db")


def test_a_filesystem_without_a_write_ahead_log_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sqlite, "_pragmas", lambda synchronous: ("journal_mode=DELETE",))
    with pytest.raises(HomeRefused, match="write-ahead log"):
        Database.open(tmp_path / "store.db")


def test_a_folder_in_the_place_of_the_store_is_refused(tmp_path: Path):
    (tmp_path / "store.db").mkdir()
    with pytest.raises(HomeRefused, match=r"store\.db"):
        Database.open(tmp_path / "store.db")


@in_a_file
def test_only_the_owner_can_read_the_store(database):
    database.write(append(1))
    folder = Path(database.place).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "store.db": 0o600,
        "store.db-wal": 0o600,
        "store.db-shm": 0o600,
    }


def test_a_sqlite_url_is_a_path_too(tmp_path: Path):
    with Database.open(f"sqlite:///{tmp_path}/by-url.db") as database:
        assert database.place == str(tmp_path / "by-url.db")


def test_other_databases_and_other_words_are_refused(tmp_path: Path):
    with pytest.raises(BadValue, match="oracle"):
        Database.open("oracle://localhost/db")
    with pytest.raises(BadValue, match="sometimes"):
        Database.open(tmp_path / "store.db", synchronous="sometimes")


@in_a_file
@pytest.mark.parametrize(("word", "level"), [("full", 2), ("normal", 1)])
def test_the_writer_is_as_synchronous_as_asked(open_database, word, level):
    database = open_database(synchronous=word)
    assert database.write(lambda conn: conn.exec_driver_sql("PRAGMA synchronous").scalar()) == level
    assert database.write(lambda conn: conn.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
