"""Every question to a store with a long history is answered by an index; none walks over all runs or events."""

import re

import pytest
from sqlalchemy import event

from jupyter_fn.policy.again import Selection
from jupyter_fn.store import (
    attempts,
    batches,
    breakers,
    deliveries,
    events,
    failures,
    finishes,
    ledger,
    outputs,
    past,
    queue,
    records,
    runs,
    waiting,
)

QUESTIONS = {
    "claimable": lambda conn: queue.claimable(conn, 1.0, 10, exclude=["g"]),
    "next_due": lambda conn: queue.next_due(conn, 1.0),
    "held_counts": queue.held_counts,
    "held_for_triggers": lambda conn: queue.held_for_triggers(conn, ["f", "g"]),
    "held_by_worker": lambda conn: queue.held_by_worker(conn, "w"),
    "unfinished": queue.unfinished,
    "newest of a function": lambda conn: runs.list_runs(conn, "f"),
    "newest in a state": lambda conn: runs.list_runs(conn, state="dead"),
    "newest of a function in a state": lambda conn: runs.list_runs(conn, "f", "running", trigger="t"),
    "newest of a trigger": lambda conn: runs.list_runs(conn, trigger="t"),
    "of a replay": lambda conn: runs.list_runs(conn, "f", replay="x"),
    "failures": lambda conn: failures.failures(conn, "f"),
    "failures by id": lambda conn: failures.among(conn, ["r", "s"]),
    "past events": lambda conn: past.chosen(conn, "f", Selection(failed=True, trigger="t")),
    "all past events": lambda conn: past.chosen(conn, "f", Selection()),
    "newest runs": lambda conn: past.newest_runs(conn, ["e", "g"]),
    "missing": lambda conn: past.missing(conn, "t", []),
    "counts": lambda conn: runs.counts_by_state(conn, "f"),
    "children": lambda conn: runs.children_of(conn, "r"),
    "of an event": lambda conn: runs.of_event(conn, "e"),
    "by id": lambda conn: runs.get_all(conn, ["r", "s"]),
    "ledger": lambda conn: ledger.trigger_counts(conn, "f"),
    "gathering counts": lambda conn: ledger.gathering_counts(conn, "f"),
    "gathering": lambda conn: batches.gathering(conn, "t"),
    "admitted": lambda conn: ledger.admitted_counts(conn, "f"),
    "finished": lambda conn: finishes.finished_since(conn, "f", failed=True, after=5, limit=10),
    "last finish": finishes.last_finish_seq,
    "attempts": lambda conn: attempts.attempts_of(conn, "r"),
    "durations": lambda conn: attempts.mean_durations(conn, 1.0),
    "known keys": lambda conn: events.keys_of(conn, "t", ["a", "b"]),
    "by key": lambda conn: events.by_key(conn, "t", "a"),
    "events by id": lambda conn: events.get_all(conn, ["a", "b"]),
    "records": lambda conn: records.read(conn, "topic", after=3, limit=10),
    "last record": lambda conn: records.last(conn, "topic"),
    "deliveries due": lambda conn: deliveries.due(conn, 1.0, 10, besides=["s3://bucket"]),
    "next delivery": lambda conn: deliveries.next_due(conn, 1.0),
    "deliveries of a run": lambda conn: deliveries.of_run(conn, "r"),
    "dead deliveries": lambda conn: deliveries.dead_count(conn, "f"),
    "too old": lambda conn: waiting.older(conn, "f", 1, 5.0, most=10),
    "oldest": lambda conn: waiting.oldest(conn, "f", {1: 60.0}),
    "waiting": lambda conn: waiting.of_function(conn, "f", most=10),
    "last endings": lambda conn: breakers.last_endings(conn, "f", after=1.0, most=20),
    "writers": lambda conn: outputs.writers(conn, ["/a", "/b"]),
}
# Tables that grow with every event; the partial index `runs_held` holds only what workers hold now.
GROWING = "runs|events|attempts|finishes|records|deliveries|outputs"
ALIASES = "found|one|queue|waiting|child|newer|last|open|newest|failed|other"
WALK = re.compile(rf"SCAN ({GROWING}|{ALIASES})\b(?!.*runs_held)")


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_walks_over_the_history(store, question):
    asked = []
    engine = store.read(lambda conn: conn.engine)

    def note(conn, cursor, statement, parameters, context, many):
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    store.database.read(QUESTIONS[question])
    event.remove(engine, "before_cursor_execute", note)
    for statement, parameters in asked[1:]:  # after BEGIN
        plan = store.read(
            lambda conn, s=statement, p=parameters: conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).all()
        )
        assert [step[3] for step in plan if WALK.match(step[3])] == []
