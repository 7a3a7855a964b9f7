"""Leases: one owner at a time, by the database's clock; and what services hear of each other."""

import queue
import threading

import pytest
from sqlalchemy import create_engine, text

from jupyter_fn.model.run import Record
from jupyter_fn.policy.partitions import PARTITIONS, partition_of
from jupyter_fn.store import costs, leases, records
from jupyter_fn.store.bell import News
from jupyter_fn.store.leases import Service
from jupyter_fn.store.postgres import checked_url

PATIENCE_S = 60.0
LEASE_S = 5.0
ALL = frozenset(range(PARTITIONS))


@pytest.fixture
def kind():
    return "postgresql"


@pytest.fixture
def beats(database):
    """`beats(service)` → how it stands then."""

    def beat(service):
        return database.write(lambda conn: leases.beat(conn, service, LEASE_S))

    return beat


@pytest.fixture
def led(database):
    return lambda service: database.write(lambda conn: leases.led(conn, service.id, for_certain=True))


def silent(database, service):
    """It has said nothing for longer than its lease."""
    past = {"id": service.id}
    database.write(lambda conn: conn.execute(text("UPDATE services SET beat = beat - 60 WHERE id = :id"), past))
    database.write(lambda conn: conn.execute(text("UPDATE leases SET until = until - 60 WHERE owner = :id"), past))


def test_the_only_service_leads_everything(beats, led):
    one = Service(url="http://one")
    assert beats(one).led == ALL == led(one)
    assert beats(one).led == ALL


def test_a_second_one_gets_its_half_as_soon_as_the_first_one_has_given_it_up(beats, led):
    one, other = Service(url="1"), Service(url="2")
    beats(one)
    assert beats(other).led == frozenset()
    assert len(beats(one).led) == PARTITIONS / 2
    assert beats(other).led == ALL - led(one) == led(other)


def test_what_a_silent_one_led_is_taken_over_and_it_knows(beats, led, database):
    one, other = Service(url="1"), Service(url="2")
    beats(one), beats(other)
    silent(database, one)
    standing = beats(other)
    assert (standing.led, standing.living) == (ALL, {other.id})
    assert led(one) == frozenset()


def test_a_lease_that_ran_out_counts_for_nothing_before_the_next_beat(beats, led, database):
    one = Service(url="1")
    beats(one)
    silent(database, one)
    assert led(one) == frozenset()
    assert beats(one).led == ALL == led(one)


def test_who_leaves_is_followed_at_once(beats, led, database):
    one, other = Service(url="1"), Service(url="2")
    beats(one), beats(other)
    database.write(lambda conn: leases.leave(conn, one.id))
    assert beats(other).led == ALL
    assert database.read(leases.listed) == [other]


@pytest.fixture
def aside(where):
    """A connection that does not wait for the writers."""
    engine = create_engine(checked_url(where))
    yield engine
    engine.dispose()


def test_no_lease_changes_its_owner_while_a_transaction_counts_on_it(open_database, beats, aside):
    one, other = Service(url="1"), Service(url="2")
    beats(one)
    inside, go_on = threading.Event(), threading.Event()
    busy = open_database()

    def count_on_it(conn):
        found = leases.led(conn, one.id, for_certain=True)
        inside.set()
        assert go_on.wait(PATIENCE_S)
        return found

    def elsewhere(service):
        with aside.begin() as conn:
            return leases.beat(conn, service, LEASE_S)

    going_on = busy.submit(count_on_it)
    assert inside.wait(PATIENCE_S)
    with aside.begin() as conn:
        conn.execute(text("UPDATE leases SET until = until - 60"))
        conn.execute(text("UPDATE services SET beat = beat - 60"))
    assert elsewhere(other).led == frozenset()
    go_on.set()
    assert going_on.result(PATIENCE_S) == ALL
    assert elsewhere(other).led == ALL


def test_workers_of_services_that_live_are_attended(database, beats):
    one, gone = Service(url="1"), Service(url="2")
    beats(one), beats(gone)
    for worker, service in (("w1", one.id), ("w2", gone.id), ("w3", "")):
        database.write(lambda conn, w=worker, s=service: costs.worker_joined(conn, w, w, 1, 1.0, service=s))
    silent(database, gone)
    beats(one)
    assert database.read(leases.attended) == {"w1"}


# --- watching


class Ear:
    def __init__(self):
        self.heard = queue.SimpleQueue()

    def __call__(self, standing, news):
        self.heard.put((standing, set(news)))

    def until(self, wanted):
        while True:
            standing, news = self.heard.get(timeout=PATIENCE_S)
            if found := wanted(standing, news):
                return found


@pytest.fixture
def watch(database):
    watches = []

    def start(url="1", beat_s=0.05):
        ear = Ear()
        watches.append(database.watch(Service(url=url), ear, beat_s=beat_s, lease_s=LEASE_S))
        return watches[-1], ear

    yield start
    for one in watches:
        one.close()


def test_a_watch_beats_shares_and_leaves(watch):
    (first, ear), (_, other) = watch("1"), watch("2")
    for one in (ear, other):
        one.until(lambda standing, news: standing and len(standing.led) == PARTITIONS / 2)
    first.close()
    other.until(lambda standing, news: standing and standing.led == ALL)


def test_what_another_service_does_is_heard_and_what_this_one_does_is_not(watch, open_database, database, store):
    _, ear = watch(beat_s=60.0)
    ear.until(lambda standing, news: standing and news == set(News))
    database.write(lambda conn: records.append(conn, [Record(topic="t", value=1)], now=1.0))
    elsewhere = open_database()
    story = type(store)(elsewhere)
    elsewhere.write(lambda conn: records.append(conn, [Record(topic="t", value=1)], now=1.0))
    story.publish(digest="another")
    (run,) = story.admit("a")
    story.end(story.claim(run))
    expected = [{News.TOPICS}, {News.FUNCTIONS}, {News.QUEUED}, {News.FINISHED}]
    assert [ear.until(lambda standing, news: news) for _ in expected] == expected


def test_after_the_connection_was_cut_everything_may_be_news(watch, database, postgres):
    _, ear = watch(beat_s=60.0)
    ear.until(lambda standing, news: standing)
    name = database.place.rpartition("/")[2]
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    ear.until(lambda standing, news: standing and news == set(News))


def test_who_does_not_lead_a_function_does_not_hear_that_runs_of_it_are_queued(watch, open_database, store):
    (_, ear), (_, other) = watch("1", beat_s=0.05), watch("2", beat_s=0.05)
    led = [
        one.until(lambda standing, news: standing and len(standing.led) == 8 and standing.led) for one in (ear, other)
    ]
    mine, others = (ear, other) if partition_of("f") in led[0] else (other, ear)
    story = type(store)(open_database())
    story.admit("a")
    assert mine.until(lambda standing, news: news == {News.QUEUED})
    story.write(records.append, [Record(topic="t", value=1)], now=1.0)
    seen = []
    others.until(lambda standing, news: seen.append(news) or (News.TOPICS in news and len(news) < len(News)))
    assert not any(News.QUEUED in news and len(news) < len(News) for news in seen)
