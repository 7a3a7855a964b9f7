"""Single events wait in the ledger until a batch takes them in."""

from jupyter_fn.model.event import GATHERING
from jupyter_fn.model.run import State
from jupyter_fn.policy.batching import compose
from jupyter_fn.store import batches, events, ledger, runs, triggers


def gather(store, *keys, trigger="t", position=1, **fields):
    new = store.new(*keys, **fields)
    return store.write(batches.gather, trigger, "f", new, position=position, make_run=store.run_of, now=1.0)


def bind(store, members):
    return store.write(batches.bind, compose(members), members, make_run=store.run_of_batch, now=2.0)


def keys(found):
    return [event.key for event in found]


def test_what_gathers_has_no_run_and_is_there_once_with_the_position(store):
    store.listen("t")
    assert keys(gather(store, "a", "b")) == ["a", "b"]
    assert keys(gather(store, "b", "c", position=2)) == ["c"]
    assert keys(store.read(batches.gathering, "t")) == ["a", "b", "c"]
    assert {event.batch for event in store.read(batches.gathering, "t")} == {GATHERING}
    assert store.read(runs.list_runs, "f") == []
    assert store.read(triggers.get, "t").position == 2


def test_how_much_waits_and_since_when(store):
    store.listen("t")
    assert store.read(batches.length, "t") == (0, 0.0)
    gather(store, "a", "b")
    assert store.read(batches.length, "t") == (2, 1.0)


def test_nothing_gathers_for_a_trigger_that_was_removed(store):
    store.listen("t")
    store.listen("u")
    assert gather(store, "a") == []
    assert store.read(batches.gathering_triggers) == []


def test_what_is_skipped_does_not_wait(store):
    store.listen("t")
    gather(store, "a", skip="existing")
    assert store.read(batches.gathering, "t") == []
    assert [run.state for run in store.read(runs.list_runs, "f")] == [State.SKIPPED]


def test_a_batch_is_stored_with_its_members_and_its_run(store):
    store.listen("t", "u")
    gather(store, "a", "b", "c")
    gather(store, "x", trigger="u")
    members = store.read(batches.gathering, "t")[:2]
    event, run = bind(store, members)
    assert store.read(events.get, event.id) == event
    assert (event.type, event.size, event.trigger, event.batch) == ("file.batch", 2, "t", "")
    assert (run.event_id, run.batch_size, run.state) == (event.id, 2, State.QUEUED)
    assert store.read(runs.get, run.id) == run
    assert {store.read(events.get, member.id).batch for member in members} == {event.id}
    assert keys(store.read(batches.gathering, "t")) == ["c"]
    assert sorted(store.read(batches.gathering_triggers)) == ["t", "u"]


def test_a_member_is_not_admitted_again(store):
    store.listen("t")
    gather(store, "a", "b")
    bind(store, store.read(batches.gathering, "t"))
    assert gather(store, "a", "b") == []
    assert store.read(ledger.admitted_counts, "f") == {"t": 2}


def test_what_is_released_gets_a_run_of_its_own(store):
    store.listen("t")
    gather(store, "a", "b")
    first, second = store.read(batches.gathering, "t")
    (skipped,) = store.write(batches.release, [first], make_run=store.run_of, skip="Superseded")
    assert (skipped.state, skipped.reason, skipped.event_id) == (State.SKIPPED, "Superseded", first.id)
    assert keys(store.read(batches.gathering, "t")) == ["b"]
    (run,) = store.write(batches.release, [second], make_run=store.run_of)
    assert (run.state, run.event_id) == (State.QUEUED, second.id)
    assert store.read(ledger.trigger_counts, "f") == {"t": {"queued": 1, "superseded": 1}}
    assert store.write(batches.release, [], make_run=store.run_of) == []
