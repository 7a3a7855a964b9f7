"""What only an executor on Dask meets: workers that die, services that come back, clusters that are not there."""

import os
import select
import signal
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.executors.dask import DaskExecutor
from jupyter_fn.model.errors import BadValue

PIDS = "import os\ndef handler(event): return [os.getpid(), os.getppid()]"
HOLD = """
    import os
    from pathlib import Path
    def handler(event):
        Path("pid").write_text(str(os.getpid()))
        while not Path("go").exists(): pass
        return "held"
"""
PATIENCE_MS = 60_000


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def hold(bench: Any, **fields: Any) -> tuple[str, int]:
    """A run in progress: its worker and its environment's process."""
    worker_id = bench.send(bench.assign(HOLD, run_id="held", **fields))
    bench.wait(lambda: bench.begun)
    return worker_id, int((bench.folder / "pid").read_text())


def see_it_end(pid: int) -> None:
    """Wait, without letting any event loop of this process go on."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    ended = poll.poll(PATIENCE_MS)
    os.close(fd)
    assert ended


def test_a_workers_death_is_told_its_runs_are_dead_and_another_worker_comes(either_way: Any) -> None:
    bench = either_way("local")
    environment, zygote = bench.run(PIDS).result
    process = parent_of(zygote)
    assert process != os.getpid()
    worker_id, _ = hold(bench)
    os.kill(process, signal.SIGKILL)
    bench.wait(lambda: bench.lost)
    assert bench.lost == [worker_id]
    see_it_end(environment)
    see_it_end(zygote)
    bench.wait(bench.executor.workers)
    assert bench.executor.workers()[0].id != worker_id
    assert bench.run(PIDS).error is None
    assert [o.run_id for o in bench.done if o.run_id == "held"] == []


def test_a_workers_process_ends_with_the_executor(dask: Any) -> None:
    bench = dask("local")
    worker = parent_of(bench.run(PIDS).result[1])
    bench.close()
    assert not alive(worker)


def test_a_worker_that_was_elsewhere_stays_there_without_environments(dask: Any, elsewhere: Any) -> None:
    bench = dask(elsewhere.address)
    environment, zygote = bench.run(PIDS).result
    bench.close()
    assert elsewhere.workers[0].poll() is None
    assert not alive(environment)
    assert not alive(zygote)


def test_a_worker_that_loses_its_service_kills_its_attempts_and_comes_back_under_another_id(either_way: Any) -> None:
    bench = either_way("local")
    worker_id, pid = hold(bench)
    bench.cut(worker_id)
    bench.wait(lambda: len(bench.joined) == 2)
    assert bench.lost == [worker_id]
    assert bench.joined[1].id != worker_id
    assert not alive(pid)
    (bench.folder / "go").touch()
    assert bench.run(HOLD).result == "held"
    assert len(bench.done) == 1


def test_an_attempt_that_is_sent_again_over_a_new_connection_does_not_begin_again(either_way: Any) -> None:
    bench = either_way("local")
    source = """
        def handler(event):
            with open("begun", "a") as file: file.write(event.n)
            while event.n == "a": pass
    """
    first = bench.assign(source, {"n": "a"}, run_id="r")
    worker_id = bench.send(first)
    bench.wait(lambda: bench.begun)
    bench.cut(worker_id)
    bench.wait(lambda: len(bench.joined) == 2)
    bench.send(first)
    bench.finish(*[bench.assign(source, {"n": "b"}) for _ in range(5)])
    assert (bench.folder / "begun").read_text() == "abbbbb"
    bench.run(source, {"n": "c"}, run_id="r", token=2)
    assert (bench.folder / "begun").read_text() == "abbbbbc"


def test_an_effect_whose_answer_is_lost_with_the_connection_never_begins(either_way: Any) -> None:
    bench = either_way("local")
    bench.says = None
    source = """
        def handler(event, context):
            with context.effect("pay"):
                open("paid", "w")
    """
    worker_id = bench.send(bench.assign(source))
    bench.wait(lambda: bench.entered)
    bench.cut(worker_id)
    bench.wait(lambda: len(bench.joined) == 2)
    assert bench.run("def handler(event): return 1").result == 1
    assert not (bench.folder / "paid").exists()
    assert len(bench.done) == 1


def test_a_service_that_falls_silent_loses_its_attempts_before_their_lease_ends(either_way: Any) -> None:
    bench = either_way("local", beat_s=0.1, lease_s=1.0)
    _, pid = hold(bench)
    see_it_end(pid)


def test_a_worker_that_is_stopped_loses_its_attempts_all_the_same(either_way: Any) -> None:
    bench = either_way("local", beat_s=0.1, lease_s=1.0)
    worker = parent_of(bench.run(PIDS).result[1])
    _, pid = hold(bench)
    os.kill(worker, signal.SIGSTOP)
    try:
        see_it_end(pid)
    finally:
        os.kill(worker, signal.SIGCONT)
    bench.wait(lambda: bench.lost)


def test_a_slow_worker_holds_up_nobody_and_loses_nothing(either_way: Any) -> None:
    bench = either_way("local", max_workers=2)
    bench.scale(2)
    bench.wait(lambda: len(bench.executor.workers()) == 2)
    slow, quick = (worker.id for worker in bench.executor.workers())
    bench.send(bench.assign(PIDS, run_id="there"), to=slow)
    bench.wait(lambda: bench.done)
    worker = parent_of(bench.done[0].result[1])
    os.kill(worker, signal.SIGSTOP)
    try:
        bench.send(*[bench.assign(PIDS, run_id=f"slow-{n}") for n in range(600)], to=slow)
        bench.send(*[bench.assign(PIDS, run_id=f"quick-{n}") for n in range(600)], to=quick)
        bench.wait(lambda: len(bench.done) == 601)
        assert not [o.run_id for o in bench.done if o.run_id.startswith("slow")]
    finally:
        os.kill(worker, signal.SIGCONT)
    bench.wait(lambda: len(bench.done) == 1201)
    assert (len({o.run_id for o in bench.done}), bench.lost) == (1201, [])


def test_a_worker_that_cannot_be_reached_directly_is_reached_by_the_scheduler(
    dask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(address: str, **_: Any) -> None:
        raise OSError(f"no route to {address}")

    bench = dask("local")
    bench.run(PIDS)
    monkeypatch.setattr("distributed.comm.core.connect", refused)  # as `_reach` takes it; Dask's own calls stay
    bench.cut(bench.joined[0].id)
    bench.wait(lambda: len(bench.joined) == 2)
    assert bench.run(PIDS).error is None


def test_a_lane_with_nothing_to_say_stays_open(either_way: Any) -> None:
    bench = either_way("local", beat_s=0.05, lease_s=0.5)
    worker = bench.worker()
    source = "import time\ndef handler(event): time.sleep(1.5)"
    assert bench.run(source).error is None
    assert bench.joined == [worker]


def test_services_share_a_cluster_and_do_not_meet(dask: Any, elsewhere: Any) -> None:
    one, other = dask(elsewhere.address), dask(elsewhere.address)
    pids = one.run(PIDS).result
    assert other.run(PIDS).result[1] != pids[1]
    other.close()
    assert one.run(PIDS).result == pids


def test_a_service_that_comes_back_takes_its_workers_over(either_way: Any, elsewhere: Any) -> None:
    before = either_way(elsewhere.address, service="same")
    _, pid = hold(before)
    after = either_way(elsewhere.address, service="same")
    after.wait(after.executor.workers)
    see_it_end(pid)
    before.wait(lambda: before.lost)
    assert after.run(PIDS).error is None
    before.close()
    assert before.done == []


def test_workers_at_an_address_may_come_and_go(dask: Any, another_elsewhere: Any) -> None:
    bench = dask(another_elsewhere.address)
    assert bench.executor.limits == (0, 0)
    process = another_elsewhere.add_worker()
    bench.wait(bench.executor.workers)
    assert bench.executor.limits == (1, 1)
    assert bench.run(PIDS).error is None
    process.terminate()
    bench.wait(lambda: bench.lost)
    assert bench.executor.limits == (0, 0)


def test_an_executor_ends_also_when_its_scheduler_is_gone(dask: Any, another_elsewhere: Any) -> None:
    bench = dask(another_elsewhere.address)
    another_elsewhere.close()
    bench.close()


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        ("tcp://127.0.0.1:9", "127.0.0.1:9"),
        ("no.such.Class", "no.such.Class"),
        ("distributed.SpecCluster nonsense=1", "nonsense"),
    ],
)
def test_a_cluster_that_is_not_there_is_named(
    dask: Any, monkeypatch: pytest.MonkeyPatch, cluster: str, told: str
) -> None:
    monkeypatch.setattr("jupyter_fn.executors.dask._CONNECT_LIMIT_S", 0.2)
    with pytest.raises(BadValue, match=told.replace(".", r"\.")):
        dask(cluster)


def test_nothing_is_started_before_a_worker_is_wanted() -> None:
    executor = DaskExecutor("local", lambda _: b"", service="s", max_workers=3)
    assert executor.limits == (0, 3)
    assert executor.workers() == []
