"""Runs: the queue, the compare-and-set, the history."""

import dataclasses

import pytest
from sqlalchemy import select

from jupyter_fn.model.errors import BadValue, NotFound
from jupyter_fn.model.run import Attempt, Record, Run, Staged, State, Usage
from jupyter_fn.store import attempts, finishes, functions, queue, records, runs
from jupyter_fn.store.runs import Change
from jupyter_fn.store.schema import runs as table


def apply(store, *changes, now=20.0):
    return store.write(runs.apply, list(changes), now)


def claiming(run, worker="w1"):
    fields = {"state": State.CLAIMED, "token": run.token + 1, "attempts": run.attempts + 1, "worker": worker}
    return Change(before=run, after=run.replace(**fields))


# --- as stored ---


def test_every_field_of_a_run_has_its_column():
    assert {field.name for field in dataclasses.fields(Run)} == set(table.c.keys())


def test_a_run_comes_back_with_every_field(store):
    (run,) = store.admit("a")
    full = {
        "state": State.PUBLISHING,
        "reason": "why",
        "token": 3,
        "attempts": 4,
        "lost": 1,
        "interrupted": 1,
        "due": 1.5,
        "priority": 2,
        "worker": "w",
        "started": 11.25,
        "ended": 12.5,
        "duration_ms": 0.1,
        "billed_ms": 2**40,
        "init_ms": 0.2,
        "cpu_ms": 0.3,
        "bytes_read": 2**50,
        "bytes_written": 1,
        "max_memory_mb": 77,
        "cold": True,
        "price_book": "free",
        "cost_usd": "0.000000000000000000001",
        "error": {"type": "KeyError", "message": "ü\nx"},
        "result": {"rows": [1, None, {"a": 0.1}]},
        "staged": (Staged(staged="a", target="b", size=3),),
        "emitted": (Record(topic="t", value={"v": 1}, key="k"),),
        "cancel_requested": True,
        "version": 9,
        "memory_mb": 64,
    }
    changed = run.replace(**full)
    assert {name for name in full if getattr(run, name) == getattr(changed, name)} == set()
    assert apply(store, Change(before=run, after=changed)) == [True]
    assert store.read(runs.get, run.id) == changed


def test_a_run_that_is_inserted_comes_back_with_every_field(store):
    fields = {
        "parent": "p",
        "hops": 2,
        "batch_size": 7,
        "priority": 2,
        "due": 3.0,
        "result": [1],
        "error": {"type": "E"},
    }
    (run,) = store.admit("a", **fields)
    assert store.read(runs.get, run.id) == run
    assert run.parent == "p"


def test_a_large_result_is_kept_whole(store):
    (run,) = store.admit("a")
    ended = store.end(store.claim(run), result={"text": "x" * 400_000})
    assert len(ended.result["text"]) == 400_000
    assert not any(
        "x" * 1000 in text for text in store.read(lambda conn: conn.execute(select(table.c.result)).scalars())
    )


def test_an_unknown_run_is_not_found(store):
    with pytest.raises(NotFound, match="no run 'nothing'"):
        store.read(runs.get, "nothing")


# --- the queue ---


def test_the_queue_is_by_priority_then_by_age(store):
    late = store.admit("late", priority=2)
    early = store.admit("a", "b")
    assert [run.id for run in store.claimable()] == [run.id for run in (*early, *late)]
    assert [run.id for run in store.claimable(limit=1)] == [early[0].id]


def test_a_waiting_run_is_claimable_when_it_is_due_and_not_before(store):
    (run,) = store.admit("a")
    waiting = store.change(run, state=State.WAITING, due=50.0)
    assert store.claimable(now=49.9) == []
    assert store.claimable(now=50.0) == [waiting]


def test_a_queued_run_is_not_claimable_before_it_is_due(store):
    store.admit("a", due=50.0)
    assert store.claimable(now=49.9) == []
    assert len(store.claimable(now=50.0)) == 1


