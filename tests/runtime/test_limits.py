"""Time, memory, and handlers that end their own process: each fails its own run only."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

STEADY = """
    from pathlib import Path
    def handler(event):
        while not Path("go").exists(): pass
        return "steady"
"""


def ends_alone(house: Any, source: str, **fields: Any) -> Any:
    """The outcome of `source`, while a run of another version goes on beside it and is not disturbed."""
    beside = house.assign(STEADY, run_id="beside")
    house.submit(beside)
    outcome = house.run(source, run_id="bad", **fields)
    assert [o.run_id for o in house.outcomes] == ["bad"]
    (house.folder / "go").touch()
    house.wait(lambda: len(house.outcomes) == 2)
    assert house.outcomes[1].result == "steady"
    return outcome


def test_a_run_beyond_its_time_is_killed_and_says_so(house: Any) -> None:
    outcome = ends_alone(house, "def handler(event):\n    print('in')\n    while True: pass", timeout_s=0.3)
    assert outcome.error["class"] == "RunTimedOut"
    assert "300 ms" in outcome.error["message"]
    assert "--timeout" in outcome.error["remedy"]
    assert outcome.log == "in\n"
    assert outcome.usage.duration_ms >= 300
    assert outcome.usage.cpu_ms > 0


def test_signals_that_the_handler_ignores_do_not_save_it(house: Any) -> None:
    source = """
        import signal, time
        def handler(event):
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            time.sleep(600)
    """
    assert house.run(source, timeout_s=0.2).error["class"] == "RunTimedOut"


def test_a_run_beyond_its_memory_is_killed_with_limit_and_peak(house: Any) -> None:
    source = """
        def handler(event):
            hoard = []
            while True: hoard.append(bytearray(4 << 20))
    """
    outcome = ends_alone(house, source, memory_mb=128)
    assert outcome.error["class"] == "OutOfMemory"
    assert "128 MB" in outcome.error["message"]
    assert "peak 1" in outcome.error["message"]
    assert outcome.usage.max_memory_mb >= 128


def test_one_allocation_far_beyond_the_limit_is_refused_and_is_the_same_error(house: Any) -> None:
    outcome = house.run("def handler(event): return len(bytearray(4 << 30))", memory_mb=128)
    assert outcome.error["class"] == "OutOfMemory"
    assert "128 MB" in outcome.error["message"]
    assert "bytearray(4 << 30)" in outcome.error["traceback"]


def test_the_memory_of_child_processes_counts(house: Any) -> None:
    source = """
        import subprocess, sys
        def handler(event):
            subprocess.run([sys.executable, "-c", "import time; x = bytearray(200 << 20); time.sleep(600)"])
    """
    outcome = house.run(source, memory_mb=128)
    assert outcome.error["class"] == "OutOfMemory"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import os; os._exit(3)", "exit code 3"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
def test_a_handler_that_ends_its_process_fails_its_own_run_only(house: Any, body: str, told: str) -> None:
    outcome = ends_alone(house, f"def handler(event):\n    print('before', flush=True)\n    {body}")
    assert outcome.error["class"] == "EnvironmentDied"
    assert told in outcome.error["message"]
    assert outcome.log.startswith("before\n")


def test_a_segmentation_fault_says_where_it_was(house: Any) -> None:
    outcome = house.run("import ctypes\ndef handler(event): ctypes.string_at(0)")
    assert 'File "<fn f>", line 2 in handler' in outcome.log


def test_runs_written_ahead_survive_the_end_of_the_one_before(house: Any) -> None:
    source = "import os\ndef handler(event):\n    if event.n == 20: os._exit(1)\n    return event.n"
    runs = [house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(40)]
    outcomes = house.finish(*runs)
    assert [o.result for o in outcomes] == [n if n != 20 else None for n in range(40)]
    assert len(house.outcomes) == 40


ORPHANS = """
    import os, subprocess, sys, time
    def handler(event):
        child = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(600)"
        process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
        open("pid", "wb").write(process.stdout.readline())
        {end}
