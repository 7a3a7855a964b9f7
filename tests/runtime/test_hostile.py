"""Handlers that do their worst: each ends its own run only, says why, and leaves nothing behind."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.runtime.given import Given
from jupyter_fn.runtime.limits import Limits, Ways
from jupyter_fn.runtime.linux import descendants
from tests.runtime.conftest import House

STEADY = """
    import time
    from pathlib import Path
    def handler(event):
        while not Path("go").exists(): time.sleep(0.001)
        return "steady"
"""
TIGHT = Limits(processes=40, scratch_mb=8, log_mb=2)


def ends_alone(house: Any, source: str, **fields: Any) -> Any:
    """The outcome of `source`, beside which a run of another version went on, and after which nothing is left."""
    house.submit(house.assign(STEADY, run_id="beside"))
    house.wait(lambda: house.told_started)
    outcome = house.run(source, run_id="bad", **fields)
    (house.folder / "go").touch()
    house.wait(lambda: len(house.outcomes) == 2)
    assert [(o.run_id, o.result) for o in house.outcomes if o.run_id != "bad"] == [("beside", "steady")]
    nothing_is_left(house)
    return outcome


def nothing_is_left(house: Any) -> None:
    """No process but warm environments below the zygote, and no room but theirs."""
    house.run("def handler(event): pass", run_id="after")
    house.close_chores()
    rooms = {room.name for room in house.scratch.glob("room-*")}
    assert rooms == {f"room-{one.name}" for one in house.pool._by_name.values()}
    wait_for(lambda: set(of_zygote(house)) <= {one.pid for one in house.pool._by_name.values()}, house)


def of_zygote(house: Any) -> list[int]:
    return [pid for pid in descendants(house.pool.zygote) if lives(pid)]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(until: Callable[[], bool], house: Any) -> None:
    """Until that is so, of processes that were killed and have to get their turn to die."""
    for _ in range(10_000):
        if until():
            return
        house.tell(lambda: None)
    pytest.fail("Something was left.")


KINDS: dict[str, Any] = {"fork": {}, "without cgroups": {"cgroup": "off"}, "spawn": {"start": "spawn"}}
every_kind = pytest.mark.parametrize("tight", KINDS, indirect=True)


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], House]]:
    made: dict[str, House] = {}

    def house_of(kind: str) -> House:
        if kind not in made:
            made[kind] = House(tmp_path_factory.mktemp("pool")).open(ways=Ways(limits=TIGHT, **KINDS[kind]))
        return made[kind]

    yield house_of
    for house in made.values():
        house.close()


@pytest.fixture
def tight(houses: Callable[[str], House], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """With small limits."""
    house = houses(getattr(request, "param", "fork"))
    yield house.renew(tmp_path)
    house.runner.run(house.pool.abandon())
    house.pool._given = Given()


# Every process of these leaves by itself after a while: should we lose, the machine is not to be lost as well.
BOMB = """
    import os, time
    def handler(event):
        ends = time.monotonic() + 8
        while time.monotonic() < ends:
            os.fork()
            {also}
        os._exit(0)
