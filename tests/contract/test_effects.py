"""What must not happen twice, and items that failed by themselves: from the handler to what a person is told."""

import os
import signal

import psutil
import pytest

MODULE = """
import os, time
from pathlib import Path
from jupyter_fn import Failures, Throttled

@fn(retries=5, backoff="none")
def pay(event, context):
    with context.effect("charge"):
        with open("charged", "a") as file: file.write(f"{event.order}\\\\n")
        while event.get("hangs") and not Path("go").exists(): time.sleep(0.01)
        if event.get("dies"): os._exit(1)
    if event.get("fails"): raise ValueError("afterwards")
    return "paid"

@fn(on="topic:orders batch=10 window=1s", retries=1, backoff="none")
def each(event, context):
    failed = Failures()
    for record in event.records:
        with open("handled", "a") as file: file.write(f"{record.value['n']} ")
        if record.value["n"] == 3: failed.add(record.id, ValueError("three"))
    return failed

@fn(retries=0)
def slow(event, context):
    if context.attempt < 3: raise Throttled("Slow down.", retry_after=0.01)
    return context.attempt
"""


@pytest.fixture
def shop(bare):
    bare.publish(MODULE.replace("\\\\n", "\\n"))
    return bare


def charged(shop):
    return (shop.work / "charged").read_text().split()


@pytest.mark.parametrize("how", ["dies", "fails"])
def test_a_handler_that_ends_behind_its_effect_is_unknown_and_has_begun_it_once(shop, how):
    said = shop.fn(["invoke", "pay", "--event", f'{{"order": 1, "{how}": true}}'])
    assert said.code == 1
    assert "'charge'" in said.err
    (run,) = shop.ok("runs pay --json").json
    assert (run["state"], run["reason"], run["attempts"]) == ("unknown", "EffectUnknown", 1)
    assert charged(shop) == ["1"]
    whole = shop.ok(f"run {run['id']} --json").json
    assert [(one["name"], one["done"] is not None) for one in whole["effects"]] == [("charge", how == "fails")]
    assert "charge" in shop.ok(f"run {run['id']}").out
    assert "may have happened" in shop.ok(f"explain pay {run['id']}").out


def kill_workers(shop):
    for process in psutil.Process(shop.address["pid"]).children(recursive=True):
        if "zygote" in " ".join(process.cmdline()):
            os.kill(process.pid, signal.SIGKILL)


def kill_service(shop):
    children = psutil.Process(shop.address["pid"]).children(recursive=True)
    shop.kill()
    shop.until(lambda: not [child for child in children if shop.alive(child.pid)], "its workers to end by themselves")
    shop.ok("start")


@pytest.mark.parametrize("kill", [kill_workers, kill_service])
def test_whatever_is_killed_inside_an_effect_it_is_not_begun_again_by_itself(shop, kill):
    run_id = shop.submit("pay", {"order": 7, "hangs": True})
    shop.until(lambda: (shop.work / "charged").exists() and charged(shop), "the effect")
    kill(shop)
    assert shop.ended(run_id)["state"] == "unknown"
    (shop.work / "go").touch()
    assert charged(shop) == ["7"]
    assert [run["id"] for run in shop.ok("failures pay --json").json] == [run_id]
    shop.ok("redrive pay")
    shop.until(lambda: shop.ok("runs pay --state succeeded --json").json, "the redriven run")
    assert charged(shop) == ["7", "7"]  # a person has decided so


def test_of_a_batch_only_the_items_that_failed_are_tried_again(shop):
    for n in range(6):
        shop.ok(["emit", "orders", "--record", f'{{"n": {n}}}'])
    shop.until(lambda: len(shop.ok("runs each --state dead --json").json) == 1, "the item that cannot be handled")
    audit = shop.ok("audit each --json").json
    assert (audit["observed"], audit["done"], audit["dead"], audit["balanced"]) == (6, 5, 1, True)
    handled = (shop.work / "handled").read_text().split()
    assert sorted(set(handled)) == [str(n) for n in range(6)]
    assert [handled.count(str(n)) for n in range(6)] == [1, 1, 1, 2, 1, 1]
    (dead,) = shop.ok("runs each --state dead --json").json
    assert "ValueError: three" in dead["error"]["message"]


def test_throttling_uses_no_retry_up(shop):
    assert shop.ok("invoke slow").json == 3