def test_queued_and_ripe_runs_of_all_functions_stand_in_one_order(store):
    store.publish("g")
    store.listen("tg", name="g")
    first, second = store.admit("a", "b")
    (other,) = store.admit("a", name="g", trigger="tg")
    (third,) = store.admit("c")
    ripe = store.change(second, state=State.WAITING, due=1.0)
    assert [run.id for run in store.claimable()] == [first.id, ripe.id, other.id, third.id]
    assert [run.id for run in store.claimable(exclude=["f"])] == [other.id]


def test_runs_of_paused_and_of_removed_functions_are_kept_and_not_claimable(store):
    (run,) = store.admit("a")
    store.write(functions.set_state, "f", "paused")
    assert store.claimable() == []
    store.write(functions.set_state, "f", "active")
    assert store.claimable() == [run]
    store.write(functions.remove, "f")
    assert store.claimable() == []


def test_held_and_ended_runs_are_not_claimable(store):
    one, two, three = store.admit("a", "b", "c")
    store.claim(one)
    store.end(store.claim(two))
    assert store.claimable() == [three]


def test_the_next_due_time_is_that_of_a_waiting_run_of_an_active_function(store):
    assert store.read(queue.next_due, 0.0) is None
    one, two, _ = store.admit("a", "b", "c")
    store.change(one, state=State.WAITING, due=50.0)
    store.change(two, state=State.WAITING, due=40.0)
    assert [store.read(queue.next_due, now) for now in (39.0, 40.0, 50.0)] == [40.0, 50.0, None]
    store.write(functions.set_state, "f", "paused")
    assert store.read(queue.next_due, 0.0) is None


def test_what_workers_hold_is_counted_from_the_runs(store):
    one, two, three, _ = store.admit("a", "b", "c", "d")
    one, two, three = store.claim(one), store.claim(two, "w2"), store.claim(three)
    one = store.change(one, state=State.RUNNING)
    three = store.change(three, state=State.PUBLISHING)
    assert store.read(queue.held_counts) == {"f": 3}
    assert {run.id for run in store.read(queue.held_by_worker, "w1")} == {one.id, three.id}
    assert store.read(queue.unfinished) == [one, two, three]
    store.end(one)
    assert store.read(queue.held_counts) == {"f": 2}


# --- transitions ---


def test_a_transition_from_the_stored_state_and_token_is_made(store):
    (run,) = store.admit("a")
    change = claiming(run)
    assert apply(store, change) == [True]
    assert store.read(runs.get, run.id) == change.after


def test_of_two_claims_the_second_is_fenced(store):
    (run,) = store.admit("a")
    assert apply(store, claiming(run, "w1")) == [True]
    assert apply(store, claiming(run, "w2")) == [False]
    assert store.read(runs.get, run.id).worker == "w1"


def test_within_one_call_too_the_first_wins(store):
    (run,) = store.admit("a")
    assert apply(store, claiming(run, "w1"), claiming(run, "w2")) == [True, False]
    assert store.read(runs.get, run.id).worker == "w1"


def test_steps_of_one_run_may_follow_each_other_in_one_call(store):
    (run,) = store.admit("a")
    claim = claiming(run)
    start = Change(before=claim.after, after=claim.after.replace(state=State.RUNNING, started=3.0))
    end = store.ending(start.after, State.SUCCEEDED, result=5)
    assert apply(store, claim, start, end) == [True, True, True]
    assert store.read(runs.get, run.id) == end.after


def test_an_outcome_of_an_older_token_is_fenced_with_all_that_it_brings(store):
    (run,) = store.admit("a")
    old = store.claim(run)
    queued = store.change(old, state=State.QUEUED, worker="")
    store.claim(queued, "w2")
    late = store.ending(old, State.SUCCEEDED, result="late", records=(Record(topic="t", value=1),), log="late")
    assert apply(store, late) == [False]
    stored = store.read(runs.get, run.id)
    assert (stored.worker, stored.result, stored.state) == ("w2", None, State.CLAIMED)
    assert store.read(attempts.attempts_of, run.id) == []
    assert store.read(records.last, "t") == 0
    assert store.read(finishes.last_finish_seq) == 0
    assert store.read(attempts.log_of, run.id) == ""


