"""Random histories: whatever is admitted, whatever happens to workers and services, in whatever order, the ledger holds.

A history is a list of decisions that hypothesis makes and shrinks; the engine, the store and the lifecycle are real.
"""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jupyter_fn.store import events

LIMIT = 2  # of "narrow"; "wide" has none
NAMES = ("narrow", "wide")
LONG = 5000.0  # ms; so that each run has a slot of its own
ACTS = ("invoke", "join", "lose", "succeed", "fail", "start")
SETTINGS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
which = st.integers(0, 10_000)
with_workers = precondition(lambda self: self.stage.executor.workers())
with_open_runs = precondition(lambda self: self.stage.executor.open)


class History(RuleBasedStateMachine):
    """`make_stage(folder)` opens its stage."""

    make_stage = None

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.admitted = 0  # by hand
        self.keys = set()
        self.emitted = []
        self.sent = []  # of earlier services
        self.files = 0

    # --- in the beginning

    @initialize(workers=st.integers(0, 2), runs=st.integers(1, 5))
    def begin(self, workers, runs):
        async def begun():
            self.stage = await self.make_stage(Path(self.folder.name))
            await self.stage.publish("narrow", concurrency=LIMIT, backoff="none", retries=1)
            await self.stage.publish("wide", backoff="fixed(5s)", retries=2, on=("topic:t batch=2",))
            for _ in range(workers):
                self.stage.executor.join(slots=2)
            for name in NAMES:
                await self.stage.engine.operations.map(name, [{}] * runs)
                self.admitted += runs

        self.run(begun())

    def run(self, work):
        """Some work, and all that follows from it."""

        async def done():
            result = await work
            await self.stage.quiet()
            return result

        return self.runner.run(done())

    async def now(self, act, *words):
        act(*words)

    def pick(self, choices, number):
        return choices[number % len(choices)]

    # --- what happens

    @rule(name=st.sampled_from(NAMES), number=st.integers(1, 6))
    def invoke(self, name, number):
        self.run(self.stage.engine.operations.map(name, [{}] * number))
        self.admitted += number

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from("abc"))
    def invoke_by_key(self, name, key):
        self.run(self.stage.invoke(name, {}, run_key=key))
        self.keys.add((name, key))

    @rule(number=st.integers(1, 5))
    def emit(self, number):
        new = [len(self.emitted) + n for n in range(number)]
        self.run(self.stage.engine.operations.emit("t", [{"value": value} for value in new]))
        self.emitted += new

    @rule(slots=st.integers(1, 3))
    def join(self, slots):
        if len(self.stage.executor.workers()) < 4:
            self.run(self.now(lambda: self.stage.executor.join(slots=slots)))

    @with_open_runs
    @rule(number=which)
    def lose_a_busy_worker(self, number):
        workers = [worker for worker, _ in self.stage.executor.open.values()]
        self.run(self.now(self.stage.executor.lose, self.pick(workers, number)))

    @with_workers
    @rule(number=which)
    def lose_unnoticed(self, number):
        """It takes nothing any more."""
        self.stage.executor.unreachable.add(self.pick(self.stage.executor.workers(), number).id)

    @with_open_runs
    @rule(number=which)
    def start(self, number):
        self.run(self.now(self.stage.executor.started, self.pick(self.stage.executor.waiting, number)))

    @with_open_runs
    @rule(numbers=st.lists(which, min_size=1, max_size=4), files=st.booleans())
    def succeed(self, numbers, files):
        self.end(numbers, lambda given: {"staged": self.file(given) if files else ()})

    @with_open_runs
    @rule(numbers=st.lists(which, min_size=1, max_size=4))
    def fail(self, numbers):
        error = {"type": "ValueError", "message": "no", "class": "HandlerFailed"}
        self.end(numbers, lambda given: {"error": error})

    def file(self, given):
        self.files += 1
        return (self.stage.staged(given, f"{self.files}.txt"),)

    def end(self, numbers, fields_of):
        executor = self.stage.executor
        chosen = {given.run_id: given for given in (self.pick(executor.waiting, number) for number in numbers)}
        outcomes = [
            executor.outcome(given, **{"result": given.token, "ms": LONG, **fields_of(given)})
            for given in chosen.values()
        ]
        self.run(self.now(executor.end, *outcomes))

    @rule(number=which)
    def tell_late(self, number):
        """Some attempt that was ever sent says that it has succeeded, perhaps once more."""
        sent = self.sent + self.stage.executor.sent
        if sent:
            given = self.pick(sent, number)[1]
            self.run(self.now(self.stage.executor.succeed, given, given.token))

    @rule(number=which)
    def cancel(self, number):
        if runs := [run for run in self.stage.runs() if not run.state.terminal]:
            self.run(self.stage.engine.operations.cancel(self.pick(runs, number).id))
            for _, run_id, token in self.stage.executor.cancelled:
                if given := self.stage.executor.open.get((run_id, token)):
                    self.run(self.now(self.stage.executor.killed, given[1]))

    @rule(acts=st.lists(st.tuples(st.sampled_from(ACTS), which), min_size=2, max_size=8))
    def all_at_once(self, acts):
        """Before the engine has done anything about the first, the last has happened."""

        async def done():
            works = []
            for act, number in acts:
                executor = self.stage.executor
                if act == "invoke":
                    works.append(self.stage.invoke(self.pick(NAMES, number)))
                    self.admitted += 1
                elif act == "join":
                    executor.join(slots=1)
                elif act == "lose" and executor.workers():
                    executor.lose(self.pick(executor.workers(), number).id)
                elif act in ("succeed", "fail") and executor.open:
                    given = self.pick(executor.waiting, number)
                    executor.succeed(given, given.token) if act == "succeed" else executor.fail(given)
                elif act == "start" and executor.open:
                    executor.started(self.pick(executor.waiting, number))
            await asyncio.gather(*works)

        self.run(done())

    @rule(name=st.sampled_from(NAMES))
    def pause_and_resume(self, name):
        self.run(self.stage.engine.operations.set_state(name, "paused"))
        self.run(self.stage.engine.operations.set_state(name, "active"))

    @rule(name=st.sampled_from(NAMES))
    def redrive(self, name):
        self.run(self.stage.engine.operations.redrive(name, None, code="latest", dry_run=False))

    @rule(seconds=st.sampled_from([1.0, 10.0]))
    def time_passes(self, seconds):
        self.stage.clock.advance(seconds)
        self.run(self.now(lambda: self.stage.engine.dispatcher.wake(look_ahead=True)))

    @rule(crash=st.booleans(), workers=st.integers(1, 2))
    def restart(self, crash, workers):
        self.sent += self.stage.executor.sent
        self.run_restart(crash, workers)

    def run_restart(self, crash, workers):
        async def restarted():
            await (self.stage.crash() if crash else self.stage.close())
            await self.stage.open(lambda executor: executor.joins_at_start.extend(["w"] * workers))

        self.run(restarted())

    def recorded(self):
        """What the runs of the topic's events were given, in the order of the events."""
        first = [run.event_id for run in self.stage.runs("wide") if run.trigger != "invoke" and not run.parent]
        found = self.stage.read(events.get_all, first)
        return [record["value"] for event_id in first for record in found[event_id].data["records"]]

    def end_all(self):
        """Everything that is sent succeeds, and what is sent then, until nothing is sent any more."""
        for _ in range(500):
            self.stage.executor.unreachable.clear()
            executor = self.stage.executor
            if not executor.open:
                return
            self.run(
                self.now(
                    executor.end, *[executor.outcome(given, result=given.token, ms=LONG) for given in executor.waiting]
                )
            )
        raise AssertionError("It goes on for ever.")

    # --- what holds at every step

    @invariant()
    def no_limit_is_exceeded(self):
        assert self.stage.most_held["narrow"] <= LIMIT

    @invariant()
    def every_event_is_accounted_for(self):
        for name in NAMES:
            self.runner.run(self.stage.balance(name))
        by_hand = [run for run in self.stage.runs() if run.trigger == "invoke" and not run.parent]
        assert len(by_hand) == self.admitted + len(self.keys)

    @invariant()
    def no_run_ends_twice(self):
        assert set(self.stage.finishes().values()) <= {1}

    @invariant()
    def no_token_is_sent_twice(self):
        sent = [(given.run_id, given.token) for _, given in self.sent + self.stage.executor.sent]
        assert len(sent) == len(set(sent))

    # --- at the end

    def teardown(self):
        try:
            if hasattr(self, "stage"):
                self.finish()
                self.runner.run(self.stage.dispose())
        finally:
            self.runner.close()
            self.folder.cleanup()

    def finish(self):
        """While there is a worker, what is queued is done without anybody asking; time passes, and all ends."""
        self.stage.executor.unreachable.clear()
        if not self.stage.executor.workers():
            self.run(self.now(lambda: self.stage.executor.join(slots=2)))
        self.runner.run(self.stage.until(lambda: self.recorded() == self.emitted, "all that was emitted"))
        self.run(self.now(lambda: None))
        self.end_all()
        assert not set(self.stage.states()) & {"queued", "claimed", "running", "publishing"}
        for _ in range(10):
            self.time_passes(10.0)
            self.end_all()
        assert all(run.state.terminal for run in self.stage.runs())
        for run in self.stage.runs():
            assert run.attempts == len(self.stage.attempts(run.id))
            won = [attempt.state for attempt in self.stage.attempts(run.id)].count("succeeded")
            assert won == (run.state == "succeeded")
            assert not won or run.result == run.token, "of another attempt"
        self.no_limit_is_exceeded()
        self.no_run_ends_twice()
        self.every_event_is_accounted_for()
        audits = [self.runner.run(self.stage.balance(name)) for name in NAMES]
        assert sum(audit["pending"] for audit in audits) == 0
        assert self.recorded() == self.emitted
        assert not list(self.stage.folder.glob(".*.staged.*"))


def test_any_history_ends_with_every_event_accounted_for(scripted_stage, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.operations._CANCEL_LIMIT_S", 0.01)
    monkeypatch.setattr(History, "make_stage", staticmethod(scripted_stage))
    run_state_machine_as_test(History, settings=SETTINGS)
