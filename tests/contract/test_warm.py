"""`--warm N`: environments of the live version stand ready before anything happens."""

from contextlib import suppress

import psutil
import pytest

WHO = """
import os
@fn(warm={warm})
def who(event):
    return [{answer}, os.getpid()]
"""


@pytest.fixture(scope="module")
def settings():
    return {"max_workers": "1", "idle_timeout_s": "1"}


def once(house):
    return house.ended(house.submit("who"))


def test_the_first_run_is_a_warm_one(bare):
    bare.start()
    bare.publish(WHO.format(warm=2, answer=1))
    pids = bare.until(lambda: len(kept := environments(int(bare.address["pid"]))) == 2 and kept, "two environments")
    run = once(bare)
    assert (run["cold"], run["init_ms"]) == (False, 0)
    assert run["result"][1] in pids
    assert "Init Duration" not in bare.invoke("who").err


def test_what_is_kept_follows_the_live_version_and_keeps_a_worker(bare):
    bare.start()
    for answer in (1, 2):
        bare.publish(WHO.format(warm=1, answer=answer))
        run = bare.until(lambda: not (run := once(bare))["cold"] and run, "a run in what was kept ready")
        assert run["result"][0] == answer
    assert bare.get("status")["workers"]
    bare.publish(WHO.format(warm=0, answer=3))
    bare.until(lambda: not bare.get("status")["workers"], "the end of a worker that is idle and kept for nothing")
    assert bare.ok("cost --json").json["cluster"]["idle_s"] > 0


def environments(service):
    """Process ids of what zygotes of this service have forked; a fork has the command of its zygote."""
    found = {}
    for one in psutil.Process(service).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile, or nobody has collected it yet
            if "jupyter_fn.runtime.zygote" in " ".join(one.cmdline()):
                found[one.pid] = one.ppid()
    return [pid for pid, parent in found.items() if parent in found]