"""


@every_kind
@pytest.mark.parametrize(
    "also", ["pass", "os.setsid() if os.getsid(0) != os.getpid() else None"], ids=["plain", "setsid"]
)
def test_a_fork_bomb_loses(tight: Any, also: str) -> None:
    outcome = ends_alone(tight, BOMB.format(also=also), memory_mb=8192)
    assert outcome.error["class"] == "LimitExceeded"
    assert "more than 40 processes" in outcome.error["message"]
    assert "max_processes" in outcome.error["remedy"]


@every_kind
def test_four_gigabytes_are_refused_or_killed(tight: Any) -> None:
    outcome = ends_alone(tight, "def handler(event): return len(bytes(4 << 30))", memory_mb=128)
    assert outcome.error["class"] == "OutOfMemory"
    assert "128 MB" in outcome.error["message"]
    assert "--memory" in outcome.error["remedy"]


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "import itertools; sum(itertools.repeat(0))",
        "import ctypes; ctypes.PyDLL(None).sleep(600)",
        "import signal\n    for n in set(signal.Signals) - {9, 19}: signal.signal(n, signal.SIG_IGN)\n    while True: pass",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["a loop", "a loop in C", "asleep with the GIL", "deaf", "stopped"],
)
def test_what_does_not_end_is_ended(tight: Any, body: str) -> None:
    outcome = ends_alone(tight, f"def handler(event):\n    {body}", timeout_s=0.3)
    assert outcome.error["class"] == "RunTimedOut"
    assert "300 ms" in outcome.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        "os.closerange(0, 4096)",
        "os.closerange(0, 4096)\n    [open(os.devnull, 'w') for _ in range(64)]",
        "os.closerange(0, 4096)\n    context.progress(1, 2)",
        "os.close(1)",
    ],
    ids=["all", "and others in their place", "and speaks", "its output"],
)
def test_a_handler_that_closes_its_descriptors_is_told_so(tight: Any, body: str) -> None:
    outcome = ends_alone(tight, f"import os\ndef handler(event, context):\n    {body}")
    assert outcome.error["class"] == "EnvironmentDied"
    assert "closed or took the connection" in outcome.error["message"]
    assert "closerange" in outcome.error["remedy"]


@pytest.mark.parametrize(
    "target",
    ["context.scratch / 'big'", "context.scratch.parent / 'big'", "context.scratch / 'many' / str(n // 100)"],
    ids=["one file", "in the room", "many files"],
)
def test_scratch_has_a_limit(tight: Any, target: str) -> None:
    source = f"""
        def handler(event, context):
            for n in range(10_000_000):
                path = {target}
                path.parent.mkdir(exist_ok=True)
                with open(path, "ab") as file: file.write(bytes(10_000))
    """
    outcome = ends_alone(tight, source)
    assert outcome.error["class"] == "LimitExceeded"
    assert "where its worker allows 8 MB" in outcome.error["message"]
    assert "scratch_mb" in outcome.error["remedy"]


def test_scratch_without_a_name_counts(tight: Any) -> None:
    source = """
        def handler(event, context):
            with open(context.scratch / "big", "wb") as file:
                (context.scratch / "big").unlink()
                while True: file.write(bytes(10_000))
    """
    assert "where its worker allows 8 MB" in ends_alone(tight, source).error["message"]


def test_output_has_a_limit_and_what_came_before_is_shown(tight: Any) -> None:
    outcome = ends_alone(tight, "def handler(event):\n    print('first')\n    while True: print('x' * 1000)")
    assert outcome.error["class"] == "LimitExceeded"
    assert "where its worker allows 2 MB" in outcome.error["message"]
    assert "log_mb" in outcome.error["remedy"]
    assert outcome.log.startswith("first\n")


AWAY = """
    import os, subprocess, sys, time
    def handler(event):
        child = "import os, sys, time\\nif os.fork(): sys.exit()\\nos.setsid()\\nif os.fork(): sys.exit()\\n"
        child += "open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'there'); time.sleep(600)"
        subprocess.run([sys.executable, "-c", child])
        while not os.path.exists("there"): time.sleep(0.001)
        {end}
"""


@every_kind
@pytest.mark.parametrize("end", ["return 1", "raise ValueError", "os._exit(1)", "time.sleep(600)"])
def test_a_grandchild_that_went_away_ends_with_its_run(tight: Any, end: str) -> None:
    outcome = tight.run(AWAY.format(end=end), timeout_s=3.0)
    pid = int((tight.folder / "there").read_text())
    if end.startswith(("return", "raise")):
        assert not lives(pid)
        assert "The run had left processes behind" in outcome.log
    wait_for(lambda: not lives(pid), tight)
    nothing_is_left(tight)


def test_a_run_that_leaves_processes_is_the_last_of_its_environment(house: Any) -> None:
    source = (
        "import os, subprocess\ndef handler(event):\n    {}subprocess.Popen(['sleep', '600'])\n    return os.getpid()"
    )
    assert house.run(source.format("")).result != house.run(source.format("")).result
    waited = source.format("child = subprocess.Popen(['true']); child.wait(); return os.getpid()\n    ")
    assert house.run(waited).result == house.run(waited).result


def test_a_process_that_has_ended_but_was_not_waited_for_is_nothing_left(house: Any) -> None:
    source = """
        import os, subprocess
        def handler(event):
            child = subprocess.Popen(["true"])
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            return os.getpid()
    """
    assert house.run(source).result == house.run(source).result


def test_a_thread_that_keeps_the_interpreter_for_itself_does_not_outlive_its_environment(house_with: Any) -> None:
    house = house_with(slots=1, most_idle=0)
    source = """
        import ctypes, os, threading
        def handler(event):
            threading.Timer(0.01, lambda: ctypes.PyDLL(None).sleep(600)).start()
            return os.getpid()
    """
    pid = house.run(source).result
    wait_for(lambda: not lives(pid), house)


@every_kind
def test_memory_of_a_group_of_processes_is_freed(tight: Any) -> None:
    source = """
        import os, time
        def handler(event):
            for _ in range(4):
                if os.fork() == 0:
                    hoard = bytearray(60 << 20)
                    time.sleep(600)
            time.sleep(600)
    """
    outcome = ends_alone(tight, source, memory_mb=128)
    assert outcome.error["class"] == "OutOfMemory"


def test_the_worker_has_its_descriptors_back(tight: Any) -> None:
    source = "import os\ndef handler(event):\n    os.closerange(0, 4096)"
    tight.run(source)
    tight.close_chores()
    before = len(os.listdir("/proc/self/fd"))
    for n in range(5):
        tight.run(source, run_id=f"r{n}")
    tight.close_chores()
    assert len(os.listdir("/proc/self/fd")) <= before
