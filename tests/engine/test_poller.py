"""From sources to the ledger: events, their runs and the position are one commit, whatever happens to the follower."""

import threading

import pytest

from jupyter_fn.model.errors import SourceUnreachable
from jupyter_fn.model.event import NewEvent
from jupyter_fn.model.units import iso
from jupyter_fn.sources.protocol import Look, Poll
from jupyter_fn.store import events, triggers

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


def new(key):
    return NewEvent(key=key, type="test", source="script", time=1.0, data={"key": key})


class Source:
    """Pages by number; its position is how many pages were committed. A page may be an exception, once."""

    def __init__(self, *pages):
        self.pages = list(pages)
        self.polled = []
        self.stopped = False
        self.hint = lambda: None
        self.gate = None
        self.deaf = []  # what listening raises, once each

    def add(self, *pages):
        self.pages += pages
        self.hint()

    def poll(self, position, now):
        number = position or 0
        self.polled.append(number)
        if self.gate is not None:
            assert self.gate.wait(60)
        if number >= len(self.pages):
            return Poll(events=[], position=position)
        page = self.pages[number]
        if isinstance(page, Exception):
            self.pages[number] = []
            raise page
        return Poll(events=[new(key) for key in page], position=number + 1, more=number + 1 < len(self.pages))

    def listen(self, hint):
        if self.deaf:
            raise self.deaf.pop()
        self.hint = hint
        return lambda: setattr(self, "stopped", True)

    def survey(self, now):
        return None

    def look(self, subject, now):
        return Look(key=subject, verdict=f"{subject} is nothing here.", takes=False)


@pytest.fixture
def sources(monkeypatch):
    """`sources(stage, source, …)`: the next followers get these instead of what their triggers name."""
    monkeypatch.setattr("jupyter_fn.engine.poller._FIRST_PAUSE_S", 0.01)

    def follow(stage, *given):
        waiting = list(given)
        real = stage.engine.poller.build
        monkeypatch.setattr(stage.engine.poller, "build", lambda trigger: waiting.pop(0) if waiting else real(trigger))

    return follow


def keys(stage, name="f"):
    """The keys of all events, in the order of their runs."""
    return [stage.read(events.get, run.event_id).key for run in stage.runs(name)]


async def followed(stage, source, name="f", **options):
    await stage.publish(name, **{"on": (f"topic:{name}",), **options})
    await stage.until(lambda: source.polled)
    return source


# --- one commit ---


async def test_events_become_runs_in_their_order(stage, sources):
    source = Source(["a", "b"], ["c"])
    sources(stage, source)
    await followed(stage, source)
    await stage.until(lambda: len(stage.runs()) == 3)
    assert keys(stage) == ["a", "b", "c"]
    assert {run.trigger for run in stage.runs()} == {stage.trigger().id}
    await stage.until(lambda: stage.trigger().position == 2)


async def test_events_runs_and_position_are_all_there_or_nothing_is(stage, sources, monkeypatch):
    source = Source(["a", "b"])
    sources(stage, source)
    left = [2]
    enter = triggers.set_position

    def refused(conn, trigger_id, position):
        done = enter(conn, trigger_id, position)
        if left[0]:
            left[0] -= 1
            assert not stage.runs()
            raise SourceUnreachable("The disk is full.")
        return done

    monkeypatch.setattr(triggers, "set_position", refused)
    await followed(stage, source)
    await stage.until(lambda: len(stage.runs()) == 2)
    assert (keys(stage), stage.trigger().position, source.polled[:3]) == (["a", "b"], 1, [0, 0, 0])
    assert (await stage.balance())["pending"] == 2


async def test_the_same_key_twice_is_one_event_and_one_run(stage, sources):
    source = Source(["a", "a", "b"], ["b", "c"], ["a"])
    sources(stage, source)
    await followed(stage, source)
    await stage.until(lambda: stage.trigger().position == 3)
    assert keys(stage) == ["a", "b", "c"]
    assert (await stage.balance())["observed"] == 3


