"""Many runs on few environments: order, reuse, and exactly one outcome for each."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WHO = "import os\ndef handler(event): return os.getpid()"
HOLD = """
    import os
    from pathlib import Path
    def handler(event):
        while not Path("go").exists(): pass
        return os.getpid()
"""


def test_a_thousand_short_runs_bring_one_outcome_each_and_the_right_one(house: Any) -> None:
    source = "def handler(event): return event.n * 2"
    runs = [house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(1000)]
    assert [o.result for o in house.finish(*runs)] == [n * 2 for n in range(1000)]
    assert len(house.outcomes) == 1000


def test_runs_of_one_environment_begin_in_order(house_of_one: Any) -> None:
    house = house_of_one
    source = "def handler(event):\n    with open('order', 'a') as f: f.write(f'{event.n} ')"
    house.finish(*[house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(100)])
    assert (house.folder / "order").read_text().split() == [str(n) for n in range(100)]


def test_an_environment_is_used_again_for_the_same_version_and_settings(house: Any) -> None:
    first = house.run(WHO).result
    assert house.run(WHO).result == first
    assert house.run(WHO, memory_mb=256).result != first
    assert house.run(WHO, env={"A": "1"}).result != first
    assert house.run(WHO, version=2).result != first


def test_no_more_run_at_once_than_there_are_slots(house: Any) -> None:
    runs = [house.assign(HOLD, run_id=f"r{i}") for i in range(5)]
    house.submit(*runs)
    house.wait(lambda: len(house.told_started) == 2)
    assert len(house.pool.busy) == 2
    (house.folder / "go").touch()
    house.wait(lambda: len(house.outcomes) == 5)
    assert len({o.result for o in house.outcomes}) == 2


def test_a_long_run_does_not_hold_up_short_ones_that_were_written_ahead_to_it(house: Any) -> None:
    source = """
        from pathlib import Path
        def handler(event):
            while event.n == 30 and not Path("go").exists(): pass
            return event.n
    """
    runs = [house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(60)]
    house.submit(*runs)
    house.wait(lambda: len(house.outcomes) == 59)
    (house.folder / "go").touch()
    house.wait(lambda: len(house.outcomes) == 60)
    assert house.outcomes[-1].result == 30


def test_versions_take_turns_by_arrival(house_of_one: Any) -> None:
    house = house_of_one
    source = "def handler(event):\n    with open('order', 'a') as f: f.write(event.n)"
    house.finish(*[house.assign(source, {"n": n}, run_id=n, version=ord(n)) for n in "abcabc"[:3]])
    assert (house.folder / "order").read_text() == "abc"


def test_a_bundle_is_asked_for_once(house_of_one: Any) -> None:
    house = house_of_one
    asked: list[str] = []
    provide = house.need
    house.need = lambda digest: (asked.append(digest), provide(digest))
    house.finish(*[house.assign(WHO, run_id=f"r{i}") for i in range(3)])
    house.run(WHO)
    assert len(asked) == 1


def test_runs_whose_bundle_is_refused_end_with_the_reason(house_of_one: Any) -> None:
    house = house_of_one
    good = house.assign(WHO, run_id="good")
    bad = house.assign("def handler(event): pass", run_id="bad")
    del house.payloads[bad.terms.bundle]
    house.submit(bad, good)
    house.wait(lambda: house.outcomes)
    house.tell(lambda: house.pool.refuse(bad.terms.bundle, {"type": "LoadFailed", "message": "no such bundle"}))
    assert [(o.run_id, o.error) for o in house.outcomes[1:]] == [
        ("bad", {"type": "LoadFailed", "message": "no such bundle"})
    ]


def test_what_is_abandoned_brings_no_outcome_and_is_dead(house: Any) -> None:
    house.submit(*[house.assign(HOLD, run_id=f"r{i}") for i in range(3)])
    house.wait(lambda: len(house.told_started) == 2)
    pids = [warm.pid for warm in house.pool.busy]
    house.runner.run(house.pool.abandon())
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert house.run(WHO).result
    assert [o.run_id for o in house.outcomes if o.run_id.startswith("r") and len(o.run_id) == 2] == []


def test_a_folder_that_is_not_there_is_named(house: Any) -> None:
    outcome = house.run(WHO, folder="/no/such/folder")
    assert outcome.error["class"] == "LoadFailed"
    assert "/no/such/folder" in outcome.error["message"]


def test_an_environment_that_has_grown_too_much_is_replaced(house_of_one: Any) -> None:
    house = house_of_one
    source = (
        "import os\nhoard = []\ndef handler(event):\n    hoard.append(os.urandom(20 << 20))\n    return os.getpid()"
    )
    pids = [house.run(source, memory_mb=64).result for _ in range(4)]
    assert all(pids)
    assert len(set(pids)) > 1


def test_closing_leaves_no_process_and_no_folder_of_a_run(house_of_one: Any) -> None:
    house = house_of_one
    pids = [house.run(WHO).result, house.pool.zygote]
    house.runner.run(house.pool.close())
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not list(house.scratch.glob("room-*"))


def test_nothing_is_left_open_by_environments_that_came_and_went(house: Any) -> None:
    house.run(WHO)
    house.close_chores()
    before = len(os.listdir("/proc/self/fd"))
    for version in range(20):
        house.run("def handler(event): 1 / 0\nraise ValueError", version=version)
    house.close_chores()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_every_run_has_an_outcome_whatever_its_neighbours_do(house: Any) -> None:
    source = """
        import os, time
        def handler(event):
            if event.n % 7 == 3: os._exit(event.n % 256)
            if event.n % 11 == 5: raise ValueError(event.n)
            if event.n % 50 == 49: time.sleep(600)
            return event.n
    """
    runs = [house.assign(source, {"n": n}, run_id=f"r{n}", timeout_s=0.2) for n in range(200)]
    outcomes = house.finish(*runs)
    assert Counter(o.run_id for o in house.outcomes) == Counter(r.run_id for r in runs)
    for n, outcome in enumerate(outcomes):
        wanted = "EnvironmentDied" if n % 7 == 3 else "HandlerFailed" if n % 11 == 5 else None
        wanted = wanted or ("RunTimedOut" if n % 50 == 49 else None)
        assert (outcome.error or {}).get("class") == wanted
        assert outcome.result == (None if wanted else n)


@pytest.fixture
def house_of_one(house_with: Callable[..., Any]) -> Any:
    return house_with(slots=1)
