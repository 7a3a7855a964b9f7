"""Batches: single events that gather, what becomes of them when they fail, and how they are counted."""

from math import ceil, log2

import pytest

from jupyter_fn.model.errors import BatchFailed, HandlerFailed
from jupyter_fn.model.event import NewEvent
from jupyter_fn.model.run import Reason, State
from jupyter_fn.sources.protocol import Poll
from jupyter_fn.store import batches, events

pytestmark = pytest.mark.anyio
THOUSAND = 1000


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

    def items():
        return [item for assignment in busy.executor.waiting for item in assignment.event.get("events", ())]

    await busy.until(lambda: len(items()) == 2)
    assert {assignment.event["type"] for assignment in busy.executor.waiting} == {"batch"}
    assert sorted(item["data"] for item in items()) == [0, 1]


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


# --- when they fail


async def play(stage, name, outcome_of):
    """Every attempt of `name` ends as `outcome_of(assignment)` says, until nothing is left to do."""
    while any(not run.state.terminal for run in stage.runs(name)):
        await stage.until(lambda: stage.executor.waiting or all(run.state.terminal for run in stage.runs(name)))
        stage.executor.end(*map(outcome_of, stage.executor.waiting))
        await stage.quiet()


def depths(stage):
    """How many runs lie between each run and the first of its batch, and itself."""
    found = {}
    for run in stage.runs("f"):
        found[run.id] = found.get(run.parent, 0) + 1
    return found


def poisoned(stage, is_poison):
    def outcome_of(assignment):
        items = assignment.event.get("records") or assignment.event["files"]
        if any(map(is_poison, items)):
            error = HandlerFailed("poison", kind="ValueError").to_dict()
            return stage.executor.outcome(assignment, error=error)
        return stage.executor.outcome(assignment, result=len(items))

    return outcome_of


async def one_of_a_thousand_dies(stage, is_poison):
    (first,) = await stage.sent(1)
    assert len(first.event.get("records") or first.event["files"]) == THOUSAND
    await play(stage, "f", poisoned(stage, is_poison))
    audit = await stage.balance()
    assert {column: audit[column] for column in ("observed", "done", "dead", "pending")} == {
        "observed": THOUSAND,
        "done": THOUSAND - 1,
        "dead": 1,
        "pending": 0,
    }
    (dead,) = (run for run in stage.runs("f") if run.state is State.DEAD)
    assert (dead.batch_size, dead.attempts) == (1, 2)
    assert max(depths(stage).values()) == ceil(log2(THOUSAND)) + 1
    done = [run for run in stage.runs("f") if run.state is State.SUCCEEDED]
    assert sum(run.batch_size for run in done) == THOUSAND - 1
    assert len(stage.executor.sent) <= 2 * ceil(log2(THOUSAND)) + 2


async def test_one_poisoned_record_of_a_thousand_is_found_in_as_many_rounds_as_its_halves(busy):
    await busy.publish(on=(f"topic:t batch={THOUSAND} window=1h",), retries=1, backoff="none")
    await busy.engine.invocations.emit("t", [{"value": {"n": number}} for number in range(THOUSAND)])
    await one_of_a_thousand_dies(busy, lambda record: record["value"]["n"] == 617)


async def test_one_poisoned_file_of_a_thousand_is_found_in_as_many_rounds_as_its_halves(busy, files):
    await watch(busy, f"batch={THOUSAND} window=1h", retries=1, backoff="none")
    files.put(*(f"{number:04d}" for number in range(THOUSAND)))
    await one_of_a_thousand_dies(busy, lambda file: file["name"] == "0617")


