"""Killed at any moment: what was acknowledged is there, and nothing is there twice (G1, G2)."""

import random
import subprocess
import sys

from sqlalchemy import select

from jupyter_fn.model.run import State
from jupyter_fn.store import ledger, triggers
from jupyter_fn.store.database import Database
from jupyter_fn.store.schema import attempts, events, finishes, runs

KILLS = 20

WORKER = r"""
import sys
from jupyter_fn.model.event import NewEvent
from jupyter_fn.model.ids import new_id
from jupyter_fn.model.run import Attempt, Run, State, Usage
from jupyter_fn.store import events, queue, runs, triggers
from jupyter_fn.store.database import Database
from jupyter_fn.store.runs import Change

database = Database.open(sys.argv[1], inline_bytes=200)
position = database.read(lambda conn: triggers.get(conn, "t").position) or 0


def run_of(event):
    return Run(id=new_id(), function="f", version=1, alias="live", trigger="t", event_id=event.id, created=1.0,
               memory_mb=512)


def page(start):
    # every page repeats the half of the one before it
    new = [NewEvent(key=str(n), type="x", source="s", time=1.0, data={"n": n}) for n in range(start - 5, start + 10) if n >= 0]
    return lambda conn: events.admit(conn, "t", "f", new, position=start + 10, make_run=run_of, now=1.0)


def work(conn):
    changes = []
    for run in queue.claimable(conn, 2.0, 7):
        held = run.replace(state=State.CLAIMED, token=run.token + 1, attempts=run.attempts + 1)
        attempt = Attempt(run_id=run.id, number=1, token=1, worker="w", started=1.0, ended=2.0, state="succeeded",
                          usage=Usage(), billed_ms=1)
        done = held.replace(state=State.SUCCEEDED, result="x" * 300)
        changes += [Change(before=run, after=held), Change(before=held, after=done, attempt=attempt)]
    assert all(runs.apply(conn, changes, 2.0))
    return [change.after.id for change in changes[1::2]]


while True:
    admitted, done = database.submit(page(position)), database.submit(work)
    for event, run in admitted.result():
        print("admitted", event.key, flush=True)
    for run_id in done.result():
        print("done", run_id, flush=True)
    position += 10
"""


def live_until_killed(where: str, lines: int) -> list[list[str]]:
    """What the process had acknowledged when it was killed, after about so many lines."""
    process = subprocess.Popen([sys.executable, "-c", WORKER, where], stdout=subprocess.PIPE, text=True)
    said = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    rest, _ = process.communicate()
    return [line.split() for line in [*said, *rest.splitlines(keepends=True)] if line.endswith("\n")]


def test_nothing_acknowledged_is_missing_and_nothing_is_there_twice(store, where):
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    store.database.close()
    said = []
    for _ in range(KILLS):
        said += live_until_killed(where, chance.randrange(1, 60))
        with Database.open(where) as database:
            check(database, said, f"seed {seed}")


def check(database: Database, said: list[list[str]], seed: str) -> None:
    keys = list(database.read(lambda conn: conn.execute(select(events.c.key)).scalars().all()))
    assert len(keys) == len(set(keys)), seed
    assert {line[1] for line in said if line[0] == "admitted"} <= set(keys), seed
    position = database.read(lambda conn: triggers.get(conn, "t").position)
    assert set(keys) == {str(n) for n in range(position)}, seed
    rows = database.read(lambda conn: conn.execute(select(runs.c.seq, runs.c.id, runs.c.event_id, runs.c.state)).all())
    assert len({row.event_id for row in rows}) == len(rows) == len(keys), seed
    done = [row for row in rows if row.state == State.SUCCEEDED]
    assert {line[1] for line in said if line[0] == "done"} <= {row.id for row in done}, seed
    for table in (attempts, finishes):
        ended = database.read(lambda conn, table=table: conn.execute(select(table.c.run)).scalars().all())
        assert sorted(ended) == sorted(row.seq for row in done), seed
    counts = database.read(lambda conn: ledger.trigger_counts(conn, "f"))
    assert sum(counts["t"].values()) == len(keys), seed
