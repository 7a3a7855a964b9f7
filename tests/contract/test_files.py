"""A folder as a trigger: what arrives is run once, whatever else happens to it."""

import os
from pathlib import Path

import pytest

MODULE = """
import json
from pathlib import Path

@fn(on="orders/*.json settle=100ms")
def orders(event, context):
    order = json.load(event.open())
    with context.output(f"done/{event.stem}.txt") as path:
        path.write_text(str(order["n"] * 2))
    return {"path": event.path, "name": event.name, "size": event.size, "own": Path("settings.txt").read_text()}
"""


def watch(name, pattern, *, body="return event.name", options=""):
    return f"\n@fn(on={pattern!r}, retries=0{options})\ndef {name}(event, context):\n    {body}\n"


@pytest.fixture
def ran(house):
    """`ran("orders", 3)`: the names of the files whose runs have ended, one for each run."""
    return lambda function, count: sorted(Path(run["event"]["path"]).name for run in whole(house, function, count))


def whole(house, function, count):
    return [house.get(f"runs/{run['id']}") for run in house.all_ended(function, count)]


def test_each_file_that_arrives_is_run_once_in_the_folder_it_was_published_from(house):
    house.write("settings.txt", "own")
    house.publish(MODULE)
    for n in range(3):
        house.write(f"orders/{n}.json", f'{{"n": {n}}}')
    runs = house.all_ended("orders", 3)
    assert [run["state"] for run in runs] == ["succeeded"] * 3
    assert {run["result"]["path"] for run in runs} == {str(house.work / "orders" / f"{n}.json") for n in range(3)}
    assert {run["result"]["own"] for run in runs} == {"own"}
    assert {run["result"]["size"] for run in runs} == {8}
    assert {path.name: path.read_text() for path in (house.work / "done").iterdir()} == {
        "0.txt": "0",
        "1.txt": "2",
        "2.txt": "4",
    }
    assert house.ok("audit orders --json").json["balanced"] is True
    trigger = house.ok("ls --json").json[0]["triggers"][0]
    assert {run["trigger"] for run in runs} == {trigger["id"]}


def test_a_file_that_is_overwritten_is_a_new_version_and_a_new_run(house):
    house.publish(watch("again", "again/*.txt settle=100ms", body="return event.open().read()"))
    house.write("again/a.txt", "one")
    house.all_ended("again", 1)
    house.write("again/a.txt", "two")
    runs = whole(house, "again", 2)
    assert [run["result"] for run in runs] == ["two", "one"]
    assert len({run["event"]["version"] for run in runs}) == 2
    assert len({run["event"]["path"] for run in runs}) == 1


def test_what_is_not_changed_is_not_run_again(house, ran):
    house.publish(watch("once", "once/*.txt settle=100ms"))
    path = house.write("once/a.txt", "one")
    house.all_ended("once", 1)
    path.chmod(0o600)
    os.link(path, house.work / "once" / "a.bak")
    house.publish(watch("once", "once/*.txt settle=100ms", body="return 2"))
    house.write("once/b.txt", "later")
    assert ran("once", 2) == ["a.txt", "b.txt"]


def test_hidden_unfinished_and_empty_files_are_left_out_and_explain_says_why(house, ran):
    house.publish(watch("tidy", "tidy/* settle=100ms"))
    for name in (".hidden", "_private", "half.tmp", "half.part", "half.crdownload", "backup~"):
        path = house.work / "tidy" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    (house.work / "tidy" / "empty").touch()
    house.write("tidy/plain", "x")
    assert ran("tidy", 1) == ["plain"]
    for name, why in ((".hidden", "starts with ."), ("half.tmp", "ends with .tmp"), ("empty", "is empty")):
        sentences = house.ok(f"explain tidy tidy/{name} --json").json["sentences"]
        assert any(why in sentence for sentence in sentences), sentences


def test_explain_tells_of_a_file_that_ran_one_that_does_not_match_and_one_that_is_not_there(house):
    house.publish(watch("why", "why/*.txt settle=100ms"))
    house.write("why/a.txt", "x")
    (run,) = house.all_ended("why", 1)
    explained = house.ok("explain why why/a.txt --json").json
    assert run["id"] in str(explained)
    house.write("why/a.csv", "x")
    assert "does not match" in str(house.ok("explain why why/a.csv --json").json)
    assert "does not exist" in str(house.ok("explain why why/b.txt --json").json)