async def test_the_same_key_of_two_triggers_are_two_events(stage, sources):
    first, second = Source(["a"]), Source(["a"])
    sources(stage, first, second)
    await stage.publish(on=("topic:x", "topic:y"))
    await stage.until(lambda: len(stage.runs()) == 2)
    assert keys(stage) == ["a", "a"]
    assert len({run.trigger for run in stage.runs()}) == 2
    assert (await stage.balance())["observed"] == 2


async def test_a_hint_makes_it_look_again(stage, sources):
    source = Source()
    sources(stage, source)
    await followed(stage, source)
    source.add(["a"])
    await stage.until(lambda: len(stage.runs()) == 1)


async def test_a_look_that_brings_nothing_commits_nothing(stage, sources, monkeypatch):
    source = Source()
    sources(stage, source)
    admitted = []
    monkeypatch.setattr(stage.engine.poller, "admit", lambda *words: admitted.append(words))
    await followed(stage, source)
    source.hint()
    await stage.until(lambda: len(source.polled) >= 2)
    assert admitted == []


# --- sources that fail ---


async def test_a_source_that_raises_is_failing_with_its_cause_and_is_tried_again(stage, sources, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.poller._FIRST_PAUSE_S", 3600.0)
    source = Source(SourceUnreachable("The bucket is away.", "Check the network."), ["a"])
    sources(stage, source)
    await followed(stage, source)
    failing = await stage.until(lambda: stage.trigger().state == "failing" and stage.trigger())
    assert failing.error == "The bucket is away. Check the network."
    function = await stage.engine.questions.function("f")
    assert (function["triggers"][0]["state"], function["triggers"][0]["error"]) == ("failing", failing.error)
    await stage.until(lambda: (source.hint(), stage.runs())[1])
    await stage.until(lambda: stage.trigger().state == "active")
    assert (stage.trigger().error, keys(stage)) == ("", ["a"])


async def test_any_exception_of_a_source_is_told_with_its_type(stage, sources):
    source = Source(ZeroDivisionError("division by zero"), ["a"])
    seen = []
    sources(stage, source)
    stage.engine.poller.function_changed = lambda name: seen.append(stage.trigger().error)
    await followed(stage, source)
    await stage.until(lambda: stage.trigger().state == "active" and stage.runs())
    assert "ZeroDivisionError: division by zero" in seen


async def test_a_source_that_cannot_be_built_is_failing_too(stage, sources, monkeypatch):
    source, left = Source(["a"]), [2]

    def build(trigger):
        if left[0]:
            left[0] -= 1
            raise SourceUnreachable("No such host.", "Check it.")
        return source

    monkeypatch.setattr("jupyter_fn.engine.poller._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(stage.engine.poller, "build", build)
    await stage.publish(on=("topic:t",))
    await stage.until(lambda: stage.runs() and stage.trigger().state == "active")


async def test_a_source_that_cannot_listen_at_first_hears_hints_afterwards(stage, monkeypatch):
    made = []

    def build(trigger):
        made.append(Source())
        made[-1].deaf = [OSError("inotify watch limit reached")] if len(made) == 1 else []
        return made[-1]

    monkeypatch.setattr("jupyter_fn.engine.poller._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(stage.engine.poller, "build", build)
    await stage.publish(on=("topic:t",))
    await stage.until(lambda: made[-1].polled)
    made[-1].add(["a"])
    await stage.until(lambda: keys(stage) == ["a"])


async def test_one_failing_trigger_does_not_hold_up_the_other(stage, sources):
    broken, well = Source(*[ValueError("no")] * 2), Source(["a"])
    sources(stage, broken, well)
    await stage.publish(on=("topic:x", "topic:y"))
    await stage.until(lambda: keys(stage) == ["a"])


async def test_sources_that_hang_are_waited_for_together(stage, sources, monkeypatch):
    """However many hosts are away, publishing and starting take no longer than for one of them."""
    waiting, gate = [], threading.Event()

    async def waited(event, limit_s):
        waiting.append(event)
        await stage.until(lambda: len(waiting) >= 3, "the wait for the others")

    monkeypatch.setattr("jupyter_fn.engine.poller.wait_for", waited)
    hanging = [Source(), Source(), Source()]
    for source in hanging:
        source.gate = gate
    sources(stage, *hanging)
    await stage.publish(on=("topic:a", "topic:b", "topic:c"))
    monkeypatch.undo()
    gate.set()


async def test_publishing_again_gives_a_failing_trigger_a_new_try(stage, sources, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.poller._FIRST_PAUSE_S", 3600.0)
    source = Source(ValueError("no"), ["a"])
    sources(stage, source)
    await followed(stage, source)
    await stage.until(lambda: stage.trigger().state == "failing")
    await stage.publish("f", OTHER, on=("topic:f",))
    assert stage.trigger().state == "active"


# --- schedules ---


async def test_at_fires_once_and_has_ended(stage):
    moment = iso(stage.clock() + 0.02)
    await stage.publish(on=(f"at({moment})",))
    await stage.quiet()
    assert (stage.runs(), stage.trigger().state) == ([], "active")
    stage.clock.advance(0.02)
    await stage.until(lambda: stage.trigger().state == "ended")
    (run,) = stage.runs()
    assert stage.read(events.get, run.event_id).data["scheduled_for"] == moment
    await stage.restart()
    assert (len(stage.runs()), stage.trigger().state) == (1, "ended")
    assert (await stage.balance())["observed"] == 1


async def test_what_was_missed_while_the_service_was_down_is_caught_up_with(stage):
    await stage.publish(on=("rate(1 minute) misfire=all",))
    await stage.until(lambda: stage.trigger().position)
    await stage.close()
    stage.clock.advance(181.0)
    await stage.open()
    await stage.until(lambda: len(stage.runs()) == 3)


# --- pause and resume ---


async def test_a_paused_function_is_not_polled_and_its_runs_are_not_claimed(busy, sources):
    source = Source(["a"], ["b"])
    sources(busy, source)
    await busy.publish(on=("topic:t",))
    await busy.sent(2)
    await busy.engine.invocations.map("f", [{}] * 2)
    answer = await busy.engine.operations.set_state("f", "paused")
    assert (answer["state"], answer["triggers"][0]["state"]) == ("paused", "paused")
    assert source.stopped
    polled = len(source.polled)
    source.add(["c"])
    for given in list(busy.executor.waiting):
        busy.executor.succeed(given)
    await busy.quiet()
    assert len(source.polled) == polled
    assert busy.states() == ["succeeded", "succeeded", "queued", "queued"]
    assert (await busy.balance())["pending"] == 2


async def test_resume_catches_up_with_what_came_meanwhile(stage, sources):
    first = Source(["a"])
    second = Source(["a"], ["b"], ["c"])
    sources(stage, first, second)
    await followed(stage, first)
    await stage.until(lambda: keys(stage) == ["a"])
    await stage.engine.operations.set_state("f", "paused")
    await stage.engine.operations.set_state("f", "active")
    await stage.until(lambda: keys(stage) == ["a", "b", "c"])
    assert second.polled[0] == 1, "it goes on where it was"


async def test_a_paused_function_stays_paused_over_a_restart(busy):
    await busy.publish(on=("topic:t",))
    await busy.engine.operations.set_state("f", "paused")
    await busy.engine.invocations.emit("t", [{"value": 1}])
    await busy.restart(lambda executor: executor.joins_at_start.append("w"))
    await busy.quiet()
    assert busy.runs() == []
    await busy.engine.operations.set_state("f", "active")
    await busy.sent(1)


# --- followers come and go ---


async def test_republishing_neither_loses_nor_doubles_anything(stage):
    batch = 0
    await stage.publish(on=("topic:t batch=1",))
    for round_ in range(6):
        for _ in range(4):
            await stage.engine.invocations.emit("t", [{"value": batch}])
            batch += 1
        await stage.publish("f", f"def handler(event):\n    return {round_}\n", on=("topic:t batch=1",))
    await stage.until(lambda: len(stage.runs()) >= batch)
    await stage.quiet()
    values = [stage.read(events.get, run.event_id).data["records"][0]["value"] for run in stage.runs()]
    assert values == list(range(batch))


async def test_options_of_the_same_trigger_make_a_new_follower_and_end_the_old_one(stage, sources):
    old, fresh = Source(["a"]), Source(["a"], ["b"])
    sources(stage, old, fresh)
    await followed(stage, old, batch=1)
    await stage.until(lambda: keys(stage) == ["a"])
    await stage.publish("f", OTHER, on=("topic:f",), batch=2)
    await stage.until(lambda: keys(stage) == ["a", "b"])
    assert old.stopped
    assert fresh.polled[0] == 1
    assert [run.version for run in stage.runs()] == [1, 2]


async def test_publishing_without_the_trigger_ends_its_follower(stage, sources):
    source = Source(["a"])
    sources(stage, source)
    await followed(stage, source)
    await stage.publish("f", OTHER)
    await stage.until(lambda: source.stopped)
    source.add(["b"])
    await stage.quiet()
    assert (keys(stage), stage.triggers()) == (["a"], [])


async def test_a_trigger_that_comes_back_goes_on_where_it_was(stage, sources):
    first, second = Source(["a"]), Source(["a"], ["b"])
    sources(stage, first, second)
    await followed(stage, first)
    await stage.until(lambda: stage.trigger().position == 1)
    await stage.publish("f", OTHER)
    await stage.publish(on=("topic:f",))
    await stage.until(lambda: keys(stage) == ["a", "b"])
    assert second.polled[0] == 1


@pytest.mark.parametrize("end", ["pause", "remove", "republish"])
async def test_a_stopped_follower_commits_nothing_of_the_look_that_was_under_way(stage, sources, end, monkeypatch):
    source = Source(["late"])
    source.gate = threading.Event()
    sources(stage, source)
    monkeypatch.setattr("jupyter_fn.engine.poller._FIRST_LOOK_S", 0.01)
    await stage.publish(on=("topic:f",))
    await stage.until(lambda: source.polled)
    if end == "pause":
        await stage.engine.operations.set_state("f", "paused")
    elif end == "remove":
        await stage.engine.operations.remove("f")
    else:
        await stage.publish("f", OTHER)
    source.gate.set()
    await stage.until(lambda: source.stopped)
    await stage.quiet()
    assert stage.runs() == []


async def test_closing_waits_for_the_look_that_is_under_way(stage, sources):
    source = Source()
    sources(stage, source)
    await followed(stage, source)
    await stage.close()
    assert source.stopped


# --- other functions, other functions' failures ---


async def test_one_topic_feeds_two_functions(stage):
    await stage.publish("f", on=("topic:t",))
    await stage.publish("g", on=("topic:t",))
    await stage.engine.invocations.emit("t", [{"value": 1}])
    await stage.until(lambda: len(stage.runs("f")) == len(stage.runs("g")) == 1)


async def test_two_triggers_on_one_function_are_both_followed(stage):
    await stage.publish(on=("topic:a", "topic:b"))
    await stage.engine.invocations.emit("a", [{"value": 1}])
    await stage.engine.invocations.emit("b", [{"value": 2}])
    await stage.until(lambda: len(stage.runs()) == 2)
    function = await stage.engine.questions.function("f")
    assert [trigger["lag"] for trigger in function["triggers"]] == [1, 1]
    assert (await stage.balance())["observed"] == 2


async def test_a_schedule_that_skips_overlaps_waits_for_the_end_of_its_run(busy):
    await busy.publish(on=("rate(1h) overlap=skip",))
    trigger = busy.trigger()

    async def fire(key):
        await busy.engine.poller.admit(trigger, Poll(events=[new(key)], position=trigger.position))

    await fire("first")
    await fire("while it runs")
    (given,) = await busy.sent(1)
    busy.executor.succeed(given)
    await busy.ended(given.run_id)
    await fire("after it")
    assert [run.reason for run in busy.runs()] == ["", "Overlap", ""]
    assert (await busy.balance())["skipped"] == 1
