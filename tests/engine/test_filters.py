"""Filters: which events get runs, which are skipped, what goes into batches, and how it is told."""

import json

import pytest

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.event import NewEvent
from jupyter_fn.policy.filters import parse_filter
from jupyter_fn.sources.protocol import Poll
from jupyter_fn.store import batches, events

pytestmark = pytest.mark.anyio

BIG = json.dumps({"size": [{"numeric": [">", 10]}]})
RED = json.dumps({"value": {"colour": ["red"]}})


class Files:
    """What a test puts there: files of so many bytes, a page per look."""

    def __init__(self):
        self.pages = []
        self.hint = lambda: None

    def put(self, **sizes):
        self.pages.append([_file(name, size) for name, size in sizes.items()])
        self.hint()

    def poll(self, position, now):
        number = position or 0
        if number >= len(self.pages):
            return Poll(events=[], position=position)
        return Poll(events=self.pages[number], position=number + 1)

    def listen(self, hint):
        self.hint = hint

    def survey(self, now):
        return [event.key for page in self.pages for event in page]


def _file(name, size):
    data = {"path": f"/in/{name}", "name": name, "size": size}
    return NewEvent(key=f"/in/{name}@1", type="file.created", source="/in", time=1.0, data=data)


@pytest.fixture
def files(monkeypatch):
    source = Files()
    monkeypatch.setattr("jupyter_fn.engine.poller.Poller.build", lambda poller, trigger: source)
    return source


async def emit(stage, topic, *colours):
    await stage.engine.invocations.emit(topic, [{"value": {"colour": colour, "n": n}} for n, colour in colours])


def numbers(assignment):
    return [record["value"]["n"] for record in assignment.event["records"]]


# --- by hand


async def test_an_event_by_hand_is_matched_as_it_was_passed(busy):
    await busy.publish(filter=BIG)
    answer = await busy.engine.invocations.invoke("f", {"size": 3}, wait_s=60)
    assert (answer["state"], answer["reason"], answer["result"]) == ("skipped", "Filtered", None)
    assert answer["ended"]
    taken = await busy.invoke(event={"size": 11})
    assert [assignment.run_id for assignment in await busy.sent(1)] == [taken]


async def test_what_is_no_object_is_under_data(stage):
    await stage.publish(filter='{"data": [{"prefix": "a"}]}')
    for event in ("abc", "bcd", 5):
        await stage.invoke(event=event)
    assert stage.states() == ["queued", "skipped", "skipped"]


async def test_only_what_was_passed_counts_by_hand(stage):
    await stage.publish(filter='{"function": ["f"]}')
    await stage.invoke(event={"n": 1})
    await stage.invoke(event={"function": "f"})
    assert stage.states() == ["skipped", "queued"]


async def test_many_at_once_are_matched_one_by_one(stage):
    await stage.publish(filter=BIG)
    ids = await stage.engine.invocations.map("f", [{"size": size} for size in (5, 20, 6, 30)])
    assert [stage.run(run_id).state.value for run_id in ids] == ["skipped", "queued", "skipped", "queued"]
    assert (await stage.balance())["skipped"] == 2


async def test_an_event_by_its_key_is_skipped_once(stage):
    await stage.publish(filter=BIG)
    first, second = [await stage.invoke(event={"size": 1}, run_key="k") for _ in range(2)]
    assert first == second
    assert stage.states() == ["skipped"]


# --- the version that counts


async def test_the_filter_of_the_version_that_handles_the_event_counts(stage):
    await stage.publish(filter=BIG)
    await stage.publish(filter='{"size": [{"numeric": ["<", 10]}]}')
    by_version = {}
    for qualifier in ("1", "2", ""):
        run_id = await stage.invoke(event={"size": 50}, qualifier=qualifier)
        by_version[qualifier] = stage.run(run_id).state.value
    assert by_version == {"1": "queued", "2": "skipped", "": "skipped"}
    await stage.engine.operations.rollback("f")
    assert stage.run(await stage.invoke(event={"size": 50})).state.value == "queued"


async def test_of_an_alias_with_weights_each_event_goes_by_its_own_version(stage):
    await stage.publish(filter=BIG)
    await stage.publish()
    await stage.engine.operations.set_alias("f", "live", {1: 1, 2: 1})
    ids = await stage.engine.invocations.map("f", [{"size": 1}] * 40)
    seen = {(run.version, run.state.value) for run in map(stage.run, ids)}
    assert seen == {(1, "skipped"), (2, "queued")}


async def test_a_failure_is_redriven_whatever_the_filter_says_now(busy):
    (given,) = await busy.invoked(1, retries=0)
    busy.executor.fail(given)
    await busy.ended(given.run_id)
    await busy.publish(filter=BIG)
    await busy.engine.redrives.redrive("f", None)
    assert [assignment.run_id for assignment in await busy.sent(1)] == [busy.runs()[-1].id]


