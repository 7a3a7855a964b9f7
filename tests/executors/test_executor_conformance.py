"""What every executor promises, told by one suite over all of them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.model.errors import WorkerLost
from jupyter_fn.runtime.outputs import discard, publish

ECHO = "def handler(event): return event"
HOLD = """
    from pathlib import Path
    def handler(event, context):
        print("holding")
        context.progress(1, 2)
        while not Path("go").exists(): pass
        return "held"
"""


def test_a_run_goes_there_and_its_outcome_comes_back(bench: Any) -> None:
    source = """
        import os
        def handler(event, context):
            print("said")
            context.emit({"n": event.n})
            with context.output("a.txt") as path: path.write_text("whole")
            return [event.n, context.attempt, os.environ["COLOUR"], os.getcwd()]
    """
    outcome = bench.run(source, {"n": 5}, run_id="r", token=3, attempt=2, env={"COLOUR": "blue"})
    assert (outcome.run_id, outcome.token, outcome.error) == ("r", 3, None)
    assert outcome.result == [5, 2, "blue", str(bench.folder)]
    assert outcome.log == "said\n"
    assert outcome.emitted[0].value == {"n": 5}
    assert outcome.started <= outcome.ended
    assert outcome.usage.cold
    assert outcome.usage.duration_ms > 0
    publish(outcome.staged)
    assert (bench.folder / "a.txt").read_text() == "whole"


def test_which_items_failed_and_what_was_written_comes_back_too(bench: Any) -> None:
    source = """
        from jupyter_fn import Failures
        def handler(event):
            open("a", "w").close()
            return Failures([event.records[1].id])
    """
    event = {"type": "stream.batch", "records": [{"id": n} for n in "abc"]}
    outcome = bench.run(source, event, batch_size=3)
    assert outcome.failed == (1,)
    assert outcome.wrote == (str(bench.folder / "a"),)


def test_what_loses_can_be_discarded(bench: Any) -> None:
    source = "def handler(event, context):\n    with context.output('a.txt') as path: path.write_text('whole')"
    outcome = bench.run(source)
    discard(outcome.staged)
    assert list(bench.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "fields", "ends"),
    [
        ("raise ValueError('no')", {}, "HandlerFailed"),
        ("import time; time.sleep(600)", {"timeout_s": 0.2}, "RunTimedOut"),
        ("x = [bytearray(4 << 20) for _ in range(1000)]", {"memory_mb": 64}, "OutOfMemory"),
        ("import os; os._exit(3)", {}, "EnvironmentDied"),
        ("import ctypes; ctypes.string_at(0)", {}, "EnvironmentDied"),
        ("return open", {}, "ResultNotSerializable"),
    ],
)
def test_a_run_that_fails_ends_with_its_error_and_its_neighbour_goes_on(
    bench: Any, body: str, fields: Any, ends: str
) -> None:
    bench.send(bench.assign(HOLD, run_id="beside"))
    outcome = bench.run(f"def handler(event):\n    {body}", **fields)
    assert outcome.error["class"] == ends
    assert outcome.error["message"]
    assert bench.run(ECHO, {"n": 1}).result == {"n": 1}
    (bench.folder / "go").touch()
    bench.wait(lambda: any(o.run_id == "beside" and o.result == "held" for o in bench.done))


def test_many_short_runs_bring_exactly_one_outcome_each(bench: Any) -> None:
    for batch in range(2):
        runs = [bench.assign(ECHO, {"n": n}, run_id=f"{batch}-{n}") for n in range(1500)]
        assert [o.result["n"] for o in bench.finish(*runs)] == list(range(1500))
    assert len(bench.done) == 3000


def test_runs_beyond_the_slots_wait_there(bench: Any) -> None:
    bench.send(*[bench.assign(HOLD, run_id=f"hold-{n}") for n in range(2)])
    bench.wait(lambda: len(bench.begun) == 2)
    source = "def handler(event):\n    with open('order', 'a') as f: f.write(event.n)"
    bench.send(*[bench.assign(source, {"n": n}, run_id=n) for n in "abc"])
    assert len(bench.done) == 0
    (bench.folder / "go").touch()
    bench.wait(lambda: len(bench.done) == 5)
    assert sorted((bench.folder / "order").read_text()) == ["a", "b", "c"]


def test_outcomes_come_in_the_order_in_which_runs_end(bench: Any) -> None:
    bench.send(bench.assign(HOLD, run_id="first"))
    bench.wait(lambda: bench.begun)
    bench.finish(*[bench.assign(ECHO, run_id=f"later-{n}") for n in range(3)])
    (bench.folder / "go").touch()
    bench.wait(lambda: len(bench.done) == 4)
    assert [o.run_id for o in bench.done][-1] == "first"


WRITES = """
    def handler(event, context):
        with open("begun", "a") as file: file.write(f"{context.run_id}:{event.token} ")
