"""Environments with packages of their own: a virtual environment for each lock, whole or not there."""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.model.errors import RequirementsUnmet, WorkerLost
from jupyter_fn.runtime import venvs
from tests.wheels import ONLY_HERE, make_wheel

ONE, TWO = ("fn_greeting==1.0",), ("fn_greeting==2.0",)
WHICH = """
    import fn_greeting, sys
    def handler(event): return [fn_greeting.VERSION, sys.prefix, "pandas" in sys.modules]
"""


@pytest.fixture(autouse=True)
def _an_index_and_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(tmp_path / "wheels", "fn_greeting", version)
    here = {
        "UV_FIND_LINKS": tmp_path / "wheels",
        "UV_CACHE_DIR": tmp_path / "uv",
        "JUPYTER_FN_CACHE": tmp_path / "cache",
    }
    for name, value in {**ONLY_HERE, **here}.items():
        monkeypatch.setenv(name, str(value))


@pytest.fixture
def house(house_with: Any) -> Any:
    """Of the test's own: its zygotes belong to this cache."""
    return house_with(slots=2)


def built(lock: tuple[str, ...]) -> tuple[Path, str]:
    said: list[str] = []
    return venvs.build(lock, say=said.append, stop=threading.Event()), "".join(said)


def version_in(python: Path) -> str:
    return subprocess.check_output([python, "-c", "import fn_greeting; print(fn_greeting.VERSION)"], text=True).strip()


# --- one virtual environment


def test_it_has_what_the_lock_says_and_is_made_once() -> None:
    python, said = built(ONE)
    assert version_in(python) == "1.0"
    assert "fn_greeting==1.0" in said
    assert built(ONE) == (python, "")
    assert built(TWO)[0] != python


def test_its_scripts_know_where_it_stands_now() -> None:
    python, _ = built(ONE)
    assert [path.name for path in python.parents[2].iterdir() if path.is_dir()] == [python.parents[1].name]
    prefix = subprocess.check_output([python, "-c", "import sys; print(sys.prefix)"], text=True).strip()
    assert Path(prefix) == python.parents[1]


def test_of_two_builders_one_builds() -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(built, [ONE] * 4))
    assert len({python for python, _ in told}) == 1
    assert sum("Installed" in said for _, said in told) == 1


