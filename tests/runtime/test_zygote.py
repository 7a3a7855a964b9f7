"""The zygote: how environments begin, and what happens when it does not."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.runtime import nursery, warm
from jupyter_fn.runtime.limits import Ways

ALIVE = "import os\ndef handler(event): return [os.getpid(), open('/proc/self/cmdline').read().split('\\0')[3]]"


def begun_by(house: Any) -> str:
    return str(house.run(ALIVE).result[1])


def test_environments_are_forked_and_the_zygote_has_one_thread(house: Any) -> None:
    assert begun_by(house).endswith(".zygote")
    assert len(os.listdir(f"/proc/{house.pool.zygote}/task")) == 1


def test_or_are_fresh_processes_when_that_is_asked_for(house_with: Any) -> None:
    assert begun_by(house_with(ways=Ways(start="spawn"))).endswith(".spawned")


def test_a_zygote_in_which_a_thread_runs_does_not_fork(house_with: Any, monkeypatch: Any, tmp_path: Path) -> None:
    """Some library that it imports has started one."""
    (tmp_path / "fsspec.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    house = house_with()
    source = ALIVE.replace("import os", "import os, sys; sys.modules.pop('fsspec', None)")
    assert str(house.run(source).result[1]).endswith(".spawned")
    assert len(os.listdir(f"/proc/{house.pool.zygote}/task")) > 1


@pytest.mark.parametrize("broken", ["1 / 0", "raise SystemError", "import no_such_module"])
def test_a_library_that_cannot_be_imported_does_no_harm(
    house_with: Any, monkeypatch: Any, tmp_path: Path, broken: str
) -> None:
    (tmp_path / "pandas.py").write_text(broken)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert begun_by(house_with()).endswith(".zygote")


def test_one_that_does_not_answer_is_ended_and_its_runs_are_lost_with_a_reason(
    house_with: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    monkeypatch.setattr(nursery, "_START_LIMIT_S", 0.05)
    monkeypatch.setattr(nursery, "_END_LIMIT_S", 0.05)
    house = house_with(slots=1)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        outcome = house.run(ALIVE)
    assert outcome.error["class"] == "WorkerLost"
    assert "zygote" in outcome.error["message"]
    monkeypatch.setattr(nursery, "_START_LIMIT_S", 60.0)
    assert house.run(ALIVE, run_id="later").result


# --- an environment is replaced when it is worn


def test_after_many_runs(house: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(warm, "_MOST_RUNS", 2)
    pids = [house.run(ALIVE).result[0] for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_after_a_long_time(house: Any, monkeypatch: Any) -> None:
    first = house.run(ALIVE).result[0]
    assert house.run(ALIVE).result[0] == first
    monkeypatch.setattr(warm, "_MOST_AGE_S", 0.0)
    assert house.run(ALIVE).result[0] == first  # it was that old when this one had ended
    assert house.run(ALIVE).result[0] != first
