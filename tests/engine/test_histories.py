"""Random histories: whatever is admitted, whatever happens to workers and services, in whatever order, the ledger holds.

A history is drawn from its seed; the engine, the store and the lifecycle are real. A failing one prints what was done;
`pytest -k "histories and 17"` does it again.
"""

import asyncio
import random

import pytest

from jupyter_fn.store import events

pytestmark = pytest.mark.anyio
SEEDS, STEPS = range(24), 30
LIMIT = 2  # of "narrow"; "wide" has none
NAMES = ("narrow", "wide")
LONG = 5000.0  # ms; so that each run has a slot of its own


@pytest.fixture
async def history(open_stage, seed, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.cancellations._LIMIT_S", 0.01)
    history = History(await open_stage(), random.Random(seed))
    await history.begin()
    return history


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_history_ends_with_every_event_accounted_for(history):
    for _ in range(STEPS):
        await history.step()
        await history.holds()
    await history.finish()


class History:
    """One stage and all that was ever done on it."""

    def __init__(self, stage, chance):
        self.stage = stage
        self.chance = chance
        self.by_hand = 0
        self.keys = set()
        self.emitted = []
        self.sent = []  # by earlier services
        self.files = 0

    async def begin(self):
        await self.stage.publish("narrow", concurrency=LIMIT, backoff="none", retries=1)
        await self.stage.publish("wide", backoff="fixed(5s)", retries=2, on=("topic:t batch=2",))
        for _ in range(self.chance.randint(0, 2)):
            self.join()
        for name in NAMES:
            await self.invoke(name)
        await self.stage.quiet()

    async def step(self):
        """One thing that can happen now; or several, before anything is done about the first; or another service."""
        if self.chance.random() < 0.06:
            print("restart")
            await self.restart()
            return
        number = self.chance.choice([1, 1, 1, 2, 4])
        acts = [self.act() for _ in range(number)]
        await asyncio.gather(*[work for work in acts if work is not None])
        await self.stage.quiet()

    def act(self):
        """Something that happens; work, where the engine answers when it is done."""
        name = self.chance.choice(ALWAYS if self.chance.random() < 0.5 or not self.open else WITH_OPEN_RUNS)
        print(name)
        return getattr(self, name)()

    # --- the executor

    @property
    def executor(self):
        return self.stage.executor

    @property
    def open(self):
        return self.executor.waiting

    def join(self):
        if len(self.executor.workers()) < 4:
            self.executor.join(slots=self.chance.randint(1, 3))

    def lose_a_busy_worker(self):
        if self.open:
            self.executor.lose(self.chance.choice([worker for worker, _ in self.executor.open.values()]))

    def lose_unnoticed(self):
        """It takes nothing any more."""
        self.executor.unreachable.add(self.chance.choice(self.executor.workers()).id)

    def notice(self):
        for worker in self.executor.workers():
            if worker.id in self.executor.unreachable:
                self.executor.lose(worker.id)

    def start(self):
        if self.open:
            self.executor.started(self.chance.choice(self.open))

    def succeed(self):
        self.end(lambda given: {"result": given.token})

    def succeed_with_files(self):
        self.end(lambda given: {"result": given.token, "staged": self.file(given)})

    def fail(self):
        self.end(lambda given: {"error": {"type": "ValueError", "message": "no", "class": "HandlerFailed"}})

    def end(self, fields_of):
        some = self.chance.sample(self.open, min(len(self.open), self.chance.randint(1, 3)))
        if some:
            self.executor.end(*[self.executor.outcome(given, ms=LONG, **fields_of(given)) for given in some])

    def file(self, given):
        self.files += 1
        return (self.stage.staged(given, f"{self.files}.txt"),)

    def tell_late(self):
        """An attempt that was ever sent says that it has succeeded, perhaps once more."""
        if sent := self.sent + self.executor.sent:
            given = self.chance.choice(sent)[1]
            self.executor.succeed(given, given.token, ms=LONG)

    # --- people

    async def invoke(self, name=""):
        number = self.chance.randint(1, 5)
        self.by_hand += number
        await self.stage.engine.invocations.map(name or self.chance.choice(NAMES), [{}] * number)

    async def invoke_by_key(self):
        name, key = self.chance.choice(NAMES), self.chance.choice("abc")
        self.keys.add((name, key))
        await self.stage.invoke(name, {}, run_key=key)

    async def emit(self):
        new = [len(self.emitted) + number for number in range(self.chance.randint(1, 5))]
        self.emitted += new
        await self.stage.engine.invocations.emit("t", [{"value": value} for value in new])

    async def cancel(self):
        if runs := [run for run in self.stage.runs() if not run.state.terminal]:
            await self.stage.engine.cancellations.cancel(self.chance.choice(runs).id)

    def kill(self):
        """What was asked for by `cancel`."""
        for _, run_id, token in self.executor.cancelled:
            if given := self.executor.open.get((run_id, token)):
                self.executor.killed(given[1])

    async def pause_and_resume(self):
        name = self.chance.choice(NAMES)
        await self.stage.engine.operations.set_state(name, "paused")
        await self.stage.engine.operations.set_state(name, "active")

    async def redrive(self):
        await self.stage.engine.redrives.redrive(self.chance.choice(NAMES), None, code="latest", dry_run=False)

    # --- time and services

    def time_passes(self):
        self.stage.clock.advance(10.0)
        self.stage.engine.dispatcher.wake(look_ahead=True)

    async def restart(self):
        self.sent += self.executor.sent
        await (self.stage.crash() if self.chance.random() < 0.5 else self.stage.close())
        workers = ["w"] * self.chance.randint(0, 2)
        await self.stage.open(lambda executor: executor.joins_at_start.extend(workers))
        await self.stage.quiet()

    # --- what holds at every step

    async def holds(self):
        assert self.stage.most_held["narrow"] <= LIMIT
        assert set(self.stage.finishes().values()) <= {1}
        sent = [(given.run_id, given.token) for _, given in self.sent + self.executor.sent]
        assert len(sent) == len(set(sent))
        for name in NAMES:
            await self.stage.balance(name)
        by_hand = [run for run in self.stage.runs() if run.trigger == "invoke" and not run.parent]
        assert len(by_hand) == self.by_hand + len(self.keys)

    # --- and at the end

    async def finish(self):
        """While there is a worker, what is queued is done without anybody asking; time passes, and all ends."""
        self.notice()
        if not self.executor.workers():
            self.executor.join()
        await self.stage.until(lambda: self.recorded() == self.emitted, "all that was emitted")
        await self.end_all()
        assert not set(self.stage.states()) & {"queued", "claimed", "running", "publishing"}
        for _ in range(10):
            self.time_passes()
            await self.end_all()
        for run in self.stage.runs():
            won = [attempt.state for attempt in self.stage.attempts(run.id)].count("succeeded")
            assert run.state.terminal
            assert run.attempts == len(self.stage.attempts(run.id))
            assert won == (run.state == "succeeded")
            assert not won or run.result == run.token, "of another attempt"
        await self.holds()
        audits = [await self.stage.balance(name) for name in NAMES]
        assert sum(audit["pending"] for audit in audits) == 0
        assert self.recorded() == self.emitted
        await self.stage.until(lambda: not list(self.stage.folder.glob(".*.staged.*")), "staged files to be removed")

    def recorded(self):
        """What the runs of the topic's events were given, in the order of the events."""
        first = [run.event_id for run in self.stage.runs("wide") if run.trigger != "invoke" and not run.parent]
        found = self.stage.read(events.get_all, first)
        return [record["value"] for event_id in first for record in found[event_id].data["records"]]

    async def end_all(self):
        """Everything that is sent succeeds, and what is sent then, until nothing is sent any more."""
        for _ in range(500):
            await self.stage.quiet()
            await self.stage.until(lambda: "publishing" not in self.stage.states(), "files to be in place")
            await self.stage.quiet()
            if not self.open:
                return
            done = [self.executor.outcome(given, result=given.token, ms=LONG) for given in self.open]
            self.executor.end(*done)
        raise AssertionError("It goes on for ever.")


WITH_OPEN_RUNS = (
    *("succeed", "succeed", "succeed_with_files", "fail", "fail", "start"),
    *("lose_a_busy_worker", "lose_unnoticed", "tell_late", "cancel", "kill"),
)
ALWAYS = (
    *("invoke", "invoke_by_key", "emit", "join", "join", "notice", "tell_late"),
    *("pause_and_resume", "redrive", "time_passes", "time_passes"),
)