async def test_the_items_that_a_handler_names_are_tried_again_together_and_the_others_are_done(busy, files):
    await watch(busy, "batch=100 window=1h", retries=1, backoff="none")
    files.put(*(f"{number:02d}" for number in range(100)))
    bad, rounds = {"07", "42", "99"}, []

    def outcome_of(assignment):
        there = [file["name"] for file in assignment.event["files"]]
        rounds.append(len(there))
        failed = tuple(place for place, name in enumerate(there) if name in bad)
        failed = failed if len(failed) < len(there) else ()  # all of them: the run fails as a whole
        return busy.executor.outcome(assignment, error=BatchFailed("no").to_dict(), failed=failed)

    await busy.sent(1)
    await play(busy, "f", outcome_of)
    assert rounds == [100, 3]
    keys = [assignment.idempotency_key for _, assignment in busy.executor.sent]
    assert len(set(keys)) == len(keys)  # what was done for the whole says nothing of a part
    assert sorted((run.state.value, run.batch_size) for run in busy.runs("f")) == [
        ("dead", 3),
        ("split", 100),
        ("succeeded", 97),
    ]
    audit = await busy.balance()
    assert (audit["done"], audit["dead"]) == (97, 3)
    made = (await busy.engine.redrives.redrive("f", None))["runs"]
    assert [busy.run(run_id).batch_size for run_id in made] == [3]
    (assignment,) = await busy.sent(1)
    assert {file["name"] for file in assignment.event["files"]} == bad
    assert assignment.idempotency_key == keys[-1]  # the same items, again
    busy.executor.succeed(assignment)
    await busy.quiet()
    audit = await busy.balance()
    assert (audit["done"], audit["dead"]) == (100, 0)


async def test_the_parts_of_a_batch_stay_in_its_lane_and_in_its_order(busy, files):
    await watch(busy, "batch=4 window=1h", order_by="event.source", on_poison="skip", retries=0)
    files.put(*"abcdefgh")
    order = []

    def outcome_of(assignment):
        order.append(names(assignment))
        return poisoned(busy, lambda file: file["name"] == "c")(assignment)

    await busy.sent(1)
    await play(busy, "f", outcome_of)
    assert order == ["abcd", "ab", "cd", "c", "d", "efgh"]
    assert {run.lane for run in busy.runs("f")} == {"/in"}


# --- only the latest version of a file


async def test_a_newer_version_takes_the_place_of_older_ones_that_have_not_begun(busy, files):
    await watch(busy, "on_overwrite=latest_only", backoff="fixed(1h)", concurrency=1)
    files.put("a")
    (first,) = await busy.sent(1)
    files.put("b", "c", version=1)
    await busy.until(lambda: len(busy.runs()) == 3)
    files.put("a", "b", version=2)
    await busy.until(lambda: len(busy.runs()) == 5)
    assert busy.states() == ["claimed", "skipped", "queued", "queued", "queued"]
    assert busy.runs()[1].reason == Reason.SUPERSEDED
    audit = await busy.balance()
    assert (audit["pending"], audit["superseded"], audit["skipped"]) == (4, 1, 0)
    busy.executor.fail(first)
    await busy.until(lambda: busy.run(first.run_id).state is State.WAITING)
    files.put("a", version=3)
    await busy.until(lambda: busy.run(first.run_id).state is State.SKIPPED)
    assert (await busy.balance())["superseded"] == 3
    assert busy.finishes()[first.run_id] == 1


async def test_older_versions_count_where_nobody_has_asked_for_the_latest_only(busy, files):
    await watch(busy, "", concurrency=1)
    files.put("a")
    await busy.sent(1)
    files.put("b")
    await busy.until(lambda: len(busy.runs()) == 2)
    files.put("b", version=2)
    await busy.until(lambda: len(busy.runs()) == 3)
    assert busy.states() == ["claimed", "queued", "queued"]


async def test_an_older_version_that_waits_for_a_batch_is_superseded_and_one_in_a_batch_stays(busy, files):
    await watch(busy, "on_overwrite=latest_only batch=2 window=1h", concurrency=1)
    files.put("a", "b")
    assert await groups(busy, 1) == ["ab"]
    files.put("c", "d")
    await busy.until(lambda: len(busy.runs()) == 2)
    files.put("c", version=2)
    await busy.until(lambda: gathering(busy) == ["c"])
    files.put("c", version=3)
    await busy.until(lambda: len(busy.runs()) == 3)
    assert busy.states() == ["claimed", "queued", "skipped"]
    assert gathering(busy) == ["c"]
    audit = await busy.balance()
    assert (audit["observed"], audit["superseded"], audit["pending"]) == (6, 1, 5)


async def test_a_newer_version_that_is_filtered_out_supersedes_nothing(busy, files):
    await watch(busy, "on_overwrite=latest_only", concurrency=1, filter='{"version": ["1"]}')
    files.put("a")
    await busy.sent(1)
    files.put("b")
    await busy.until(lambda: len(busy.runs()) == 2)
    files.put("b", version=2)
    await busy.until(lambda: len(busy.runs()) == 3)
    assert busy.states() == ["claimed", "queued", "skipped"]
    assert (await busy.balance())["superseded"] == 0