def test_terminal_is_final(store):
    (run,) = store.admit("a")
    ended = store.end(store.claim(run))
    assert apply(store, Change(before=ended, after=ended.replace(state=State.QUEUED))) == [False]
    assert apply(store, Change(before=ended, after=ended.replace(result="other"))) == [False]
    assert store.read(runs.get, run.id) == ended


def test_an_unknown_run_is_fenced(store):
    (run,) = store.admit("a")
    assert apply(store, claiming(run.replace(id="never stored"))) == [False]


def test_only_what_differs_is_written_so_a_wish_to_cancel_is_not_lost(store):
    (run,) = store.admit("a")
    held = store.claim(run)
    store.change(held, cancel_requested=True)
    store.change(held, state=State.RUNNING)  # made from what was known before the wish
    stored = store.read(runs.get, run.id)
    assert (stored.state, stored.cancel_requested) == (State.RUNNING, True)


def test_many_different_changes_go_together(store):
    made = store.admit(*(f"k{n}" for n in range(60)))
    held = [store_change.after for store_change in map(claiming, made)]
    assert all(apply(store, *map(claiming, made)))
    changes = [
        Change(before=run, after=run.replace(state=State.RUNNING, started=1.0))
        if n % 3
        else store.ending(run, State.DEAD)
        for n, run in enumerate(held)
    ]
    assert all(apply(store, *changes))
    assert store.read(runs.get_all, [run.id for run in made]) == {change.after.id: change.after for change in changes}


def test_no_changes_are_no_changes(store):
    assert apply(store) == []


# --- what comes with a transition ---


def test_an_attempt_is_appended_with_its_run(store):
    (run,) = store.admit("a")
    held = store.claim(run)
    change = store.ending(held, State.WAITING, due=40.0)
    failed = dataclasses.replace(change.attempt, error={"type": "KeyError", "message": "x"})
    assert apply(store, dataclasses.replace(change, attempt=failed)) == [True]
    store.end(store.claim(change.after))
    first, second = store.read(attempts.attempts_of, run.id)
    assert first == failed
    assert (second.number, second.token, second.state, second.usage.cold) == (2, 2, "succeeded", True)


def test_records_carry_the_run_that_emitted_them(store):
    (run,) = store.admit("a", hops=4)
    emitted = (Record(topic="t", value={"n": 1}, key="k"), Record(topic="u", value=2))
    store.end(store.claim(run), now=33.0, records=emitted)
    (record,) = store.read(records.read, "t", after=0, limit=10)
    assert (record.key, record.value, record.cause, record.hops, record.timestamp) == ("k", {"n": 1}, run.id, 4, 33.0)


def test_the_log_comes_with_the_attempt_that_printed_it(store):
    (run,) = store.admit("a")
    waiting = store.end(store.claim(run), State.WAITING, log="first\n")
    store.end(store.claim(waiting), log="second\n" + "x" * 100_000)
    assert store.read(attempts.log_of, run.id, 1) == "first\n"
    assert store.read(attempts.log_of, run.id).startswith("first\nsecond\nxxx")
    store.write(attempts.save_log, run.id, 1, "replaced\n")
    assert store.read(attempts.log_of, run.id, 1) == "replaced\n"


def test_finished_runs_stand_in_commit_order_for_those_who_follow(store):
    one, two, three, four = store.admit("a", "b", "c", "d", hops=2)
    store.end(store.claim(two), result={"n": 2})
    store.end(store.claim(one), result={"n": 1})
    store.end(store.claim(three), State.DEAD, error={"type": "E"})
    store.end(store.claim(four), State.CANCELLED)
    good = store.read(finishes.finished_since, "f", failed=False, after=0, limit=10)
    assert [(finish.run_id, finish.result, finish.hops) for finish in good] == [
        (two.id, {"n": 2}, 2),
        (one.id, {"n": 1}, 2),
    ]
    (bad,) = store.read(finishes.finished_since, "f", failed=True, after=0, limit=10)
    assert (bad.run_id, bad.error, bad.ended) == (three.id, {"type": "E"}, 30.0)
    assert store.read(finishes.last_finish_seq) > bad.seq
    assert store.read(finishes.finished_since, "f", failed=False, after=good[0].seq, limit=10) == [good[1]]
    assert len(store.read(finishes.finished_since, "f", failed=False, after=0, limit=1)) == 1


