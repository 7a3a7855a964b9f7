"""The benchmarks run at a tiny size, and the page is what the published results say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "published.json"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """The benchmarks are not installed; they are run from the root."""
    monkeypatch.syspath_prepend(str(ROOT))


def benchmarks(*words):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.service
@pytest.mark.parametrize(
    ("name", "figures"),
    [
        *(("invoke", 2), ("queue", 2), ("overhead", 1), ("cold", 3), ("events", 1), ("batches", 1), ("first", 2)),
        *(("elastic", 1), ("memory", 1), ("forks", 1), ("soak", 2), ("idle", 2), ("importing", 1)),
    ],
)
def test_every_measure_runs_at_a_tiny_size(tmp_path, name, figures):
    done = benchmarks(name, "--size", "0.01", "--json", str(tmp_path / "tiny.json"))
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "tiny.json").read_text())
    assert len(kept["figures"]) == figures
    assert all(figure["ours"] >= 0 and figure["floor"] >= 0 for figure in kept["figures"])
    assert kept["machine"]["sqlite_synchronous"] == "full"
    assert kept["figures"][0]["name"] in done.stdout


@pytest.mark.service
def test_peers_are_measured_where_they_are_installed_and_asked_for_where_not(tmp_path):
    from benchmarks.measures.peers import INSTALL, missing

    done = benchmarks("peers", "--size", "0.005", "--json", str(tmp_path / "tiny.json"))
    if lacks := missing():
        assert done.returncode == 1
        assert lacks in done.stderr
        pytest.skip(f"peers are not installed: {INSTALL}")
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "tiny.json").read_text())
    assert len(kept["figures"]) == 1
    assert {"Celery", "Dramatiq", "procrastinate", "Dask submit"} < {one["system"] for one in kept["peers"]}
    assert all(0 < one["p50_ms"] <= one["p99_ms"] and one["durability"] for one in kept["peers"])
    assert "| Celery |" in done.stdout


def test_a_table_of_peers_stands_on_the_page_when_they_were_measured():
    from benchmarks.figure import Rival
    from benchmarks.table import page, read

    slow = Rival(system="slow", p50_ms=2.0, p99_ms=3.0, events_s=1200.0, durability="none")
    fast = Rival(system="fast", p50_ms=1.0, p99_ms=9.0, events_s=10.0, durability="all")
    assert Rival.from_dict(fast.to_dict()) == fast
    measured = read(RESULTS)
    written = page({**measured, "peers": [slow.to_dict(), fast.to_dict()]})
    assert written.index("| fast | 1 | 9 | 10 | all |") < written.index("| slow | 2 | 3 | 1,200 | none |")
    assert "Beside other systems" not in page({**measured, "peers": []})


def test_a_measure_that_does_not_exist_is_refused_by_name():
    done = benchmarks("speed")
    assert done.returncode == 2
    assert "'speed'" in done.stderr


def test_the_page_is_written_from_the_published_results():
    from benchmarks.table import PAGE, page, read

    assert PAGE.read_text() == page(read(RESULTS)), "Write it again: python -m benchmarks --page"


def test_published_results_are_whole_and_honest():
    results = json.loads(RESULTS.read_text())
    from benchmarks.figure import Figure

    for data in results["figures"]:
        assert Figure.from_dict(data).to_dict() == data
    assert {"cores", "python", "sqlite_synchronous", "dask"} <= set(results["machine"])


def test_a_percentile_is_a_value_that_was_measured():
    from benchmarks.figure import percentile

    assert [percentile([3, 1, 2, 4], share) for share in (0, 0.5, 0.75, 0.99, 1)] == [1, 2, 3, 4, 4]


def test_an_aim_is_about_the_ratio_or_about_ours():
    from benchmarks.figure import Figure

    figure = Figure(name="x", what="", unit="ms", ours=10, floor=30, beside="", aim="<= 0.5")
    assert (figure.ratio, figure.met) == (10 / 30, True)
    assert Figure.from_dict({**figure.to_dict(), "of": "ours"}).met is False
    assert Figure.from_dict({**figure.to_dict(), "aim": ""}).met is None
