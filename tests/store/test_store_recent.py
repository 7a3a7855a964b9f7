"""What the writer remembers of what it has entered is what stands in the database, or nothing."""

import pytest

from jupyter_fn.model.run import State
from jupyter_fn.store import events, recent, runs
from jupyter_fn.store.recent import Recent
from jupyter_fn.store.rows import next_seqs
from jupyter_fn.store.schema import runs as table


def remembered(store, run):
    return store.write(lambda conn: recent.recent(conn).run(run.id, run.seq))


def test_what_was_entered_is_remembered_with_its_event_until_it_is_claimed(store):
    (run,) = store.admit("a")
    assert remembered(store, run) == run
    event = store.write(lambda conn: recent.recent(conn).event(run.event_id))
    assert event == store.read(events.get, run.event_id)
    store.claim(run)
    assert remembered(store, run) is None
    assert store.write(lambda conn: recent.recent(conn).event(run.event_id)) is None


def test_a_run_that_comes_back_to_the_queue_is_read(store):
    (run,) = store.admit("a")
    back = store.change(store.claim(run), state=State.QUEUED, worker="")
    assert store.claimable() == [back]


def test_keys_that_had_to_be_cut_are_read_as_they_were_stored(store):
    (run,) = store.admit("a", lane="k" * 5000, concurrency_key="\0")
    assert remembered(store, run) is None
    (found,) = store.claimable()
    assert len(found.lane) < 5000


def test_after_a_transaction_that_was_undone_nothing_is_remembered(store):
    (run,) = store.admit("a")

    def enter_and_fail(conn):
        event = events.get(conn, run.event_id)
        runs.insert_all(conn, [store.run_of(event)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(enter_and_fail)
    assert remembered(store, run) is None
    assert [found.id for found in store.claimable()] == [run.id]
    assert store.read(lambda conn: next_seqs(conn, table, 1))[0] == run.seq + 1


def test_a_full_memory_keeps_what_comes_first_but_not_for_ever(store, monkeypatch):
    monkeypatch.setattr(recent, "_MOST", 2)
    (event,) = [store.read(events.get, run.event_id) for run in store.admit("a")]
    first, second, third = (store.run_of(event, seq=n, created=100.0 + n) for n in (1, 2, 3))
    late = store.run_of(event, seq=4, created=200.0)
    memory = Recent()
    for run in (first, second, third):
        memory.add_run(run)
    assert [memory.run(run.id, run.seq) for run in (first, second, third)] == [first, second, None]
    memory.add_run(late)
    assert [memory.run(run.id, run.seq) for run in (first, second, late)] == [None, second, late]


def test_large_events_are_read_when_they_are_wanted(monkeypatch, store):
    monkeypatch.setattr(recent, "_MOST_CHARACTERS", 10)
    (run,) = store.admit("a")
    assert store.write(lambda conn: recent.recent(conn).event(run.event_id)) is None
    assert store.write(events.of_runs, [run]) == {run.event_id: store.read(events.get, run.event_id)}