def test_what_a_killed_builder_has_left_is_not_taken_for_whole() -> None:
    script = (
        "import os, threading\n"
        "from jupyter_fn.runtime import venvs\n"
        "venvs._put = lambda *_: os.kill(os.getpid(), 9)\n"
        f"venvs.build({ONE!r}, say=print, stop=threading.Event())\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False, stdout=subprocess.DEVNULL)
    place = venvs.place_of(ONE)
    left = [path for path in place.parent.iterdir() if path.is_dir()]
    assert left
    assert not place.exists()
    assert version_in(built(ONE)[0]) == "1.0"
    assert [path for path in place.parent.iterdir() if path.is_dir()] == [place]


def test_one_whose_python_was_removed_is_made_anew() -> None:
    python, _ = built(ONE)
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert version_in(built(ONE)[0]) == "1.0"


def test_what_cannot_be_had_is_said_in_the_installers_own_words_and_leaves_nothing() -> None:
    with pytest.raises(RequirementsUnmet) as caught:
        built(("fn_greeting==3.0",))
    assert "fn-greeting==3.0" in caught.value.cause
    assert "\n" not in caught.value.cause
    assert not [path for path in venvs.place_of(ONE).parent.iterdir() if path.is_dir()]


def test_an_index_that_does_not_answer_may_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONLY_HERE:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(WorkerLost, match="cannot be made now"):
        built(("fn_elsewhere==1.0",))


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_FN_CACHE", str(tmp_path / "file"))
    with pytest.raises(WorkerLost, match=r"JUPYTER_FN_CACHE|file"):
        built(ONE)


def test_building_stops_when_nobody_wants_it_any_more() -> None:
    stop = threading.Event()
    stop.set()
    place = venvs.place_of(ONE)
    place.parent.mkdir(parents=True)
    with venvs._turn(place, stop), pytest.raises(venvs.Stopped):
        venvs.build(ONE, say=print, stop=stop)


# --- runs in it


def test_runs_of_each_lock_find_their_own_versions(house: Any) -> None:
    first, second = house.run(WHICH, lock=ONE).result, house.run(WHICH, lock=TWO).result
    assert (first[0], second[0]) == ("1.0", "2.0")
    assert first[1] != second[1] != sys.prefix


def test_packages_of_the_worker_are_not_there(house: Any) -> None:
    assert importlib.util.find_spec("pandas")
    outcome = house.run("import pandas\ndef handler(event): pass", lock=ONE)
    assert outcome.error["class"] == "LoadFailed"
    assert "No module named 'pandas'" in outcome.error["message"]


def test_a_function_that_was_captured_can_be_read_without_cloudpickle_in_the_lock(house: Any, make_cell: Any) -> None:
    import cloudpickle

    def twice(n: int) -> int:
        return 2 * n

    twice.__module__ = "__main__"
    bundle = make_cell("def handler(event): return twice(event.n)", values={"twice": cloudpickle.dumps(twice)})
    assert house.run(bundle, {"n": 4}, lock=ONE).result == 8


def test_commands_of_the_environment_come_first(house: Any) -> None:
    source = (
        "import subprocess\ndef handler(event): return subprocess.check_output(['python', '-c', event.code], text=True)"
    )
    found = house.run(source, {"code": "import sys; print(sys.prefix)"}, lock=ONE).result
    assert Path(found.strip()) == venvs.place_of(ONE)


def test_while_it_is_made_those_who_look_on_are_told_and_so_is_the_log_of_the_first_run(house: Any) -> None:
    outcomes = [house.run(WHICH, run_id=f"r{n}", lock=ONE) for n in range(2)]
    assert sorted({(run_id, "fn_greeting" in text) for run_id, text in house.shown})[-1:] == [("r0", True)]
    assert "Making an environment with fn_greeting==1.0" in outcomes[0].log
    assert outcomes[1].log == ""


def test_runs_without_one_are_not_held_up(house: Any) -> None:
    place = venvs.place_of(ONE)
    place.parent.mkdir(parents=True)
    with venvs._turn(place, threading.Event()):
        house.submit(house.assign(WHICH, run_id="held", lock=ONE))
        assert house.run("def handler(event): return 1").result == 1
    house.wait(lambda: len(house.outcomes) == 2)
    assert house.outcomes[-1].result[0] == "1.0"


def test_a_run_whose_environment_cannot_be_made_fails_for_good(house: Any) -> None:
    outcome = house.run(WHICH, lock=("fn_greeting==3.0",))
    assert (outcome.error["class"], outcome.error["type"]) == ("LoadFailed", "RequirementsUnmet")
    assert "fn-greeting==3.0" in outcome.error["message"]
    assert outcome.error["remedy"]
    assert house.run(WHICH, run_id="good", lock=ONE).result[0] == "1.0"


def test_one_that_vanished_is_made_again(house_with: Any) -> None:
    house = house_with(slots=1)
    assert house.run(WHICH, lock=ONE).result[0] == "1.0"
    shutil.rmtree(venvs.place_of(ONE))
    os.kill(house.pool._nurseries.of(ONE).pid, 9)
    house.runner.run(emptied(house.pool))
    assert house.run(WHICH, run_id="again", lock=ONE).result[0] == "1.0"


async def emptied(pool: Any) -> None:
    while pool._by_name:
        await asyncio.sleep(0)


def test_a_cancelled_run_does_not_wait_for_its_environment(house: Any) -> None:
    place = venvs.place_of(ONE)
    place.parent.mkdir(parents=True)
    with venvs._turn(place, threading.Event()):
        house.submit(house.assign(WHICH, run_id="held", lock=ONE))
        house.cancel("held", 1)
        house.wait(lambda: house.outcomes)
        assert house.outcomes[0].error["class"] == "RunCancelled"


def test_a_zygote_ends_when_nothing_needs_it_and_comes_back(house_with: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_fn.runtime.nurseries._REST_S", 0.0)
    house = house_with(slots=1, most_idle=0)
    assert house.run(WHICH, lock=ONE).result[0] == "1.0"
    pid = house.pool._nurseries.of(ONE)
    house.run("def handler(event): return 1", run_id="other")
    assert house.pool._nurseries.of(ONE) is not pid or pid is None
    assert house.run(WHICH, run_id="again", lock=ONE).result[0] == "1.0"
