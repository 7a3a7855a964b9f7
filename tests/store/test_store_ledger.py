"""The ledger: every event that was admitted stands in it once (G9)."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jupyter_fn.model.event import BY_HAND, NewEvent
from jupyter_fn.model.ids import new_id
from jupyter_fn.model.run import Attempt, Reason, Run, State, Usage
from jupyter_fn.policy.batching import compose
from jupyter_fn.store import batches, events, ledger, runs
from jupyter_fn.store.runs import Change


def test_events_are_counted_by_trigger_and_state(store):
    store.listen("t", "u")
    one, two, _ = store.admit("a", "b", "c")
    store.admit("a", trigger="u")
    store.end(store.claim(one))
    store.claim(two)
    store.write(events.invoke, "f", {}, make_run=store.run_of, now=1.0)
    assert store.read(ledger.trigger_counts, "f") == {
        BY_HAND: {"queued": 1},
        "t": {"queued": 1, "running": 1, "succeeded": 1},
        "u": {"queued": 1},
    }
    assert store.read(ledger.admitted_counts, "f") == {BY_HAND: 1, "t": 3, "u": 1}


def test_a_redriven_event_counts_once_in_the_state_of_its_newest_run(store):
    one, two = store.admit("a", "b")
    for run in (one, two):
        store.end(store.claim(run), State.DEAD)
    store.write(runs.insert_all, [one.replace(id="again", parent=one.id)])
    assert store.read(ledger.trigger_counts, "f") == {"t": {"dead": 1, "queued": 1}}
    store.write(runs.insert_all, [one.replace(id="and again", parent="again", state=State.CANCELLED)])
    assert store.read(ledger.trigger_counts, "f") == {"t": {"cancelled": 1, "dead": 1}}


def test_a_batch_counts_by_its_items_and_a_split_one_by_those_of_its_parts(store):
    store.listen("t")
    event, run = store.write(
        events.admit, "t", "f", store.new("a", size=10), position=1, make_run=store.run_of_batch, now=1.0
    )[0]
    assert (event.size, run.batch_size) == (10, 10)
    assert store.read(ledger.trigger_counts, "f") == {"t": {"queued": 10}}
    halves = [run.replace(id=f"half {n}", parent=run.id, batch_size=5) for n in range(2)]
    held = store.claim(run)
    split = Change(before=held, after=held.replace(state=State.SPLIT, ended=2.0), children=tuple(halves))
    store.write(runs.apply, [split], 2.0)
    assert store.read(ledger.trigger_counts, "f") == {"t": {"queued": 10}}
    store.end(store.claim(store.read(runs.get, "half 0")))
    assert store.read(ledger.trigger_counts, "f") == {"t": {"queued": 5, "succeeded": 5}}
    assert store.read(ledger.admitted_counts, "f") == {"t": 10}


def test_what_was_superseded_has_its_own_count(store):
    store.listen("t")
    one, _ = store.admit("a", "b")
    store.change(one, state=State.SKIPPED, reason=Reason.SUPERSEDED, ended=2.0)
    assert store.read(ledger.trigger_counts, "f") == {"t": {"queued": 1, "superseded": 1}}


def test_replays_do_not_count_and_neither_does_what_becomes_of_them(store):
    store.listen("t")
    (one,) = store.admit("a")
    store.end(store.claim(one))
    replay = one.replace(id="replay", parent=one.id, replay="r1", batch_size=1)
    store.write(runs.insert_all, [replay, replay.replace(id="its redrive", parent="replay", state=State.DEAD)])
    assert store.read(ledger.trigger_counts, "f") == {"t": {"succeeded": 1}}


def test_what_gathers_counts_and_then_its_batch_does(store):
    store.listen("t", "u")
    gather(store, "a", "b", "c")
    assert store.read(ledger.trigger_counts, "f") == {"t": {"gathering": 3}}
    assert store.read(ledger.gathering_counts, "f") == {"t": 3}
    waiting = store.read(batches.gathering, "t")
    store.write(batches.bind, compose(waiting[:2]), waiting[:2], make_run=store.run_of_batch, now=2.0)
    assert store.read(ledger.trigger_counts, "f") == {"t": {"gathering": 1, "queued": 2}}
    assert store.read(ledger.admitted_counts, "f") == {"t": 3}


def test_an_unknown_function_has_no_ledger(store):
    assert store.read(ledger.trigger_counts, "unknown") == {}
    assert store.read(ledger.admitted_counts, "unknown") == {}


def gather(store, *keys, **fields):
    new = store.new(*keys, **fields)
    return store.write(batches.gather, "t", "f", new, position=list(keys), make_run=store.run_of, now=1.0)


def balanced(conn):
    counts = ledger.trigger_counts(conn, "f")
    return ledger.admitted_counts(conn, "f") == {trigger: sum(states.values()) for trigger, states in counts.items()}


NEXT = {
    State.QUEUED: (State.CLAIMED, State.CANCELLED),
    State.WAITING: (State.CLAIMED, State.CANCELLED),
    State.CLAIMED: (State.RUNNING, State.QUEUED, State.WAITING, State.SUCCEEDED, State.DEAD),
    State.RUNNING: (State.PUBLISHING, State.WAITING, State.SUCCEEDED, State.DEAD, State.QUEUED),
    State.PUBLISHING: (State.SUCCEEDED, State.WAITING),
}


class Life(RuleBasedStateMachine):
    """Anything may happen in any order, some of it from stale knowledge; afterwards every event stands there once."""

    store = None  # set by the test

    def __init__(self):
        super().__init__()
        self.known = []  # every run as it was ever seen, stale ones too
        self.prefix = new_id()
        self.keys = set()

    def write(self, op, *args, **kwargs):
        return self.store.write(op, *args, **kwargs)

    @rule(keys=st.lists(st.integers(0, 30), max_size=6), skip=st.booleans())
    def admit(self, keys, skip):
        new = [
            NewEvent(key=f"{self.prefix}{k}", type="x", source="s", time=1.0, data={}, skip="skip" if skip else "")
            for k in keys
        ]
        made = self.write(events.admit, "t", "f", new, position=keys, make_run=self.store.run_of, now=1.0)
        fresh = {f"{self.prefix}{k}" for k in keys} - self.keys
        assert {event.key for event, _ in made} == fresh
        self.keys |= fresh
        self.known += [run for _, run in made]

    @rule(data=st.data())
    def step(self, data):
        if not self.known:
            return
        picked = data.draw(st.lists(st.sampled_from(self.known), min_size=1, max_size=4))
        changes = [self.change(run, data) for run in picked if run.state in NEXT]
        there = {change.before.id: self.store.read(runs.get, change.before.id) for change in changes}
        for change, won in zip(changes, self.write(runs.apply, changes, 2.0), strict=True):
            here = there[change.before.id]
            assert won == ((here.state, here.token) == (change.before.state, change.before.token))
            if won:
                there[change.before.id] = change.after
                self.known.append(change.after)

    def change(self, run: Run, data) -> Change:
        state = data.draw(st.sampled_from(NEXT[run.state]))
        claims = {"token": run.token + 1, "attempts": run.attempts + 1} if state is State.CLAIMED else {}
        ends = run.state in (State.CLAIMED, State.RUNNING) and state not in (State.RUNNING, State.QUEUED)
        attempt = Attempt(
            run_id=run.id, number=run.attempts, token=run.token, worker="w", started=1.0, ended=2.0, state="failed",
            usage=Usage(), billed_ms=1,
        )  # fmt: skip
        return Change(before=run, after=run.replace(state=state, **claims), attempt=attempt if ends else None)

    @rule(data=st.data())
    def redrive(self, data):
        dead = [run for run in self.known if run.state is State.DEAD and not self.store.read(runs.children_of, run.id)]
        if dead:
            run = data.draw(st.sampled_from(dead))
            fresh = run.replace(id=new_id(), parent=run.id, state=State.QUEUED, token=0, attempts=0)
            self.known += self.write(runs.insert_all, [fresh])

    @invariant()
    def admitted_is_the_sum_of_the_states(self):
        assert self.store.read(balanced)


def test_whatever_happens_admitted_is_the_sum_of_the_states(store):
    machine = type("LifeInThisStore", (Life,), {"store": store})
    test = machine.TestCase
    test.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
    test("runTest").runTest()
