"""PostgreSQL: several services on one store, connections that break, refusals, and that nobody reads a password anywhere."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text

from jupyter_fn.model.errors import BadValue, HomeRefused, MissingExtra, StoreUnreachable
from jupyter_fn.model.run import Record
from jupyter_fn.settings import Settings
from jupyter_fn.store import database as database_module
from jupyter_fn.store import postgres as kind_module
from jupyter_fn.store import records
from jupyter_fn.store import writer as writer_module
from jupyter_fn.store.database import Database

PATIENCE_S = 60.0


@pytest.fixture
def kind():
    return "postgresql"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(writer_module, "_PAUSES_S", (0.0, 0.01))
    monkeypatch.setattr(database_module, "_PAUSES_S", (0.0, 0.01))


def append(value, topic="t"):
    return lambda conn: records.append(conn, [Record(topic=topic, value=value)], now=1.0)


def values(database, topic="t"):
    return [record.value for record in database.read(lambda conn: records.read(conn, topic, after=0, limit=10_000))]


# --- several services


def test_services_write_in_turn_and_whoever_follows_by_number_misses_nothing(open_database):
    writers, reader = [open_database(), open_database()], open_database()
    over = threading.Event()

    def write(number):
        for n in range(100):
            writers[number].write(append([number, n]))

    def follow():
        seen = []
        while True:
            last = over.is_set()
            after = seen[-1].seq if seen else 0
            found = reader.read(lambda conn, after=after: records.read(conn, "t", after=after, limit=1000))
            if last and not found:
                return [tuple(record.value) for record in seen]
            seen += found

    with ThreadPoolExecutor(3) as threads:
        following = threads.submit(follow)
        for done in [threads.submit(write, number) for number in (0, 1)]:
            done.result(PATIENCE_S)
        over.set()
        seen = following.result(PATIENCE_S)
    assert sorted(seen) == [(number, n) for number in (0, 1) for n in range(100)]
    assert [n for number, n in seen if number == 0] == list(range(100))


def test_an_op_sees_what_another_service_has_committed_before_it(open_database):
    one, other = open_database(), open_database()

    def add_one(conn):
        return records.append(conn, [Record(topic="t", value=records.last(conn, "t"))], now=1.0)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda database: [database.write(add_one) for _ in range(50)], (one, other)))
    assert len(set(values(one))) == 100


def test_services_that_open_an_empty_database_at_once_all_find_a_store(postgres):
    url = postgres.new_database()
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _: Database.open(url), range(4)))
    opened[0].write(append("here"))
    assert [values(database) for database in opened] == [["here"]] * 4
    for database in opened:
        database.close()


def test_a_service_that_stands_still_in_a_transaction_does_not_hold_the_others_up_for_ever(open_database, monkeypatch):
    monkeypatch.setattr(kind_module, "_IDLE_S", 0.2)
    stopped, other = open_database(), open_database()
    inside, go_on = threading.Event(), threading.Event()

    def stand_still(conn):
        append("late")(conn)
        inside.set()
        assert go_on.wait(PATIENCE_S)
        return append("later")(conn)

    future = stopped.submit(stand_still)
    assert inside.wait(PATIENCE_S)
    other.write(append("meanwhile"))
    go_on.set()
    future.result(PATIENCE_S)
    assert values(other) == ["meanwhile", "late", "later"]


# --- connections that break


def cut(database, postgres):
    """Every connection of a store is cut by the server."""
    name = database.place.rpartition("/")[2]
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_what_was_not_committed_when_the_connection_broke_is_done_again(database, postgres):
    calls = []

    def op(conn):
        calls.append(len(calls))
        append("before")(conn)
        if len(calls) == 1:
            cut(database, postgres)
        return append("after")(conn)

    database.write(op)
    assert values(database) == ["before", "after"]
    assert calls == [0, 1]


def test_connections_that_were_cut_while_nobody_used_them_are_made_again(database, postgres):
    database.write(append(1))
    assert values(database) == [1]
    cut(database, postgres)
    assert values(database) == [1]
    cut(database, postgres)
    database.write(append(2))
    assert values(database) == [1, 2]


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_that_had_no_answer_is_done_once(database, monkeypatch, committed):
    database.write(append("first"))
    engine = database.write(lambda conn: conn.engine)
    answers = [True]

    def commit(raw):
        if not answers:
            return raw.commit()
        answers.clear()
        if committed:
            raw.commit()
        raw.driver_connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(engine.dialect, "do_commit", commit)
    last = database.write(append("in doubt"))
    assert values(database) == ["first", "in doubt"]
    assert last == database.read(lambda conn: records.last(conn, "t"))


def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_there_twice_while_the_server_is_killed(
    open_database, postgres
):
    database = open_database(synchronous="full")
    acknowledged, killing = [], threading.Event()

    def write():
        number = 0
        while not killing.is_set() or number % 50:
            database.write(append(number))
            acknowledged.append(number)
            number += 1

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        for _ in range(3):
            postgres.kill()
            postgres.start()
        killing.set()
        writing.result(PATIENCE_S)
    assert values(database) == acknowledged


def test_a_server_that_is_gone_is_told_of_and_work_goes_on_when_it_is_back(database, postgres, impatient):
    database.write(append(1))
    postgres.stop()
    try:
        with pytest.raises(StoreUnreachable, match="cannot be reached") as refused:
            database.write(append("lost"))
        with pytest.raises(StoreUnreachable):
            values(database)
    finally:
        postgres.start()
    assert database.place in refused.value.cause
    database.write(append(2))
    assert values(database) == [1, 2]


# --- refusals


def test_a_wrong_password_is_refused_and_said_to_nobody(postgres, migrated):
    url = postgres.url("postgres", password="wrong-secret")
    with pytest.raises(StoreUnreachable, match="password authentication failed") as refused:
        Database.open(url)
    assert "PGPASSWORD" in refused.value.remedy
    assert "wrong-secret" not in str(refused.value)


def test_a_server_that_does_not_answer_and_a_database_that_does_not_exist_are_refused(postgres):
    with pytest.raises(StoreUnreachable, match=r"(?i)refused"):
        Database.open("postgresql://fn@127.0.0.1:1/store")
    with pytest.raises(StoreUnreachable, match='"nowhere" does not exist'):
        Database.open(postgres.url("nowhere"))


def test_a_user_who_may_not_make_tables_is_told_what_is_missing(postgres):
    name = postgres.new_database().rpartition("/")[2]
    postgres.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    with pytest.raises(HomeRefused, match="may not") as refused:
        Database.open(postgres.url(name, user="guest", password="guest"))
    assert "GRANT" in refused.value.remedy


def test_a_database_that_is_read_only_is_refused(postgres):
    url = postgres.new_database()
    postgres.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    with pytest.raises(HomeRefused, match="cannot be written"):
        Database.open(url)


@pytest.mark.parametrize(
    ("code", "said"), [("53100", "disk of .* is full"), ("54000", "too large"), ("53200", "memory")]
)
def test_what_the_server_lacks_is_told_in_words(database, code, said):
    refuse = text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
    with pytest.raises(HomeRefused, match=said):
        database.write(lambda conn: conn.execute(refuse))
    database.write(append(1))
    assert values(database) == [1]


def test_without_the_client_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(kind_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as missing:
        Database.open("postgresql://fn@localhost/store")
    assert 'pip install "jupyter-fn[postgres]"' in missing.value.remedy


@pytest.mark.parametrize(
    "url",
    ["postgresql://fn:se@cret@localhost/store", "postgresql://fn:secret@host:port/store", "postgres://fn:secret@h"],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url):
    with pytest.raises(BadValue, match="URL of the store") as refused:
        Database.open(url)
    assert "cret" not in str(refused.value)


def test_a_password_is_shown_nowhere(database, postgres, tmp_path, where):
    assert postgres.password in where
    assert postgres.password not in database.place
    assert postgres.password not in repr(Settings(home=tmp_path, store=where))
    with pytest.raises(HomeRefused) as refused:
        database.read(append(1))
    assert postgres.password not in str(refused.value)


@pytest.mark.parametrize(("word", "level"), [("full", "on"), ("normal", "off")])
def test_the_writer_is_as_synchronous_as_asked(open_database, word, level):
    database = open_database(synchronous=word)
    assert database.write(lambda conn: conn.execute(text("SHOW synchronous_commit")).scalar()) == level


def test_a_transaction_that_writes_nothing_leaves_nothing_that_the_disk_has_to_take(database):
    def signed():
        return database.read(lambda conn: conn.execute(text("SELECT sum(seq), max(at) FROM writers")).one())

    database.write(append(1))
    before = signed()
    for _ in range(3):
        database.write(lambda conn: records.last(conn, "t"))
    assert signed() == before
    database.write(append(2))
    assert signed() != before
