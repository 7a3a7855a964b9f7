"""Batches: what is to blame is found, what is not is done, and every item is accounted for."""

import json
from math import ceil, log2

import pytest

THOUSAND = 1000
POISONED = 617


def audited(house, function):
    """The audit, once nothing is pending any more."""

    def look():
        audit = house.get(f"functions/{function}/audit")
        return audit if audit["observed"] and not audit["pending"] else None

    return house.until(look, f"the end of all of {function}")


def depth(runs):
    parents = {run["id"]: run["parent"] for run in runs}

    def levels(run_id):
        return 1 + levels(parents[run_id]) if parents.get(run_id) else 1

    return max(map(levels, parents))


def one_is_dead_and_the_others_are_done(house, function):
    audit = audited(house, function)
    assert {name: audit[name] for name in ("observed", "done", "dead", "skipped", "balanced")} == {
        "observed": THOUSAND,
        "done": THOUSAND - 1,
        "dead": 1,
        "skipped": 0,
        "balanced": True,
    }
    runs = house.get(f"runs?function={function}&last=10000")
    assert depth(runs) <= ceil(log2(THOUSAND)) + 1
    (dead,) = house.get(f"functions/{function}/failures")
    assert (dead["batch_size"], dead["attempts"]) == (1, 2)
    assert sum(run["result"] for run in runs if run["state"] == "succeeded") == THOUSAND - 1
    return house.get(f"runs/{dead['id']}")["event"]


def test_one_poisoned_record_of_a_thousand_ends_dead_and_all_others_are_done(house):
    house.publish(
        f"""
        @fn(on="topic:numbers batch={THOUSAND} window=1h", retries=1, backoff="none")
        def records(event):
            assert all(record.value != {POISONED} for record in event.records)
            return len(event.records)
        """
    )
    lines = "".join(f"{json.dumps(number)}\n" for number in range(THOUSAND))
    house.ok("emit numbers", stdin=lines)
    event = one_is_dead_and_the_others_are_done(house, "records")
    assert [record["value"] for record in event["records"]] == [POISONED]


def test_one_poisoned_file_of_a_thousand_ends_dead_and_all_others_are_done(house):
    for number in range(THOUSAND):
        house.write(f"in/{number:04d}.txt", str(number))
    house.publish(
        f"""
        @fn(on="in/*.txt settle=100ms batch={THOUSAND} window=1h", retries=1, backoff="none")
        def files(event):
            assert all(file.open().read() != "{POISONED}" for file in event.files)
            return len(event.files)
        """
    )
    event = one_is_dead_and_the_others_are_done(house, "files")
    assert [file["name"] for file in event["files"]] == [f"{POISONED:04d}.txt"]


@pytest.mark.parametrize("way", ["aws", "failures"])
def test_the_items_that_a_handler_names_are_tried_again_together(house, way):
    answers = {
        "aws": '{"batchItemFailures": [{"itemIdentifier": one} for one in bad]}',
        "failures": "Failures({one: ValueError(one) for one in bad})",
    }
    for number in range(100):
        house.write(f"{way}/{number:02d}.txt", str(number))
    house.publish(
        f"""
        from jupyter_fn import Failures

        @fn(on="{way}/*.txt settle=100ms batch=100 window=1h", retries=1, backoff="none")
        def {way}(event):
            bad = [file.path for file in event.files if file.stem in ("07", "42", "99")]
            return {answers[way]}
        """,
        name=f"{way}.py",
    )
    audit = audited(house, way)
    assert (audit["done"], audit["dead"], audit["balanced"]) == (97, 3, True)
    runs = house.get(f"runs?function={way}&last=100")
    assert sorted((run["state"], run["batch_size"], run["attempts"]) for run in runs) == [
        ("dead", 3, 1),
        ("split", 100, 1),
        ("succeeded", 97, 0),
    ]


def test_what_waits_for_a_batch_is_taken_up_after_a_kill(bare):
    bare.start()
    bare.publish(
        """
        @fn(on="in/*.txt settle=100ms batch=3 window=1h")
        def files(event):
            return [file.name for file in event.files]
        """
    )
    bare.write("in/a.txt", "a")
    bare.write("in/b.txt", "b")
    bare.until(lambda: bare.get("functions/files")["triggers"][0]["lag"] == 2, "two files that wait")
    bare.kill()
    bare.write("in/c.txt", "c")
    bare.start()
    (run,) = bare.all_ended("files", 1)
    assert (run["result"], run["batch_size"]) == (["a.txt", "b.txt", "c.txt"], 3)
