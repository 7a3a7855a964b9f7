"""Environments that are kept ready: there before runs come, and again after they have ended."""

import asyncio
import os
import signal
from typing import Any

WHO = "import os\ndef handler(event): return os.getpid()"


def keep(house: Any, *wishes: tuple[Any, int]) -> None:
    house.tell(lambda: house.pool.keep([(assignment.terms, number) for assignment, number in wishes]))


def idle(house: Any) -> list[Any]:
    return [warm for line in house.pool._lines.values() for warm in line.idle]


def ready(house: Any, count: int) -> list[int]:
    """The process ids of idle environments, once there are so many."""

    async def waited() -> None:
        async with asyncio.timeout(60):
            while len(idle(house)) != count or house.pool.busy:
                await asyncio.sleep(0.001)

    house.runner.run(waited())
    return [warm.pid for warm in idle(house)]


def test_one_is_there_before_the_first_run_which_is_not_a_cold_one(house_with: Any) -> None:
    house = house_with(slots=2)
    wanted = house.assign(WHO)
    keep(house, (wanted, 1))
    (pid,) = ready(house, 1)
    outcome = house.finish(wanted)[0]
    assert outcome.result == pid
    assert (outcome.usage.cold, outcome.usage.init_ms) == (False, 0.0)


def test_a_run_that_is_cut_short_in_one_was_not_a_cold_one_and_another_one_comes(house_with: Any) -> None:
    house = house_with(slots=1)
    wanted = house.assign("import os\ndef handler(event): os.kill(os.getpid(), 9)")
    keep(house, (wanted, 1))
    (pid,) = ready(house, 1)
    outcome = house.finish(wanted)[0]
    assert outcome.error["class"] == "EnvironmentDied"
    assert not outcome.usage.cold
    assert ready(house, 1) != [pid]


def test_one_that_is_killed_while_idle_is_replaced(house_with: Any) -> None:
    house = house_with(slots=2)
    keep(house, (house.assign(WHO), 2))
    first = ready(house, 2)
    os.kill(first[0], signal.SIGKILL)

    async def replaced() -> None:
        async with asyncio.timeout(60):
            while first[0] in [warm.pid for warm in idle(house)]:
                await asyncio.sleep(0.001)

    house.runner.run(replaced())
    assert first[1] in ready(house, 2)


def test_they_are_not_among_the_idle_ones_that_are_too_many(house_with: Any) -> None:
    house = house_with(slots=2, most_idle=0)
    keep(house, (house.assign(WHO), 1))
    (pid,) = ready(house, 1)
    other = house.run("def handler(event): return 1", version=2)
    assert other.result == 1
    assert ready(house, 1) == [pid]


def test_what_is_not_said_any_more_is_kept_no_longer(house_with: Any, monkeypatch: Any) -> None:
    house = house_with(slots=2)
    first, second = house.assign(WHO), house.assign(WHO, version=2)
    keep(house, (first, 1))
    (pid,) = ready(house, 1)
    keep(house, (second, 1))
    ready(house, 2)
    assert [warm.pid for warm in house.pool._spare()] == [pid]
    house.runner.run(house.pool.abandon())
    assert len(house.pool._spare()) == 2


def test_one_that_cannot_be_loaded_is_not_made_again_and_again(house_with: Any) -> None:
    house = house_with(slots=2)
    broken = house.assign("from pathlib import Path\nwith open('made', 'a') as f: f.write('x')\n1/0")
    keep(house, (broken, 2))
    ready(house, 0)
    assert set((house.folder / "made").read_text()) == {"x"}
    assert len((house.folder / "made").read_text()) <= 2
    assert house.finish(broken)[0].error["class"] == "LoadFailed"
    assert house.run(WHO, version=3).error is None


def test_runs_come_first(house_with: Any) -> None:
    house = house_with(slots=1)
    kept, run = house.assign(WHO), house.assign("def handler(event): return 1", version=2)
    house.tell(lambda: (house.pool.submit([run]), house.pool.keep([(kept.terms, 1)])))
    house.wait(lambda: house.outcomes)
    assert house.outcomes[0].result == 1
    assert len(ready(house, 2)) == 2
