"""Batches: single events that gather, what becomes of them when they fail, and how they are counted."""

import pytest

from jupyter_fn.model.event import NewEvent
from jupyter_fn.sources.protocol import Poll
from jupyter_fn.store import batches, events

pytestmark = pytest.mark.anyio


class Files:
    """What a test puts there, page by page; each name is a file of so many bytes."""

    def __init__(self):
        self.pages = []
        self.hint = lambda: None

    def put(self, *names, more=False, size=1, version=1):
        self.pages.append(([_file(name, size, version) for name in names], more))
        self.hint()

    def poll(self, position, now):
        number = position or 0
        if number >= len(self.pages):
            return Poll(events=[], position=position)
        new, more = self.pages[number]
        return Poll(events=new, position=number + 1, more=more)

    def listen(self, hint):
        self.hint = hint

    def survey(self, now):
        return [event.key for new, _ in self.pages for event in new]


def _file(name, size, version):
    data = {"path": f"/in/{name}", "name": name, "stem": name, "suffix": "", "size": size, "version": str(version)}
    return NewEvent(key=f"/in/{name}@{version}", type="file.created", source="/in", time=1.0, data=data)


@pytest.fixture
def files(monkeypatch):
    source = Files()
    monkeypatch.setattr("jupyter_fn.engine.poller.Poller.build", lambda poller, trigger: source)
    return source


async def watch(stage, options, **more):
    await stage.publish(on=(f"in/* {options}",), **more)


def gathering(stage):
    return [event.data["name"] for event in stage.read(batches.gathering, stage.trigger().id)]


def names(assignment):
    return "".join(file["name"] for file in assignment.event["files"])


async def groups(stage, number):
    return [names(assignment) for assignment in await stage.sent(number)]


# --- when they close


async def test_files_that_are_there_go_together(busy, files):
    await watch(busy, "batch=3")
    files.put(*"abcde")
    assert await groups(busy, 2) == ["abc", "de"]
    assert [run.batch_size for run in busy.runs()] == [3, 2]
    assert (await busy.balance())["pending"] == 5


async def test_a_handler_gets_the_files_as_the_contract_says(busy, files):
    await watch(busy, "batch=3")
    files.put("a", size=7)
    (assignment,) = await busy.sent(1)
    event = busy.read(events.get, busy.runs()[0].event_id)
    (member,) = assignment.event["files"]
    assert member == {"id": member["id"], **_file("a", 7, 1).data}
    assert (assignment.event["type"], assignment.event["id"], event.size) == ("file.batch", event.id, 1)
    assert busy.read(events.get, member["id"]).batch == event.id


async def test_they_wait_until_the_batch_is_full(busy, files):
    await watch(busy, "batch=3 window=1h")
    files.put("a", "b")
    await busy.until(lambda: gathering(busy) == ["a", "b"])
    assert busy.runs() == []
    assert (await busy.balance())["pending"] == 2
    assert (await busy.engine.questions.function("f"))["triggers"][0]["lag"] == 2
    files.put("c", "d")
    assert await groups(busy, 1) == ["abc"]
    assert gathering(busy) == ["d"]


async def test_or_until_the_oldest_has_waited_long_enough(busy, files):
    await watch(busy, "batch=3 window=1h")
    files.put("a")
    await busy.until(lambda: gathering(busy) == ["a"])
    busy.clock.advance(1800)
    files.put("b")
    await busy.until(lambda: gathering(busy) == ["a", "b"])
    busy.clock.advance(1801)
    files.put("c")
    assert await groups(busy, 1) == ["abc"]


async def test_a_timer_closes_them_when_nothing_more_comes(busy, files):
    await watch(busy, "batch=3 window=50ms")
    files.put("a")
    await busy.until(lambda: gathering(busy) == ["a"])
    busy.clock.advance(1)
    assert await groups(busy, 1) == ["a"]


async def test_what_waits_is_taken_up_after_a_crash(open_stage, files):
    stage = await open_stage()
    await watch(stage, "batch=3 window=1h")
    files.put("a")
    await stage.until(lambda: gathering(stage) == ["a"])
    await stage.crash()
    stage.clock.advance(3601)
    await stage.open(lambda executor: executor.joins_at_start.append("w"))
    assert await groups(stage, 1) == ["a"]


async def test_by_bytes_and_by_a_key_that_changes(busy, files):
    await watch(busy, "bytes=10 key=event.name")
    files.put("a", size=6)
    assert await groups(busy, 1) == ["a"]
    busy.executor.succeed(*busy.executor.waiting)
    files.put("b", "b", "c", size=6)
    assert await groups(busy, 2) == ["b", "c"]


async def test_pages_of_one_look_go_together(busy, files):
    await watch(busy, "batch=5")
    files.pages = [([_file(name, 1, 1) for name in page], more) for page, more in (("ab", True), ("cd", False))]
    files.hint()
    assert await groups(busy, 1) == ["abcd"]


async def test_results_of_another_function_go_together(busy):
    await busy.publish("g")
    await busy.publish(on=("fn:g batch=2",))
    for number in range(2):
        await busy.invoke("g", {"n": number})
    for assignment in await busy.sent(2):
        busy.executor.succeed(assignment, assignment.event["n"])
    await busy.until(lambda: any(assignment.function == "f" for assignment in busy.executor.waiting))
    got = [assignment.event for assignment in busy.executor.waiting]
    assert {event["type"] for event in got} == {"batch"}
    assert sorted(item["data"] for event in got for item in event["events"]) == [0, 1]


async def test_when_batches_are_not_wanted_any_more_what_waits_runs_alone(busy, files):
    await busy.publish(on=("in/*",), batch=3, window_s=3600.0)
    files.put("a", "b")
    await busy.until(lambda: gathering(busy) == ["a", "b"])
    busy.executor.join()
    await busy.publish(on=("in/*",))
    files.put("c")
    sent = await busy.sent(3)
    assert sorted(assignment.event["name"] for assignment in sent) == ["a", "b", "c"]


async def test_when_the_function_is_removed_what_waits_is_cancelled(busy, files):
    await watch(busy, "batch=3 window=1h")
    files.put("a", "b")
    await busy.until(lambda: gathering(busy) == ["a", "b"])
    await busy.engine.operations.remove("f")
    await busy.quiet()
    assert busy.states() == ["cancelled", "cancelled"]
    assert busy.read(batches.gathering_triggers) == []