"""


def test_an_attempt_that_is_sent_twice_begins_once_and_brings_one_outcome(bench: Any) -> None:
    attempts = [bench.assign(WRITES, {"token": token}, run_id="r", token=token) for token in (1, 2)]
    bench.send(*attempts, attempts[0])
    bench.wait(lambda: len(bench.done) == 2)
    bench.send(*attempts)
    others = [bench.assign(WRITES, {"token": 1}) for _ in range(10)]
    bench.finish(*others)
    assert sorted((o.run_id, o.token) for o in bench.done if o.run_id == "r") == [("r", 1), ("r", 2)]
    assert Counter((bench.folder / "begun").read_text().split()).most_common(1)[0][1] == 1


def test_a_long_run_is_announced_and_its_output_and_progress_are_told_live(bench: Any) -> None:
    bench.send(bench.assign(HOLD, run_id="long", token=2))
    bench.wait(lambda: bench.begun and bench.shown and bench.steps)
    assert bench.begun[0][:2] == ("long", 2)
    assert bench.shown == [("long", "holding\n")]
    assert bench.steps == [("long", 1.0, 2.0)]
    assert bench.done == []
    (bench.folder / "go").touch()
    bench.wait(lambda: bench.done)


def test_a_cancelled_run_ends_as_cancelled_and_unknown_ones_are_ignored(bench: Any) -> None:
    worker_id = bench.send(*[bench.assign(HOLD, run_id=f"r{n}") for n in range(3)])
    bench.wait(lambda: len(bench.begun) == 2)
    for run_id in ("never", "r2", "r0"):
        bench.cancel(worker_id, run_id)
    bench.wait(lambda: len(bench.done) == 2)
    assert {o.run_id: o.error["class"] for o in bench.done} == {"r0": "RunCancelled", "r2": "RunCancelled"}
    (bench.folder / "go").touch()
    bench.wait(lambda: len(bench.done) == 3)
    assert bench.done[2].result == "held"


def test_a_bundle_travels_once_to_a_worker(bench: Any) -> None:
    bench.finish(*[bench.assign(ECHO) for _ in range(3)])
    bench.run(ECHO)
    assert len(bench.asked) == 1


def test_runs_whose_bundle_is_gone_fail_and_say_so(bench: Any) -> None:
    run = bench.assign(ECHO)
    bench.payloads.clear()
    outcome = bench.finish(run)[0]
    assert outcome.error["class"] == "LoadFailed"
    assert run.terms.bundle[:12] in outcome.error["message"]
    assert bench.run("def handler(event): return 1").result == 1


def test_sending_to_a_worker_that_is_gone_is_an_error(bench: Any) -> None:
    bench.worker()
    with pytest.raises(WorkerLost):
        bench.send(bench.assign(ECHO), to="nobody")
    bench.cancel("nobody", "r")


def test_workers_say_who_they_are(bench: Any) -> None:
    worker = bench.worker()
    assert bench.joined == [worker]
    assert worker.slots == 2
    assert worker.joined > 0


def test_an_executor_goes_from_none_to_its_most_and_back_to_none(bench: Any) -> None:
    fewest, most = bench.executor.limits
    if fewest == most:
        bench.scale(5)
        assert len(bench.executor.workers()) == most
        return
    assert (fewest, most) == (0, 2)
    assert bench.executor.workers() == []
    bench.scale(1)
    bench.scale(9)
    bench.wait(lambda: len(bench.executor.workers()) == 2)
    first, second = (worker.id for worker in bench.executor.workers())
    bench.send(bench.assign(HOLD, run_id="held"), to=second)
    bench.wait(lambda: bench.begun)
    bench.scale(1, retire=[first])
    bench.wait(lambda: bench.lost == [first])
    assert [worker.id for worker in bench.executor.workers()] == [second]
    (bench.folder / "go").touch()
    bench.wait(lambda: bench.done)
    bench.scale(0, retire=[second])
    bench.wait(lambda: bench.lost == [first, second])
    assert bench.executor.workers() == []
    assert bench.run(ECHO, {"n": 1}).result == {"n": 1}
    assert len({worker.id for worker in bench.joined}) == 3


def test_nothing_of_it_lives_after_the_end(bench: Any) -> None:
    source = "import os\ndef handler(event): return [os.getpid(), os.getppid()]"
    pids = bench.run(source).result
    bench.send(bench.assign(HOLD))
    bench.wait(lambda: bench.begun)
    bench.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    bench.close()


def test_every_run_has_one_outcome_whatever_its_neighbours_do(bench: Any) -> None:
    source = """
        import os
        def handler(event):
            if event.n % 7 == 3: os._exit(1)
            if event.n % 11 == 5: raise ValueError(event.n)
            return event.n
    """
    runs = [bench.assign(source, {"n": n}) for n in range(200)]
    outcomes = bench.finish(*runs)
    assert set(Counter(o.run_id for o in bench.done).values()) == {1}
    for n, outcome in enumerate(outcomes):
        wanted = "EnvironmentDied" if n % 7 == 3 else "HandlerFailed" if n % 11 == 5 else None
        assert (outcome.error or {}).get("class") == wanted


PAYS = """
    def handler(event, context):
        with context.effect("pay"):
            with open("paid", "a") as file: file.write("x")
        return "paid"
"""


@pytest.mark.parametrize("says", [True, False])
def test_before_an_effect_the_listener_is_asked_and_a_no_keeps_it_from_beginning(bench: Any, says: bool) -> None:
    bench.says = says
    outcome = bench.run(PAYS, run_id="r", token=2)
    assert bench.entered == [("r", 2, "pay")]
    assert bench.left == (bench.entered if says else [])
    assert (bench.folder / "paid").exists() is says
    assert (outcome.error or {}).get("type") == (None if says else "EffectRefused")
