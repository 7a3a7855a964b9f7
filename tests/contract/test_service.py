"""The service as a process: started on demand, owned once, stopped, killed and started again; nothing is lost."""

import os
import signal
from pathlib import Path

import psutil
import pytest

WATCHER = """
import time

@fn(on="in/*.txt settle=50ms", memory="256MB")
def keep(event, context):
    with context.output(f"out/{event.name}") as path:
        path.write_text(event.open().read())
    time.sleep(0.02)
    return event.name

@fn
def one(event):
    return 1
"""


def serve(house, words=""):
    """`serve`, ready: the process and the one line that it prints."""
    process = house.popen(f"serve {words}")
    return process, process.stdout.readline()


def test_whoever_needs_the_service_first_starts_it(bare):
    assert bare.ok("ls --json").json == []
    status = bare.ok("status --json").json
    assert {"version", "pid", "url", "home", "started", "cluster", "workers"} <= set(status)
    assert status["pid"] == bare.address["pid"]
    assert bare.ok("start").out.strip() == status["url"]
    assert bare.ok("stop").out == "Stopped.\n"
    assert not bare.alive(status["pid"])
    assert not (bare.home / "service.json").exists()
    assert bare.fn("status").code == 1


def test_the_home_may_be_named_by_a_flag(bare, tmp_path):
    other = tmp_path / "other"
    assert bare.ok(f"ls --json --home {other}").json == []
    assert (other / "service.json").exists()
    assert not bare.home.exists()
    bare.ok(f"stop --home {other}")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_is_in_one_line_and_ends_when_it_is_told_to(bare, signum):
    process, line = serve(bare)
    assert bare.address["url"] in line
    assert bare.ok("ls --json").json == []
    process.send_signal(signum)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert not (bare.home / "service.json").exists()


def test_a_home_has_one_service(house):
    pid = house.address["pid"]
    said = house.fn("serve")
    assert said.code == 1
    assert str(pid) in " ".join(said.two_lines)
    assert house.address["pid"] == pid
    assert house.ok("status --json").json["pid"] == pid


def test_several_who_start_at_once_start_one(bare):
    processes = [bare.popen("start") for _ in range(3)]
    said = {process.communicate(timeout=60)[0] for process in processes}
    assert {process.returncode for process in processes} == {0}
    assert len(said) == 1


def test_workers_come_for_work_and_go_when_there_is_none(tmp_path_factory, bare):
    bare.environment |= {"JUPYTER_FN_IDLE_TIMEOUT_S": "1"}
    bare.publish(WATCHER)
    assert bare.get("status")["workers"] == []
    assert bare.invoke("one").out == "1\n"
    workers = bare.until(lambda: bare.get("status")["workers"], "a worker")
    assert set(workers[0]) >= {"id", "slots", "busy"}
    bare.until(lambda: bare.get("status")["workers"] == [], "the workers to go")
    assert bare.invoke("one").out == "1\n"


def test_stopping_leaves_no_process_behind(bare):
    bare.publish(WATCHER)
    assert bare.invoke("one").code == 0
    children = psutil.Process(bare.address["pid"]).children(recursive=True)
    assert children
    bare.ok("stop")
    bare.until(lambda: not [child for child in children if bare.alive(child.pid)], "all its processes to end")


def test_what_arrives_while_it_is_down_is_caught_up_with(bare):
    bare.publish(WATCHER)
    bare.write("in/before.txt", "x")
    bare.all_ended("keep", 1)
    bare.ok("stop")
    for number in range(3):
        bare.write(f"in/{number}.txt", str(number))
    bare.start()
    runs = bare.all_ended("keep", 4)
    assert sorted(run["result"] for run in runs) == ["0.txt", "1.txt", "2.txt", "before.txt"]
    assert sum(run["result"] == "before.txt" for run in bare.runs("keep")) == 1


def test_killed_in_the_middle_nothing_is_lost_and_nothing_is_done_twice(bare):
    bare.publish(WATCHER)
    files = 60
    for number in range(files):
        bare.write(f"in/{number}.txt", f"content {number}")
    bare.until(lambda: len(list((bare.work / "out").glob("*.txt"))) >= 5, "some results")
    queued = bare.submit("one")
    children = psutil.Process(bare.address["pid"]).children(recursive=True)
    bare.kill()
    bare.until(lambda: not [child for child in children if bare.alive(child.pid)], "its workers to end by themselves")
    assert bare.ok("start").out.startswith("http://")

    runs = bare.all_ended("keep", files)
    assert len(runs) == files
    assert {run["state"] for run in runs} == {"succeeded"}
    assert len({run["event_id"] for run in runs}) == files
    assert bare.ended(queued)["state"] == "succeeded"
    assert {path.name: path.read_text() for path in (bare.work / "out").glob("*.txt")} == {
        f"{number}.txt": f"content {number}" for number in range(files)
    }
    assert not [path for path in (bare.work / "out").iterdir() if path.name.startswith(".")]
    audit = bare.ok("audit keep --json").json
    assert (audit["observed"], audit["done"], audit["balanced"]) == (files, files, True)


def test_a_worker_that_is_killed_loses_nothing(bare):
    bare.publish(WATCHER)
    for number in range(40):
        bare.write(f"in/{number}.txt", "x")
    bare.until(lambda: len(list((bare.work / "out").glob("*.txt"))) >= 3, "some results")
    workers = [
        process
        for process in psutil.Process(bare.address["pid"]).children(recursive=True)
        if "zygote" in " ".join(process.cmdline())
    ]
    assert workers
    for process in workers:
        os.kill(process.pid, signal.SIGKILL)
    runs = bare.all_ended("keep", 40)
    assert {run["state"] for run in runs} == {"succeeded"}
    assert len({run["event_id"] for run in runs}) == len(runs) == 40


def test_a_home_that_cannot_be_made_is_refused_in_two_lines(bare, tmp_path):
    (tmp_path / "file").write_text("")
    said = bare.fn(f"start --home {tmp_path / 'file' / 'home'}")
    assert said.code == 1
    assert "--home" in said.two_lines[1]


def test_a_cluster_that_does_not_exist_is_refused(bare):
    for spec in ("nowhere.Class", "carrier-pigeon"):
        said = bare.fn(["start", "--cluster", spec])
        assert said.code != 0
        assert spec.partition(".")[0] in said.two_lines[0]
        assert not Path(bare.home / "service.json").exists()
