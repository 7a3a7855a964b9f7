"""Every question to a store with a long history is answered by an index; none walks over all runs or events."""

import re

import pytest
from sqlalchemy import BigInteger, Double, event, text

from jupyter_fn.model.event import NewEvent
from jupyter_fn.policy.again import Selection
from jupyter_fn.store import (
    attempts,
    batches,
    breakers,
    deliveries,
    events,
    failures,
    finishes,
    lanes,
    ledger,
    outputs,
    past,
    queue,
    records,
    runs,
    waiting,
)
from jupyter_fn.store.database import Database
from jupyter_fn.store.schema import metadata

QUESTIONS = {
    "claimable": lambda conn: queue.claimable(conn, 1.0, 10, exclude=["g"]),
    "next_due": lambda conn: queue.next_due(conn, 1.0),
    "waiting beyond": lambda conn: queue.waiting_beyond(conn, 1.0),
    "held_counts": queue.held_counts,
    "held_for_triggers": lambda conn: queue.held_for_triggers(conn, ["f", "g"]),
    "held_by_worker": lambda conn: queue.held_by_worker(conn, "w"),
    "unfinished": queue.unfinished,
    "startable": lambda conn: queue.startable_of(conn, ["e", "d"]),
    "newest of a function": lambda conn: runs.list_runs(conn, "f"),
    "newest in a state": lambda conn: runs.list_runs(conn, state="dead"),
    "newest of a function in a state": lambda conn: runs.list_runs(conn, "f", "running", trigger="t"),
    "newest of a trigger": lambda conn: runs.list_runs(conn, trigger="t"),
    "of a replay": lambda conn: runs.list_runs(conn, "f", replay="x"),
    "first of a lane": lambda conn: lanes.first_of(conn, "f", "a"),
    "failures": lambda conn: failures.failures(conn, "f"),
    "failures by id": lambda conn: failures.among(conn, ["r", "s"]),
    "past events": lambda conn: past.chosen(conn, "f", Selection(failed=True, trigger="t")),
    "all past events": lambda conn: past.chosen(conn, "f", Selection()),
    "newest runs": lambda conn: past.newest_runs(conn, ["e", "g"]),
    "missing": lambda conn: past.missing(conn, "t", [NewEvent(key="a", type="x", source="s", time=1.0, data={})]),
    "keys": lambda conn: past.keys(conn, "t"),
    "counts": lambda conn: runs.counts_by_state(conn, "f"),
    "children": lambda conn: runs.children_of(conn, "r"),
    "of an event": lambda conn: runs.of_event(conn, "e"),
    "by id": lambda conn: runs.get_all(conn, ["r", "s"]),
    "ledger": lambda conn: ledger.trigger_counts(conn, "f"),
    "gathering counts": lambda conn: ledger.gathering_counts(conn, "f"),
    "gathering length": lambda conn: batches.length(conn, "t"),
    "gathering": lambda conn: batches.gathering(conn, "t"),
    "admitted": lambda conn: ledger.admitted_counts(conn, "f"),
    "finished": lambda conn: finishes.finished_since(conn, "f", failed=True, after=5, limit=10),
    "last finish": finishes.last_finish_seq,
    "attempts": lambda conn: attempts.attempts_of(conn, "r"),
    "durations": lambda conn: attempts.mean_durations(conn, 1.0),
    "latest end": attempts.latest_end,
    "known keys": lambda conn: events.keys_of(conn, "t", ["a", "b"]),
    "by key": lambda conn: events.by_key(conn, "t", "a"),
    "events by id": lambda conn: events.get_all(conn, ["a", "b"]),
    "records": lambda conn: records.read(conn, "topic", after=3, limit=10),
    "last record": lambda conn: records.last(conn, "topic"),
    "deliveries due": lambda conn: deliveries.due(conn, 1.0, 10, besides=["s3://bucket"]),
    "deliveries beyond": lambda conn: deliveries.waiting_beyond(conn, 1.0),
    "next delivery": lambda conn: deliveries.next_due(conn, 1.0),
    "deliveries of a run": lambda conn: deliveries.of_run(conn, "r"),
    "dead deliveries": lambda conn: deliveries.dead_count(conn, "f"),
    "too old": lambda conn: waiting.older(conn, "f", 1, 5.0, most=10),
    "oldest": lambda conn: waiting.oldest(conn, "f", {1: 60.0}),
    "waiting": lambda conn: waiting.of_function(conn, "f", most=10),
    "last endings": lambda conn: breakers.last_endings(conn, "f", after=1.0, most=20),
    "writers": lambda conn: outputs.writers(conn, ["/a", "/b"]),
}
# Tables that grow with every event; the partial indices hold only what workers hold now, and what waits now.
GROWING = "runs|events|attempts|finishes|records|deliveries|outputs"
ALIASES = "found|one|queue|waiting|child|newer|last|open|newest|failed|other"
WALK = re.compile(rf"SCAN ({GROWING}|{ALIASES})\b(?!.*runs_(held|waiting))")


