"""Which paths a run has opened for writing: the causes of the events that come of them."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.runtime.writes import Writes


def wrote(house: Any, body: str, event: dict[str, Any] | None = None, **fields: Any) -> list[str]:
    """What a run of that body has written, relative to the function's folder where it lies in there."""
    source = "import os, pathlib, shutil, tempfile\ndef handler(event, context):\n"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    outcome = house.run(source + lines, event, **fields)
    return [path.removeprefix(f"{house.folder}/") for path in outcome.wrote]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ("open('a', 'w')", ["a"]),
        ("open('a', 'ab').close(); open('a', 'w').close(); open('./b/../a', 'w').close()", ["a"]),
        ("pathlib.Path('a').write_text('x'); pathlib.Path('b').write_bytes(b'x')", ["a", "b"]),
        ("open(b'a', 'x')", ["a"]),
        ("os.close(os.open('a', os.O_CREAT | os.O_RDWR))", ["a"]),
        ("open('there', 'r+')", ["there"]),
        ("os.rename('there', 'a')", ["a"]),
        ("os.replace('there', 'a'); os.link('a', 'b'); os.symlink('a', 'c')", ["a", "b", "c"]),
        ("shutil.copy('there', 'a')", ["a"]),
        ("shutil.move('there', 'a')", ["a"]),
        ("os.makedirs('x/y'); os.chdir('x'); open('y/a', 'w')", ["x/y/a"]),
        ("import pandas as pd; pd.DataFrame({'a': [1]}).to_csv('a.csv')", ["a.csv"]),
        ("import pandas as pd; pd.DataFrame({'a': [1]}).to_parquet('a.parquet')", ["a.parquet"]),
        ("import fsspec; fsspec.open('file://' + os.getcwd() + '/a', 'w').open().close()", ["a"]),
        ("import fsspec; fsspec.open('memory://out/a', 'w').open().close()", ["memory:///out/a"]),
        (
            "import fsspec\nfor _ in '12':\n    fsspec.filesystem('memory').open('/out/a', mode='ab').close()",
            ["memory:///out/a"],
        ),
        ("import fsspec; fsspec.filesystem('memory').pipe_file('/out/a', b'x')", ["memory:///out/a"]),
        (
            "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'a': [1]}), 'b.parquet')",
            ["b.parquet"],
        ),
        ("import pyarrow as pa\nwith pa.OSFile('a', 'wb') as file: file.write(b'x')", ["a"]),
        ("if os.fork() == 0:\n    open('a', 'w'); os._exit(0)\nos.wait()", ["a"]),
    ],
)
def test_what_passes_through_python_is_noted_once_and_absolute(house: Any, body: str, paths: list[str]) -> None:
    (house.folder / "there").write_text("x")
    assert wrote(house, body) == paths


@pytest.mark.parametrize(
    "body",
    [
        "open('there').read(); os.listdir(); open(os.devnull, 'w').close()",
        "(context.scratch / 'a').write_text('x')",
        "with tempfile.TemporaryFile() as file: file.write(b'x')",
        "with tempfile.TemporaryDirectory() as folder: open(folder + '/a', 'w').close()",
        "tempfile.NamedTemporaryFile(suffix='.csv').close()",
        "with context.output('a') as path: path.write_text('x')",
        "os.makedirs('__pycache__'); open('__pycache__/a.pyc', 'w').close()",
        "import fsspec\ntry: fsspec.open('memory://in/a').open().read()\nexcept FileNotFoundError: pass",
        "fd = os.open('.', os.O_RDONLY); os.close(os.open('there', os.O_RDONLY, dir_fd=fd)); print('x', flush=True)",
    ],
)
def test_what_is_only_read_and_what_nobody_else_will_see_is_not_noted(house: Any, body: str) -> None:
    (house.folder / "there").write_text("x")
    assert wrote(house, body) == []


def test_each_run_has_its_own(house: Any) -> None:
    source = "def handler(event):\n    if event.n % 2: open(f'{event.n}', 'w').close()"
    runs = [house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(20)]
    folder = house.folder
    assert [o.wrote for o in house.finish(*runs)] == [(f"{folder}/{n}",) if n % 2 else () for n in range(20)]


@pytest.mark.parametrize(
    "end", ["raise ValueError", "os._exit(1)", "os.kill(os.getpid(), 9)", "os.fork() or os._exit(0)"]
)
def test_a_run_that_ends_badly_has_written_all_the_same(house: Any, end: str) -> None:
    assert wrote(house, f"open('a', 'w').close()\n{end}") == ["a"]


def test_of_very_many_paths_the_first_ones_are_told(house: Any) -> None:
    assert wrote(house, "for n in range(1100): open(f'{n}', 'w').close()") == [str(n) for n in range(1000)]


def test_a_folder_that_is_gone_is_no_trouble(house: Any) -> None:
    assert wrote(house, "os.mkdir('x'); os.chdir('x'); os.rmdir('../x')\nopen('/dev/null', 'w').close()") == []


@pytest.mark.parametrize("write", ["'memory://in/a.csv', 'w'", "'memory://in/a.csv', mode='ab'"])
def test_writing_where_the_trigger_looks_is_refused_on_other_filesystems_too(house: Any, write: str) -> None:
    source = f"import fsspec\ndef handler(event): fsspec.open({write}).open()"
    outcome = house.run(source, watched=("memory:///in/*.csv",))
    assert outcome.error["type"] == "LoopRefused"
    assert outcome.wrote == ()


def test_a_frame_that_would_go_where_the_trigger_looks_is_refused(house: Any) -> None:
    source = "import pandas as pd\ndef handler(event): pd.DataFrame({'a': [1]}).to_parquet('a.parquet')"
    outcome = house.run(source, watched=(f"{house.folder}/*.parquet",))
    assert outcome.error["type"] == "LoopRefused"
    assert list(house.folder.iterdir()) == []


def test_names_as_those_of_tempfile_count_elsewhere(tmp_path: Path) -> None:
    noted: list[str] = []
    writes = Writes((), noted.append, room=tmp_path / "room")
    writes.begin()
    base = tempfile.gettempdir()
    for path in (f"{base}/tmpabcd_123", f"{base}/tmpabcd_123.csv", f"{base}/tmpabcd_123/x", f"{base}/tmpabcd_1234x"):
        writes.opens(path)
    for path in (f"{base}/tmp/abcdefgh", "/data/tmpabcd_123", f"{tmp_path}/room/x", f"{tmp_path}/roomy"):
        writes.opens(path)
    writes.end()
    writes.opens("/data/later")
    assert noted == [f"{base}/tmpabcd_1234x", f"{base}/tmp/abcdefgh", "/data/tmpabcd_123", f"{tmp_path}/roomy"]
