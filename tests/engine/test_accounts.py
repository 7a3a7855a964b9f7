"""Whatever becomes of batches, every item that was admitted stands in the ledger once (G9). Histories are drawn from
seeds: a failing one is done again by its number."""

import random
from collections import Counter
from itertools import count
from types import SimpleNamespace

import pytest

from jupyter_fn.engine.transitions import transit
from jupyter_fn.model.errors import BatchFailed, HandlerFailed, Throttled
from jupyter_fn.model.event import NewEvent
from jupyter_fn.model.ids import new_id
from jupyter_fn.model.run import Outcome, Run, State, Usage
from jupyter_fn.model.trigger import Trigger
from jupyter_fn.policy.audit import GATHERING, SUPERSEDED, audit
from jupyter_fn.policy.batching import compose
from jupyter_fn.policy.splitting import parts_of
from jupyter_fn.policy.stimuli import CancelRequested, Claimed, Ended, Lost
from jupyter_fn.policy.verdict import Rules
from jupyter_fn.store import batches, events, failures, ledger, runs, triggers
from jupyter_fn.store.database import Database

CATALOG = SimpleNamespace(of_run=lambda conn, run: SimpleNamespace(rules=Rules(retries=1)))
SEEDS, STEPS = 8, 150
ERRORS = {
    "fail": HandlerFailed("no", kind="ValueError"),
    "fail in part": BatchFailed("some"),
    "throttle": Throttled("later"),
}


def made(event):
    return Run(
        id=new_id(), function="f", version=1, alias="live", trigger="t", event_id=event.id, created=event.admitted,
        memory_mb=512, batch_size=event.size,
    )  # fmt: skip


class History:
    """Batches come whole or gather; attempts fail as a whole or in part; people cancel, redrive and replay."""

    def __init__(self, database, dice):
        self.database, self.dice = database, dice
        self.now = 1.0
        self.keys = count()
        trigger = Trigger(
            id="t", function="f", alias="live", uri="in/*", scheme="file", options={}, folder="/", target="in/*"
        )
        self.write(triggers.replace, "f", "live", [trigger])

    def write(self, op, *args, **kwargs):
        return self.database.write(lambda conn: op(conn, *args, **kwargs))

    def read(self, question, *args, **kwargs):
        return self.database.read(lambda conn: question(conn, *args, **kwargs))

    def runs(self):
        return self.read(runs.list_runs, "f", last=100_000)

    def new(self, **fields):
        return NewEvent(key=str(next(self.keys)), type="file.created", source="s", time=1.0, data={}, **fields)

    # --- what happens

    def step(self):
        often = (*[self.attempt] * 12, *[self.redrive] * 2)
        self.dice.choice((*often, self.admit, self.gather, self.close, self.supersede, self.cancel, self.replay))()

    def admit(self):
        new = [self.new(size=self.dice.randint(1, 20), skip=self.dice.choice(["", "", "Filtered"]))]
        self.write(events.admit, "t", "f", new, position=1, make_run=made, now=self.now)

    def gather(self):
        new = [self.new() for _ in range(self.dice.randint(1, 12))]
        self.write(batches.gather, "t", "f", new, position=1, make_run=made, now=self.now)

    def close(self):
        members = self.read(batches.gathering, "t")[: self.dice.randint(1, 12)]
        if members:
            self.write(batches.bind, compose(members), members, make_run=made, now=self.now)

    def supersede(self):
        waiting = self.read(batches.gathering, "t")
        if waiting:
            self.write(batches.release, [self.dice.choice(waiting)], make_run=made, skip="Superseded")

    def attempt(self):
        run = self.any_of(run for run in self.runs() if not run.state.terminal)
        if run is not None:
            self.now += 10_000  # its retry is due, whatever the backoff
            self.tell(run, Claimed("w"))
            held = self.read(runs.get, run.id)
            self.tell(held, Lost("w") if self.dice.random() < 0.1 else Ended(self.outcome(held)))

    def outcome(self, run):
        what = self.dice.choice(["fail", "fail", "fail in part", "fail in part", "succeed", "throttle"])
        error = ERRORS[what].to_dict() if what in ERRORS else None
        places = ()
        if what == "fail in part" and run.batch_size > 1:
            places = sorted(self.dice.sample(range(run.batch_size), self.dice.randint(1, run.batch_size - 1)))
        return Outcome(
            run_id=run.id, token=run.token, started=1.0, ended=2.0, usage=Usage(), error=error, failed=tuple(places)
        )

    def cancel(self):
        run = self.any_of(run for run in self.runs() if not run.state.terminal)
        if run is not None:
            self.tell(run, CancelRequested())

    def redrive(self):
        dead = self.any_of(self.read(failures.failures, "f"))
        if dead is not None:
            kept = {name: getattr(dead, name) for name in ("parts", "batch_size", "replay")}
            self.again(dead, **kept)

    def replay(self):
        ended = self.any_of(run for run in self.runs() if run.state is State.SUCCEEDED)
        if ended is not None:
            self.again(ended, replay=new_id())

    def again(self, before, **fields):
        event = self.read(events.get, before.event_id)
        self.write(runs.insert_all, [made(event).replace(parent=before.id, **fields)])

    def any_of(self, found):
        there = sorted(found, key=lambda run: run.seq)
        return self.dice.choice(there) if there else None

    def tell(self, run, stimulus):
        self.write(transit, CATALOG, [(run.id, stimulus)], self.now, known={})

    # --- what holds

    def check(self):
        admitted = self.read(ledger.admitted_counts, "f").get("t", 0)
        states = self.read(ledger.trigger_counts, "f").get("t", {})
        assert audit(admitted, states)["balanced"], states
        there = [run for run in self.runs() if not run.replay]
        continued = {run.parent for run in there}
        last = [run for run in there if run.id not in continued]
        items = Counter((run.event_id, place) for run in last for part in parts_of(run) for place in range(*part))
        waiting = len(self.read(batches.gathering, "t"))
        assert set(items.values()) <= {1}
        assert len(items) + waiting == admitted
        counted = Counter({GATHERING: waiting} if waiting else {})
        for run in last:
            counted[SUPERSEDED if run.reason == "Superseded" else run.state.shown] += run.batch_size
        assert counted == states


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_every_item_is_counted_once(tmp_path, seed):
    database = Database.open(tmp_path / "store.db", synchronous="normal")
    history = History(database, random.Random(seed))
    for _ in range(STEPS):
        history.step()
        history.check()
    database.close()