def asked(database, question):
    """The statements of a question, with their parameters."""
    engine, statements = database.read(lambda conn: conn.engine), []

    def note(conn, cursor, statement, parameters, context, many):
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    database.read(QUESTIONS[question])
    event.remove(engine, "before_cursor_execute", note)
    return [(statement, parameters) for statement, parameters in statements if not statement.startswith("BEGIN")]


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_walks_over_the_history(store, question):
    for statement, parameters in asked(store.database, question):
        plan = store.read(
            lambda conn, s=statement, p=parameters: conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).all()
        )
        assert [step[3] for step in plan if WALK.match(step[3])] == []


# --- PostgreSQL decides by what is there, so there has to be something

MANY = 30_000
LARGE = {"runs", "events", "attempts", "finishes", "records", "deliveries", "outputs"}
OF_NOW = {"runs_held", "runs_lanes", "runs_waiting", "events_gathering"}  # partial indices
VALUES = {  # SQL by column; `n` counts from 1, the last few are queued
    "seq": "n",
    "id": "'i' || n",
    "function": "'f' || n % 20",
    "trigger": "'t' || n % 20",
    "key": "'k' || n",
    "path": "'/p' || n",
    "event_id": "'i' || n",
    "run": "n",
    "run_id": "'i' || n",
    "token": "1",
    "topic": "'topic' || n % 20",
    "created": "n",
    "due": "n",
    "data": "'{}'",
    "parent": "CASE WHEN n % 50 = 0 THEN 'i' || n / 2 ELSE '' END",
}
STATES = {
    "runs": f"CASE WHEN n > {MANY - 50} THEN 'queued' WHEN n % 100 = 0 THEN 'dead' ELSE 'succeeded' END",
    "finishes": "CASE WHEN n % 100 = 0 THEN 'dead' ELSE 'succeeded' END",
    "deliveries": "CASE WHEN n % 100 = 0 THEN 'dead' ELSE 'done' END",
}


@pytest.fixture(scope="module")
def history(postgres):
    """A store with a past."""
    url = postgres.new_database()
    with Database.open(url, synchronous="normal") as database:
        for name in LARGE:
            columns = metadata.tables[name].columns
            values = ", ".join(value_of(name, column) for column in columns)
            names = ", ".join(f'"{column.name}"' for column in columns)
            filled = f"INSERT INTO {name} ({names}) SELECT {values} FROM generate_series(1, {MANY}) AS n"
            database.write(lambda conn, filled=filled: conn.execute(text(filled)))
        add = "INSERT INTO functions SELECT 'f' || n, 'active', 1, '{}', 1 FROM generate_series(0, 19) AS n"
        database.write(lambda conn: conn.execute(text(add)))
        postgres.execute("ANALYZE", url.rpartition("/")[2])
        yield database


def value_of(table, column):
    if column.name == "state":
        return STATES.get(table, "''")
    plain = "0" if isinstance(column.type, (BigInteger, Double)) else "''"
    return "NULL" if column.nullable else VALUES.get(column.name, plain)


def walks(node, first=False):
    """Steps of a plan that look at a whole table, or at a whole index of it; to take the first of an order is no walk."""
    first = node["Node Type"] == "Limit" or (first and node["Node Type"] == "Result")
    whole = node["Node Type"].endswith("Scan") and node["Node Type"] != "Bitmap Heap Scan" and "Index Cond" not in node
    if whole and node.get("Relation Name") in LARGE and node.get("Index Name") not in OF_NOW:
        yield from () if first and "Filter" not in node else (node,)
    for inner in node.get("Plans", ()):
        yield from walks(inner, first)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_walks_over_the_history_on_postgresql(history, question):
    for statement, parameters in asked(history, question):
        plan = history.read(
            lambda conn, s=statement, p=parameters: conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {s}", p).scalar()
        )
        assert list(walks(plan[0]["Plan"])) == [], statement