def test_what_lies_there_already_is_taken_unless_told_otherwise(house, ran):
    house.write("old/a.txt", "x")
    house.publish(watch("takes", "old/*.txt settle=100ms") + watch("skips", "old/*.txt settle=100ms existing=skip"))
    assert ran("takes", 1) == ["a.txt"]
    house.until(lambda: house.get("functions/skips/audit")["skipped"] == 1, "the first look of skips")
    house.write("old/b.txt", "x")
    assert ran("takes", 2) == ["a.txt", "b.txt"]
    assert {Path(run["event"]["path"]).name: run["state"] for run in whole(house, "skips", 2)} == {
        "a.txt": "skipped",
        "b.txt": "succeeded",
    }
    audit = house.ok("audit skips --json").json
    assert (audit["observed"], audit["done"], audit["skipped"], audit["balanced"]) == (2, 1, 1, True)


def test_paths_are_relative_to_the_folder_it_is_published_from(house, ran):
    elsewhere = house.work / "project"
    elsewhere.mkdir()
    (elsewhere / "jobs.py").write_text(
        "from jupyter_fn import fn\n" + watch("moved", "here/*.txt settle=100ms", body="return open('beside').read()")
    )
    (elsewhere / "beside").write_text("found")
    house.ok("publish jobs.py", cwd=elsewhere)
    house.write("project/here/a.txt", "x")
    house.write("here/a.txt", "x")
    (run,) = whole(house, "moved", 1)
    assert (run["result"], run["event"]["path"]) == ("found", str(elsewhere / "here" / "a.txt"))


def test_folders_below_and_several_triggers(house, ran):
    triggers = ["deep/**/*.txt settle=100ms", f"file://{house.work}/wide/[ab]?.csv settle=100ms"]
    house.publish(f"@fn(on={triggers!r})\ndef both(event):\n    return event.name\n")
    for name in ("deep/1.txt", "deep/x/2.txt", "deep/x/y/3.txt", "deep/x/.git/4.txt", "wide/a1.csv", "wide/c1.csv"):
        house.write(name, "x")
    assert ran("both", 4) == ["1.txt", "2.txt", "3.txt", "a1.csv"]


def test_a_parquet_file_is_taken_when_its_end_is_there(house, ran):
    house.publish(watch("tables", "tables/*.parquet settle=50ms"))
    half = house.work / "tables" / "half.parquet"
    half.parent.mkdir()
    half.write_bytes(b"PAR1 only the beginning")
    house.write("tables/whole.parquet", "PAR1 whole PAR1")
    assert ran("tables", 1) == ["whole.parquet"]
    half.write_bytes(b"PAR1 the beginning and the end PAR1")
    assert ran("tables", 2) == ["half.parquet", "whole.parquet"]


def test_an_output_appears_whole_or_not_at_all(house):
    body = "\n    ".join(
        [
            "with context.output(f'results/{event.name}') as path:",
            "    path.write_text('half')",
            "    if event.name == 'bad.txt': raise ValueError('half way')",
        ]
    )
    house.publish(watch("staged", "parts/*.txt settle=100ms", body=body))
    for name in ("bad.txt", "good.txt"):
        house.write(f"parts/{name}", "x")
    assert {run["state"] for run in house.all_ended("staged", 2)} == {"dead", "succeeded"}
    assert [path.name for path in (house.work / "results").iterdir()] == ["good.txt"]


def test_a_handler_that_writes_where_it_looks_is_refused(house):
    writes = "open(f'round/{event.stem}.2.txt', 'w').write('x')"
    house.write("loop.py", "from jupyter_fn import fn\n" + watch("round", "round/*.txt", body=writes))
    said = house.fn("publish loop.py")
    assert said.code == 1
    assert "round/" in said.two_lines[0]
    assert "--allow-loop" in said.two_lines[1]
    assert house.fn("show round").code == 1


def test_a_loop_that_only_shows_when_it_runs_is_refused_then(house):
    body = "\n    ".join(
        ["name = event.get('to', '/'.join(['hidden', 'x.txt']))", "with context.output(name) as p: p.write_text('x')"]
    )
    house.publish(watch("blind", "hidden/*.txt settle=50ms", body=body))
    house.write("hidden/a.txt", "x")
    (run,) = house.all_ended("blind", 1)
    assert (run["state"], run["error"]["type"]) == ("dead", "LoopRefused")


def test_a_loop_that_is_wanted_is_allowed_and_ends(house):
    body = "\n    ".join(
        [
            "left = int(event.open().read())",
            "if left:",
            "    with context.output(f'down/{left - 1}.txt') as p: p.write_text(str(left - 1))",
            "return left",
        ]
    )
    house.publish(watch("down", "down/*.txt settle=50ms", body=body, options=", allow_loop=True"))
    house.write("down/3.txt", "3")
    assert sorted(run["result"] for run in house.all_ended("down", 4)) == [0, 1, 2, 3]