# --- triggers


async def test_an_event_of_a_trigger_is_matched_as_its_handler_gets_it(busy, files):
    pattern = {"type": ["file.created"], "attempt": [1], "name": [{"wildcard": "*.csv"}]}
    await busy.publish(on=("in/*",), filter=json.dumps(pattern))
    files.put(**{"a.csv": 1, "b.txt": 1})
    await busy.until(lambda: len(busy.runs()) == 2)
    assert [(run.state.value == "skipped", run.reason) for run in busy.runs()] == [(False, ""), (True, "Filtered")]
    assert (await busy.balance())["skipped"] == 1


async def test_files_are_chosen_before_they_go_into_a_batch(busy, files):
    await busy.publish(on=("in/* batch=2",), filter=BIG)
    files.put(a=1, b=20, c=2, d=30, e=40)
    sent = await busy.sent(2)
    assert [[file["name"] for file in batch.event["files"]] for batch in sent] == [["b", "d"], ["e"]]
    assert busy.states().count("skipped") == 2
    assert not busy.read(batches.gathering, busy.trigger().id)
    assert (await busy.balance())["skipped"] == 2


async def test_batches_of_a_topic_fill_with_what_matches(busy):
    await busy.publish(on=("topic:t batch=3",), filter=RED)
    colours = [(n, "red" if n % 2 else "blue") for n in range(1, 9)]
    await emit(busy, "t", *colours)
    sent = await busy.sent(2)
    assert [numbers(assignment) for assignment in sent] == [[1, 3, 5], [7]]
    assert busy.states().count("skipped") == 0
    assert [event.size for event in (busy.read(events.get, run.event_id) for run in busy.runs())] == [3, 1]


async def test_the_position_moves_over_what_does_not_match(busy):
    await busy.publish(on=("topic:t",), filter=RED)
    await emit(busy, "t", (1, "blue"), (2, "blue"))
    await busy.until(lambda: busy.trigger().position == 2)
    assert not busy.runs()


async def test_a_new_version_chooses_from_then_on(busy):
    await busy.publish(on=("topic:t",), filter=RED)
    await emit(busy, "t", (1, "blue"), (2, "red"))
    await busy.sent(1)
    await busy.publish(on=("topic:t",), filter=RED.replace("red", "blue"))
    await emit(busy, "t", (3, "red"), (4, "blue"))
    assert [numbers(assignment) for assignment in await busy.sent(2)] == [[2], [4]]


# --- publishing


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_filter_that_cannot_be_read_is_not_published(stage, dry_run):
    with pytest.raises(BadValue, match=r"--filter: The filter cannot be read at size: the list is empty") as caught:
        await stage.engine.publisher.publish(stage.draft(filter='{"size":[]}'), dry_run=dry_run)
    assert caught.value.remedy
    assert await stage.engine.questions.functions() == []


async def test_another_filter_is_another_version(stage):
    first = await stage.publish()
    second = await stage.publish(filter=BIG)
    again = await stage.publish(filter=BIG)
    assert [one["version"]["number"] for one in (first, second, again)] == [1, 2, 2]
    assert "filter" not in first["version"]["options"]
    assert second["version"]["options"]["filter"] == BIG


# --- explain


async def explained(stage, subject):
    answer = await stage.engine.explanations.explain("f", subject)
    return " ".join(answer["sentences"])


async def test_an_event_that_may_come_is_explained(stage):
    await stage.publish(filter=BIG)
    assert await explained(stage, '{"size": 11}') == "The filter of f (version 1) takes this event."
    said = await explained(stage, '{"size": 3}')
    assert said == f"The filter of f (version 1) does not take this event. {parse_filter(BIG).why_not({'size': 3})}"
    await stage.publish()
    assert await explained(stage, '{"size": 3}') == "f has no filter: version 2 handles every event."


async def test_a_skipped_run_explains_itself(stage):
    await stage.publish(filter=BIG)
    said = await explained(stage, await stage.invoke(event={"size": 3}))
    assert "its function's filter does not take its event" in said
    assert 'size is 3, which [{"numeric":[">",10]}] does not take.' in said


async def test_what_looks_like_json_but_is_none_is_a_path(stage):
    await stage.publish(filter=BIG)
    assert "no trigger that could take {size" in await explained(stage, "{size")


async def test_a_record_that_is_not_wanted_is_explained(busy):
    await busy.publish(on=("topic:t",), filter=RED)
    await emit(busy, "t", (1, "blue"))
    await busy.until(lambda: busy.trigger().position)
    said = await explained(busy, str(busy.trigger().position))
    assert 'value.colour is "blue", which ["red"] does not take' in said
