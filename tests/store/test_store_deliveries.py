"""The outbox, tripped breakers, and who wrote which file."""

from jupyter_fn.model.run import State
from jupyter_fn.policy.breaker import Breaker
from jupyter_fn.policy.loops import Writer
from jupyter_fn.store import breakers, deliveries, outputs
from jupyter_fn.store.deliveries import Delivery


def delivery(number: int = 1, **fields: object) -> Delivery:
    common = {"function": "f", "run_id": "r1", "target": "failures/", "body": {"n": number}, "created": 1.0, "due": 1.0}
    return Delivery(**{"id": f"d{number}", **common, **fields})


# --- deliveries


def test_what_is_entered_is_due_from_its_moment_on_the_longest_due_first(store):
    store.write(deliveries.enter, [delivery(1, due=5.0), delivery(2, due=3.0), delivery(3, due=9.0)])
    assert [one.id for one in store.read(deliveries.due, 5.0, 10)] == ["d2", "d1"]
    assert store.read(deliveries.next_due, 5.0) == 9.0
    assert store.read(deliveries.next_due, 9.0) is None


def test_the_same_delivery_is_entered_once(store):
    store.write(deliveries.enter, [delivery(1)])
    store.write(deliveries.enter, [delivery(1, body="another"), delivery(2)])
    assert [(one.id, one.body) for one in store.read(deliveries.of_run, "r1")] == [("d1", {"n": 1}), ("d2", {"n": 2})]


def test_targets_that_have_enough_under_way_hold_up_no_other(store):
    many = [delivery(n, target="https://slow") for n in range(50)]
    store.write(deliveries.enter, [*many, delivery(99, due=2.0)])
    assert [one.id for one in store.read(deliveries.due, 5.0, 3, besides=["https://slow"])] == ["d99"]


def test_a_refused_delivery_is_due_later_or_dead_for_good(store):
    store.write(deliveries.enter, [delivery(1), delivery(2)])
    store.write(deliveries.refused, "d1", "It answered 503.", tries=1, due=60.0)
    store.write(deliveries.refused, "d2", "It answered 404.", tries=1, due=None)
    later, dead = store.read(deliveries.of_run, "r1")
    assert (later.state, later.due, later.tries, later.error) == ("due", 60.0, 1, "It answered 503.")
    assert (dead.state, dead.error) == ("dead", "It answered 404.")
    assert store.read(deliveries.due, 59.0, 10) == []
    assert store.read(deliveries.dead_count, "f") == 1


def test_what_was_taken_is_done_and_its_error_forgotten(store):
    store.write(deliveries.enter, [delivery(1)])
    store.write(deliveries.refused, "d1", "busy", tries=1, due=2.0)
    store.write(deliveries.done, "d1")
    (only,) = store.read(deliveries.of_run, "r1")
    assert (only.state, only.error) == ("done", "")
    assert store.read(deliveries.due, 5.0, 10) == []


# --- breakers


def test_a_breaker_is_kept_without_its_window_until_its_function_is_gone(store):
    store.write(breakers.keep, "f", Breaker(window=(True,), trips=1, since=1.0, until=31.0, error="10 of 20"))
    assert store.read(breakers.kept) == {"f": Breaker(trips=1, since=1.0, until=31.0, error="10 of 20")}
    store.write(breakers.keep, "f", Breaker(since=40.0))
    assert store.read(breakers.kept) == {"f": Breaker(since=40.0)}
    store.write(breakers.forget, "f")
    assert store.read(breakers.kept) == {}


def ended(store, key, state, now):
    (run,) = store.admit(key)
    store.end(store.claim(run), state, now=now)


def test_a_window_is_made_of_the_last_runs_that_triggers_made(store):
    for number, state in enumerate([State.SUCCEEDED, State.DEAD, State.UNKNOWN, State.CANCELLED, State.DEAD]):
        ended(store, f"k{number}", state, now=30.0 + number)
    states = [state.value for state, _ in store.read(breakers.last_endings, "f", after=0.0, most=20)]
    assert states == ["succeeded", "dead", "unknown", "dead"]
    assert len(store.read(breakers.last_endings, "f", after=0.0, most=2)) == 2
    assert [state.value for state, _ in store.read(breakers.last_endings, "f", after=32.5, most=20)] == ["dead"]
    assert store.read(breakers.last_endings, "g", after=0.0, most=20) == []


def test_runs_by_hand_are_in_no_window(store):
    (run,) = store.admit("k", trigger="invoke")
    store.end(store.claim(run), State.DEAD)
    assert store.read(breakers.last_endings, "f", after=0.0, most=20) == []


# --- outputs


def writer(run="r1", **fields):
    return Writer(**{"run_id": run, "function": "f", "hops": 2, "at": 5.0, **fields})


def test_the_last_writer_of_a_path_is_its_cause(store):
    store.write(outputs.note, ["/in/a", "/in/b"], writer())
    store.write(outputs.note, ["/in/b"], writer("r3", function="g", hops=3))
    store.write(outputs.note, [], writer("r4"))
    assert store.read(outputs.writers, ["/in/a", "/in/b", "/in/c"]) == {
        "/in/a": writer(),
        "/in/b": writer("r3", function="g", hops=3),
    }


def test_a_path_that_is_no_text_is_found_again(store):
    store.write(outputs.note, ["/in/\udcff"], writer())
    assert list(store.read(outputs.writers, ["/in/\udcff"])) == ["/in/\udcff"]
