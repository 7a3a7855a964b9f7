"""What a handler may be, take and give: AWS's way and ours, large and strange values, environment, limits on how many at once."""

import json
from pathlib import Path

import pytest

MODULE = """
import os, sys, subprocess, threading, time
from pathlib import Path

@fn
def aws(event, context):
    return {"statusCode": 200, "body": event["Records"][0]["body"].upper()}

@fn
async def later(event):
    import asyncio
    await asyncio.sleep(0)
    return event.n + 1

@fn
def size(event):
    return {"size": len(event.text), "back": event.text}

@fn(env={"STAGE": "test", "EMPTY": ""})
def where(event):
    return [os.environ["STAGE"], os.environ["EMPTY"], os.getcwd(), __name__ == "__main__"]

@fn
def chatty(event):
    os.write(1, b"\\xff raw bytes \\n")
    subprocess.run(["echo", "from a child"], check=True)
    print("x" * event.chars)
    print("the end", file=sys.stderr)

@fn
def state(event):
    state.calls = getattr(state, "calls", 0) + 1
    return [state.calls, os.getpid()]

@fn
def threads(event):
    import numpy, pandas
    found = []
    workers = [threading.Thread(target=lambda n=n: found.append(int(numpy.arange(n).sum()))) for n in (10, 100)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    return sorted(found)

@fn
def tidy(event, context):
    first = not any(context.scratch.iterdir())
    (context.scratch / "left").write_text("x")
    return [first, str(context.scratch)]

@fn(on="alone/*.txt settle=50ms", concurrency=1)
def alone(event, context):
    with open("journal.txt", "a") as journal:
        journal.write(f"in {event.stem}\\n")
    with context.output(f"alone-out/{event.name}") as path:
        path.write_text("x")
    time.sleep(0.01)
    with open("journal.txt", "a") as journal:
        journal.write(f"out {event.stem}\\n")

@fn(timeout="1s", retries=0)
def parent(event):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path("child.pid").write_text(str(child.pid))
    child.wait()
"""


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


def test_a_handler_written_for_lambda_works(house):
    said = house.invoke("aws", {"Records": [{"body": "hello"}]})
    assert said.json == {"statusCode": 200, "body": "HELLO"}


def test_a_coroutine_is_awaited(house):
    assert house.invoke("later", {"n": 1}).out == "2\n"


@pytest.mark.parametrize("text", ["", "ä→💥\n\t\\ \u2028", "x" * 3_000_000])
def test_any_text_of_any_length_goes_there_and_back(house, text):
    (house.work / "event.json").write_text(json.dumps({"text": text}))
    value = house.ok("invoke size --event @event.json").json
    assert value == {"size": len(text), "back": text}
    assert house.get(f"runs/{house.runs('size --last 1')[0]['id']}")["result"] == value


def test_it_works_in_its_folder_with_its_environment(house):
    assert house.invoke("where").json[:3] == ["test", "", str(house.work)]


def test_what_it_says_by_whatever_way_is_its_log(house):
    said = house.invoke("chatty", {"chars": 10})
    assert said.code == 0
    for words in (" raw bytes ", "from a child", "x" * 10, "the end"):
        assert words in said.err


def test_a_flood_of_words_is_kept_at_both_ends(house):
    said = house.invoke("chatty", {"chars": 20_000_000})
    assert said.code == 0
    log = house.ok(f"logs {house.runs('chatty --last 1')[0]['id']}").out
    assert len(log) < 10_000_000
    assert "from a child" in log
    assert "the end" in log


def test_a_warm_environment_keeps_what_was_loaded(house):
    first, second = house.invoke("state").json, house.invoke("state").json
    assert second == [2, first[1]]


def test_threads_and_numpy_work_in_a_forked_environment(house):
    assert house.invoke("threads").json == [45, 4950]


def test_scratch_is_empty_at_first_and_gone_afterwards(house):
    (one, path), (two, other) = house.invoke("tidy").json, house.invoke("tidy").json
    assert (one, two) == (True, True)
    assert path != other
    for folder in (path, other):
        assert not Path(folder).exists()


def test_no_more_run_at_once_than_allowed(house):
    for number in range(30):
        house.write(f"alone/{number}.txt", "x")
    assert {run["state"] for run in house.all_ended("alone", 30)} == {"succeeded"}
    journal = (house.work / "journal.txt").read_text().splitlines()
    assert len(journal) == 60
    for entered, left in zip(journal[::2], journal[1::2], strict=True):
        assert (entered.split()[0], left.split()[0]) == ("in", "out")
        assert entered.split()[1] == left.split()[1]
    assert len(list((house.work / "alone-out").iterdir())) == 30


def test_what_a_killed_handler_has_started_ends_with_it(house):
    assert house.invoke("parent").code == 1
    pid = int((house.work / "child.pid").read_text())
    house.until(lambda: not house.alive(pid), "the end of the handler's own child")
