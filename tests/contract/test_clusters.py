"""Workers from elsewhere: a scheduler's address, or any cluster class with its arguments."""

import json
import subprocess
import sys

import pytest

JOBS = """
import os

@fn(retries=0)
def where(event):
    return os.environ.get("DASK_HERE", "")

@fn(timeout="1s", retries=0)
def sleeper(event):
    import time
    time.sleep(600)
"""


@pytest.fixture
def processes(bare):
    """`processes("dask_scheduler --port 0")` starts a part of Dask; all of them are ended afterwards."""
    started = []

    def start(module, *words):
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *words],
            cwd=bare.work,
            env={**bare.environment, "DASK_HERE": "yes"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait()


def test_a_running_cluster_is_used_by_its_address_and_left_as_it_was(bare, processes):
    file = bare.work / "scheduler.json"
    scheduler = processes("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    worker = processes("dask_worker", "--scheduler-file", str(file), "--no-dashboard", "--nthreads", "1")
    bare.until(file.exists, "the scheduler")
    address = bare.until(lambda: json.loads(file.read_text() or "{}").get("address"), "its address")
    bare.ok(["start", "--cluster", address])
    bare.publish(JOBS)
    assert bare.invoke("where").out == '"yes"\n'
    assert bare.invoke("sleeper").code == 1
    assert bare.invoke("where").code == 0
    assert bare.ok("status --json").json["cluster"] == address
    bare.ok("stop")
    assert scheduler.poll() is None
    assert worker.poll() is None


def test_a_cluster_class_is_made_with_its_arguments(bare):
    spec = "distributed.LocalCluster n_workers=0 threads_per_worker=1 dashboard_address=:0"
    bare.ok(["start", "--cluster", spec])
    bare.publish(JOBS)
    assert bare.invoke("where").out == '""\n'
    assert len(bare.ok("status --json").json["workers"]) == 1