# --- the history ---


def test_runs_are_listed_newest_first(store):
    one, two, three = store.admit("a", "b", "c")
    assert [run.id for run in store.read(runs.list_runs)] == [three.id, two.id, one.id]
    assert [run.id for run in store.read(runs.list_runs, last=2)] == [three.id, two.id]


def test_runs_are_listed_by_function_trigger_and_state(store):
    store.publish("g")
    store.listen("t", "u")
    store.listen("tg", name="g")
    one, two = store.admit("a", "b")
    (three,) = store.admit("a", trigger="u")
    (four,) = store.admit("a", name="g", trigger="tg")
    store.claim(two)
    store.change(store.claim(three), state=State.RUNNING)
    store.end(store.claim(four))

    def listed(*args, **kwargs):
        return [run.id for run in store.read(runs.list_runs, *args, **kwargs)]

    assert listed("f") == [three.id, two.id, one.id]
    assert listed("f", "running") == listed(None, "running") == [three.id, two.id]
    assert listed(None, "queued") == listed("f", "queued") == [one.id]
    assert listed(trigger="u") == listed("f", trigger="u") == [three.id]
    assert listed(trigger="t", state="running") == [two.id]
    assert listed(None, "succeeded") == listed("g") == [four.id]
    assert listed("unknown") == listed(trigger="unknown") == listed("f", "dead") == []


def test_an_unknown_state_names_the_nearest(store):
    with pytest.raises(BadValue) as wrong:
        store.read(runs.list_runs, "f", "succeded")
    assert "'succeeded'" in wrong.value.remedy


def test_runs_are_counted_by_the_state_that_is_shown(store):
    one, two, _ = store.admit("a", "b", "c")
    store.change(store.claim(one), state=State.RUNNING)
    store.claim(two)
    assert store.read(runs.counts_by_state, "f") == {"queued": 1, "running": 2}
    assert store.read(runs.counts_by_state, "unknown") == {}
    assert store.read(runs.all_counts) == {"f": {"queued": 1, "running": 2}}


def test_redrives_are_found_by_their_parent_and_by_their_event(store):
    (run,) = store.admit("a")
    dead = store.end(store.claim(run), State.DEAD)
    (child,) = store.write(runs.insert_all, [run.replace(id="child", parent=dead.id)])
    assert child.seq > run.seq
    assert store.read(runs.children_of, run.id) == [child]
    assert store.read(runs.children_of, "") == []
    assert store.read(runs.of_event, run.event_id) == [dead, child]


def test_mean_durations_are_of_recent_successes_by_version(store):
    one, two, three = store.admit("a", "b", "c")
    store.end(store.claim(one), billed_ms=100, now=30.0)
    store.end(store.claim(two), billed_ms=300, now=40.0)
    store.end(store.claim(three), State.DEAD, billed_ms=999, now=40.0)
    assert store.read(attempts.mean_durations, 0.0) == {("f", 1): 199.5}
    assert store.read(attempts.mean_durations, 30.0) == {("f", 1): 299.5}


def test_a_token_has_one_attempt(store):
    (run,) = store.admit("a")
    attempt = Attempt(
        run_id=run.id, number=1, token=1, worker="w", started=1.0, ended=2.0, state="failed", usage=Usage(), billed_ms=1
    )
    apply(store, Change(before=run, after=run, attempt=attempt))
    with pytest.raises(Exception, match=r"(?i)unique"):
        apply(store, Change(before=run, after=run, attempt=attempt))