"""


@pytest.mark.parametrize("end", ["os._exit(1)", "time.sleep(600)"])
def test_processes_that_a_killed_run_has_started_die_with_it(house: Any, end: str) -> None:
    house.run(ORPHANS.format(end=end), timeout_s=3.0)
    pid = int((house.folder / "pid").read_text())
    house.run("def handler(event): pass")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_cancelling_kills_a_run_in_progress(house: Any) -> None:
    house.submit(house.assign("import time\ndef handler(event): time.sleep(600)", run_id="long"))
    house.wait(lambda: house.told_started)
    house.cancel("long", 1)
    house.wait(lambda: house.outcomes)
    assert house.outcomes[0].error["class"] == "RunCancelled"


def test_cancelling_takes_back_a_run_that_waits(house: Any) -> None:
    runs = [house.assign(STEADY, run_id=f"r{i}") for i in range(3)]
    house.submit(*runs)
    house.wait(lambda: len(house.told_started) == 2)
    house.cancel("r2", 1)
    assert [(o.run_id, o.error["class"]) for o in house.outcomes] == [("r2", "RunCancelled")]
    (house.folder / "go").touch()
    house.wait(lambda: len(house.outcomes) == 3)
    assert [o.result for o in house.outcomes[1:]] == ["steady", "steady"]


def test_cancelling_another_token_or_what_has_ended_is_nothing(house: Any) -> None:
    house.run("def handler(event): pass", run_id="r")
    house.cancel("r", 1)
    house.cancel("r", 2)
    house.cancel("never", 1)
    assert len(house.outcomes) == 1


def test_a_top_level_that_does_not_end_is_killed(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_fn.runtime.watch._LOAD_LIMIT_S", 0.3)
    outcome = house.run("while True: pass\ndef handler(event): pass", timeout_s=0.2)
    assert outcome.error["class"] == "LoadFailed"
    assert "top level" in outcome.error["message"]


def test_a_stopped_handler_is_killed_at_its_time(house: Any) -> None:
    source = "import os, signal\ndef handler(event): os.kill(os.getpid(), signal.SIGSTOP)"
    assert house.run(source, timeout_s=0.3).error["class"] == "RunTimedOut"


def test_a_zygote_that_is_killed_loses_its_runs_and_nothing_else(house_with: Any) -> None:
    house = house_with(slots=2)
    running = house.assign(STEADY, run_id="running")
    waiting = [house.assign(STEADY, run_id=f"w{i}") for i in range(3)]
    house.submit(running, *waiting)
    house.wait(lambda: len(house.told_started) == 2)
    started = {run_id for run_id, _, _ in house.told_started}
    os.kill(house.pool.zygote, signal.SIGKILL)
    house.wait(lambda: len(house.outcomes) == 2)
    (house.folder / "go").touch()
    house.wait(lambda: len(house.outcomes) == 4)
    ends = {o.run_id: o.error["class"] if o.error else o.result for o in house.outcomes}
    assert {ends[run_id] for run_id in started} == {"WorkerLost"}
    assert {end for run_id, end in ends.items() if run_id not in started} == {"steady"}


def test_environments_die_with_the_process_that_owns_them(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = f"""
import asyncio, os
from pathlib import Path
from jupyter_fn.runtime.pool import Environments
async def main():
    pool = Environments(Path({str(tmp_path)!r}), slots=1, reports=None)
    pool.start()
    while pool._nurseries.own.ready_since is None:
        await asyncio.sleep(0.01)
    print(pool.zygote, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    with pytest.raises((ProcessLookupError, ChildProcessError)):
        os.waitid(os.P_PIDFD, os.pidfd_open(pid), os.WEXITED)


# --- the lease of a worker


def test_a_lease_that_is_not_renewed_ends_every_attempt_as_lost_and_later_ones_begin_again(house_with: Any) -> None:
    house = house_with(slots=2)
    house.submit(*[house.assign(STEADY, run_id=run_id) for run_id in "ab"])
    house.wait(lambda: len(house.told_started) == 2)
    house.tell(lambda: house.pool.lease(0.05))
    house.wait(lambda: len(house.outcomes) == 2)
    assert {o.error["class"] for o in house.outcomes} == {"WorkerLost"}
    assert "cut off for too long" in house.outcomes[0].error["message"]
    assert house.run("def handler(event): return 1").result == 1


def test_a_lease_that_is_given_up_ends_nothing(house_with: Any) -> None:
    house = house_with(slots=1)
    source = "import time\ndef handler(event): time.sleep(event.s)\n"
    house.run(source, {"s": 0})
    house.tell(lambda: house.pool.lease(0.2))
    house.tell(lambda: house.pool.lease(None))
    assert house.run(source, {"s": 0.4}).error is None


def test_a_lease_is_passed_on_a_few_times_however_often_it_is_renewed(house_with: Any, monkeypatch: Any) -> None:
    house = house_with(slots=1)
    asked: list[Any] = []
    monkeypatch.setattr(house.pool._nurseries.own, "_ask", lambda request, fds: asked.append(request))
    for _ in range(1000):
        house.tell(lambda: house.pool.lease(60.0))
    assert asked == [{"lease_s": 60.0}]
