"""What a handler finds in an environment, and what comes of it."""

import base64
import json
import pickle
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fsspec
import pytest

from jupyter_fn.model.errors import FnError
from jupyter_fn.model.version import Bundle
from jupyter_fn.runtime.outputs import publish

MakeCell = Callable[..., Bundle]


# --- values


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("def handler(event): return event.x + 1", 2),
        ("def handler(event, context): return context.attempt", 1),
        ("def handler(event, context=None, *rest): return context is not None", True),
        ("handler = lambda event: (event['x'], {3, 1})", [1, [1, 3]]),
        ("def handler(event):\n    for i in range(3): yield i * event.x", [0, 1, 2]),
        ("async def handler(event): return 'awaited'", "awaited"),
        ("async def handler(event):\n    for i in 'ab': yield i", ["a", "b"]),
        ("class H:\n    def __call__(self, event): return 'called'\nhandler = H()", "called"),
        ("import pandas as pd\ndef handler(event): return pd.DataFrame({'a': [1, None]})", [{"a": 1.0}, {"a": None}]),
    ],
    ids=["one argument", "two", "a default", "lambda", "generator", "coroutine", "async generator", "object", "frame"],
)
def test_whatever_kind_the_handler_is_its_value_comes_back_as_json(house: Any, body: str, value: Any) -> None:
    outcome = house.run(body, {"x": 1})
    assert outcome.error is None
    assert outcome.result == value


def test_the_items_of_a_generator_are_told_as_progress(house: Any) -> None:
    house.run("def handler(event):\n    yield from range(3)")
    assert house.steps[0][1:] == (1, 0)


def test_a_value_that_json_cannot_say_is_named_and_not_tried_again(house: Any) -> None:
    outcome = house.run("def handler(event): return {'it': [open]}")
    assert outcome.error["class"] == "ResultNotSerializable"
    assert "$.it[0]" in outcome.error["message"]
    assert outcome.error["traceback"] == ""  # no line of the handler has anything to do with it


BATCH = {"type": "stream.batch", "records": [{"id": f"a-{n}"} for n in range(3)]}
SAYS = """
    from jupyter_fn import Failures
    def handler(event, context):
        failures = Failures()
        for record in event.records:
            try:
                if record.id in {ids}: raise ValueError(record.id)
            except ValueError as error:
                failures[record.id] = error
        with context.output("a.txt") as path: path.write_text("whole")
        context.emit(1)
        return failures
"""


def test_what_a_batch_has_done_counts_though_items_of_it_failed(house: Any) -> None:
    outcome = house.run(SAYS.format(ids=["a-1"]), BATCH, batch_size=3)
    assert outcome.failed == (1,)
    assert outcome.error["class"] == "BatchFailed"
    assert "1 of 3 items of the batch failed: a-1 (ValueError: a-1)." in outcome.error["message"]
    assert "raise ValueError(record.id)" in outcome.error["traceback"]
    assert outcome.result == {"batchItemFailures": [{"itemIdentifier": "a-1", "error": "ValueError: a-1"}]}
    assert len(outcome.staged) == len(outcome.emitted) == 1


@pytest.mark.parametrize("fields", [{"batch_size": 3}, {}], ids=["all of it", "by hand"])
def test_a_batch_of_which_nothing_is_done_leaves_nothing(house: Any, fields: Any) -> None:
    ids = ["a-0", "a-1", "a-2"] if fields else ["a-1"]
    outcome = house.run(SAYS.format(ids=ids), BATCH, **fields)
    assert (outcome.failed, outcome.error["class"], outcome.result) == ((), "BatchFailed", None)
    assert outcome.staged == outcome.emitted == ()
    assert list(house.folder.iterdir()) == []


@pytest.mark.parametrize("failures", ["['a-2']", "'a-2'", "[{'itemIdentifier': 'b'}]", "[{'itemIdentifier': None}]"])
def test_a_word_on_a_batch_that_cannot_be_read_fails_it_for_good(house: Any, failures: str) -> None:
    body = f"def handler(event): return {{'batchItemFailures': {failures}}}"
    outcome = house.run(body, BATCH, batch_size=3)
    assert (outcome.failed, outcome.error["class"]) == ((), "BadBatchAnswer")
    assert outcome.error["traceback"] == ""


@pytest.mark.parametrize("failures", ["[]", "None"])
def test_a_batch_without_failed_items_is_a_success(house: Any, failures: str) -> None:
    outcome = house.run(f"def handler(event): return {{'batchItemFailures': {failures}}}", BATCH, batch_size=3)
    assert (outcome.failed, outcome.error) == ((), None)


def test_failed_items_of_what_is_no_batch_are_refused(house: Any) -> None:
    outcome = house.run("def handler(event): return {'batchItemFailures': ['x']}", {"x": 1})
    assert outcome.error["class"] == "BadBatchAnswer"
    assert "no batch" in outcome.error["message"]


def test_a_handler_may_ask_to_come_back_later(house: Any) -> None:
    source = "from jupyter_fn import Throttled\ndef handler(event): raise Throttled('Slow down.', retry_after=3)"
    error = house.run(source).error
    assert (error["class"], error["message"], error["retry_after"]) == ("Throttled", "Slow down.", 3.0)
    assert "in handler" in error["traceback"]


def test_the_event_is_a_dict_with_attributes_at_every_depth(house: Any) -> None:
    source = """
        import json
        def handler(event):
            assert isinstance(event, dict) and json.loads(json.dumps(event)) == event
            assert event.files[0].open().read() == "text"
            return [event.a.b[0].c, event["a"]["b"][0]["c"], event.get("none", 0)]
    """
    (house.folder / "x.txt").write_text("text")
    event = {"a": {"b": [{"c": 5}]}, "files": [{"path": str(house.folder / "x.txt")}]}
    assert house.run(source, event).result == [5, 5, 0]


def test_a_key_that_the_event_has_not_is_an_attribute_error_with_the_nearest_one(house: Any) -> None:
    outcome = house.run("def handler(event): return event.pth", {"path": "x"})
    assert outcome.error["type"] == "AttributeError"
    assert "'path'" in outcome.error["message"]


# --- errors


def test_an_error_has_its_own_type_and_a_traceback_with_the_cells_lines_and_none_of_ours(house: Any) -> None:
    source = """
        def inner(x):
            return 1 / x
        def handler(event):
            return inner(0)
    """
    error = house.run(source).error
    assert (error["class"], error["type"], error["message"]) == (
        "HandlerFailed",
        "ZeroDivisionError",
        "division by zero",
    )
    assert 'File "<fn f>", line 5, in handler' in error["traceback"]
    assert "return 1 / x" in error["traceback"]
    assert "jupyter_fn/runtime" not in error["traceback"]


def test_chained_errors_are_told_in_full(house: Any) -> None:
    source = """
        def handler(event):
            try:
                {}["missing"]
            except KeyError as error:
                raise RuntimeError("outer") from error
    """
    traceback = house.run(source).error["traceback"]
    assert traceback.index("KeyError: 'missing'") < traceback.index("RuntimeError: outer")


@pytest.mark.parametrize("raised", ["SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()"])
def test_leaving_by_an_exception_is_a_failure_like_any_other(house: Any, raised: str) -> None:
    outcome = house.run(f"def handler(event): raise {raised}")
    assert outcome.error["type"] == raised.partition("(")[0]
    assert house.run("def handler(event): return 1").result == 1


def test_an_error_may_say_when_to_try_again(house: Any) -> None:
    source = """
        class Busy(Exception):
            retry_after = 7
        def handler(event): raise Busy
    """
    assert house.run(source).error["retry_after"] == 7.0


def test_an_error_that_cannot_be_printed_is_still_an_error(house: Any) -> None:
    source = """
        class Rude(Exception):
            def __str__(self): raise ValueError
        def handler(event): raise Rude
    """
    assert house.run(source).error["type"] == "Rude"


# --- loading


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def handler(event:", "SyntaxError"),
        ("import no_such_package\ndef handler(event): pass", "No module named 'no_such_package'"),
        ("def other(event): pass", "'handler'"),
        ("def handler(): pass", "handler()"),
        ("raise SystemExit(1)", "SystemExit"),
    ],
)
def test_a_version_that_cannot_be_loaded_says_why_and_is_fatal(house: Any, source: str, told: str) -> None:
    outcome = house.run(source)
    assert outcome.error["class"] == "LoadFailed"
    assert told in outcome.error["message"]


def test_every_run_of_a_version_that_cannot_be_loaded_hears_of_it(house: Any) -> None:
    runs = [house.assign("1 / 0", run_id=f"r{i}") for i in range(5)]
    assert {o.error["class"] for o in house.finish(*runs)} == {"LoadFailed"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"packages": {"pandas": "0.1"}}, ["pandas 0.1", f"pandas {version('pandas')}"]),
        ({"packages": {"no-such-package": "1.0"}}, ["no-such-package 1.0", "missing"]),
        ({"python": "3.1.4"}, ["3.1.4", platform.python_version()]),
    ],
)
def test_another_package_or_python_than_at_publishing_is_refused(house: Any, fields: Any, told: list[str]) -> None:
    error = house.run("def handler(event): pass", **fields).error
    assert (error["class"], error["type"]) == ("LoadFailed", "PackageMismatch")
    assert all(part in error["message"] for part in told)


def test_the_same_packages_and_python_are_fine(house: Any) -> None:
    fields = {"packages": {"pandas": version("pandas")}, "python": platform.python_version()}
    assert house.run("def handler(event): return 1", **fields).result == 1


def test_captured_values_are_there_and_shared_objects_stay_shared(house: Any, make_cell: MakeCell) -> None:
    shared = [1]
    values = {"limit": pickle.dumps(10), "a b": pickle.dumps((shared, {"of": shared}))}
    source = "def handler(event):\n    a.append(2)\n    return [limit, b]"
    assert house.run(make_cell(source, values=values)).result == [10, {"of": [1, 2]}]


def test_local_modules_travel_by_value_and_win_over_what_lies_around(house: Any, make_cell: MakeCell) -> None:
    (house.folder / "cleaning.py").write_text("VALUE = 'of the folder'")
    modules = {
        "cleaning": "from pkg.inner import DOUBLE\nVALUE = DOUBLE('x')",
        "pkg.__init__": "",
        "pkg.inner": "def DOUBLE(x):\n    return x * 2",
    }
    source = "from cleaning import VALUE\ndef handler(event): return VALUE"
    assert house.run(make_cell(source, modules=modules)).result == "xx"


def test_a_module_beside_the_notebook_can_be_imported(house: Any) -> None:
    (house.folder / "neighbour_of_f.py").write_text("VALUE = 3")
    assert house.run("def handler(event):\n    import neighbour_of_f as n\n    return n.VALUE").result == 3


def test_what_the_cell_defines_can_be_pickled(house: Any) -> None:
    source = """
        import pickle
        class Point: x = 5
        def handler(event): return pickle.loads(pickle.dumps(Point())).x
    """
    assert house.run(source).result == 5


# --- logs


def test_everything_that_is_printed_is_the_log(house: Any) -> None:
    source = """
        import ctypes, logging, os, subprocess, sys
        def handler(event, context):
            print("printed")
            print("complained", file=sys.stderr)
            logging.getLogger("any").warning("warned %d", 5)
            context.logger.info("informed")
            os.write(1, b"raw\\n")
            ctypes.CDLL(None).puts(b"from C"); ctypes.CDLL(None).fflush(None)
            subprocess.run(["echo", "from a child"])
    """
    log = house.run(source, run_id="run-x").log
    for said in ("printed", "complained", "warned 5", "informed", "raw", "from C", "from a child"):
        assert f"{said}\n" in log
    assert "[WARNING]\t" in log
    assert "\trun-x\tinformed\n" in log


def test_each_run_has_its_own_part_of_the_log(house: Any) -> None:
    runs = [house.assign("def handler(event): print(f'<{event.n}>')", {"n": n}, run_id=f"r{n}") for n in range(20)]
    assert [o.log for o in house.finish(*runs)] == [f"<{n}>\n" for n in range(20)]


def test_a_failed_runs_log_is_kept(house: Any) -> None:
    assert house.run("def handler(event):\n    print('before')\n    1 / 0").log == "before\n"


def test_of_a_very_long_log_both_ends_are_kept(house: Any) -> None:
    log = house.run("def handler(event):\n    print('first')\n    print('x' * 2_000_000)\n    print('last')").log
    assert log.startswith("first\n")
    assert log.endswith("last\n")
    assert "bytes left out" in log
    assert len(log) < 300_000


def test_a_long_run_is_announced_and_its_output_shown_while_it_goes_on(house: Any) -> None:
    source = """
        from pathlib import Path
        def handler(event):
            print("so far")
            while not Path("go").exists(): pass
            print("done")
    """
    run = house.assign(source, run_id="long")
    house.submit(run)
    house.wait(lambda: house.shown)
    assert house.shown[0] == ("long", "so far\n")
    assert house.told_started[0][:2] == ("long", 1)
    assert not house.outcomes
    (house.folder / "go").touch()
    house.wait(lambda: house.outcomes)
    assert house.outcomes[0].log == "so far\ndone\n"
    assert house.outcomes[0].started == pytest.approx(house.told_started[0][2], abs=0.05)


def test_a_short_run_is_not_announced(house: Any) -> None:
    house.run("def handler(event): pass")
    assert house.told_started == []


def test_a_handler_that_closes_every_descriptor_still_has_an_outcome(house: Any) -> None:
    source = "import os\ndef handler(event):\n    os.closerange(0, 4096)\n    return 'odd'"
    outcome = house.run(source)
    assert outcome.error is None or outcome.error["class"] == "EnvironmentDied"
    assert house.run("def handler(event): return 1").result == 1


def test_a_handler_that_closes_its_standard_streams_does_no_harm(house: Any) -> None:
    source = "import os, sys\ndef handler(event):\n    sys.stdout.close(); os.close(2); os.close(0)\n    return 1"
    runs = [house.assign(source, run_id=f"r{i}") for i in range(2)]
    assert house.finish(*runs)[0].result == 1


# --- surroundings


def test_the_handler_works_in_its_folder_with_its_variables_and_no_input(house: Any) -> None:
    source = """
        import os, sys
        def handler(event):
            return [os.getcwd(), os.environ["COLOUR"], sys.stdin.read(), os.isatty(0)]
    """
    assert house.run(source, env={"COLOUR": "blue"}).result == [str(house.folder), "blue", "", False]


def test_a_run_that_goes_elsewhere_leaves_the_next_one_its_folder(house: Any) -> None:
    source = """
        import os
        def handler(event, context):
            before = os.getcwd()
            os.chdir(context.scratch)
            return [os.getpid(), before]
    """
    first, second = house.run(source).result, house.run(source).result
    assert first == second == [first[0], str(house.folder)]


def test_variables_of_one_version_are_not_those_of_another(house: Any) -> None:
    source = "import os\ndef handler(event): return os.environ.get('COLOUR')"
    assert house.run(source, env={"COLOUR": "blue"}).result == "blue"
    assert house.run(source).result is None


def test_the_context_has_lambdas_names(house: Any) -> None:
    source = """
        def handler(event, context):
            assert 0 < context.get_remaining_time_in_millis() <= 30_000
            return [context.aws_request_id, context.run_id, context.function_name, context.function_version,
                    context.memory_limit_in_mb, context.attempt, context.idempotency_key, context.log_stream_name]
    """
    run = house.run(source, run_id="r-1", version=4, attempt=2, idempotency_key="k")
    assert run.result == ["r-1", "r-1", "f", "4", 512, 2, "k", "[4]r-1"]


def test_scratch_is_an_empty_folder_that_goes_with_the_run(house: Any) -> None:
    source = """
        def handler(event, context):
            assert list(context.scratch.iterdir()) == [] and context.scratch == context.scratch
            (context.scratch / "x").mkdir()
            return str(context.scratch)
    """
    first, second = house.run(source).result, house.run(source).result
    assert first != second
    assert not Path(first).exists()
    assert Path(first).parent.exists()


def test_progress_is_told(house: Any) -> None:
    house.run("def handler(event, context):\n    context.progress(1, 2)\n    context.progress(2, 2)")
    assert [step[1:] for step in house.steps] == [(1.0, 2.0), (2.0, 2.0)]


def test_emitted_records_come_with_the_outcome_of_a_run_that_succeeds(house: Any) -> None:
    source = """
        def handler(event, context):
            context.emit({"n": 1}); context.emit((2,), "other", key="k")
            if event.fail: 1 / 0
    """
    records = house.run(source, {"fail": False}).emitted
    assert [(r.topic, r.value, r.key) for r in records] == [("f", {"n": 1}, ""), ("other", [2], "k")]
    assert house.run(source, {"fail": True}).emitted == ()


# --- output


WRITES = """
    def handler(event, context):
        with context.output(event.path) as path:
            path.write_text("whole")
            if event.get("fail") == "inside": 1 / 0
        if event.get("fail") == "after": 1 / 0
"""


def test_output_is_staged_beside_its_target_and_appears_when_it_is_published(house: Any) -> None:
    outcome = house.run(WRITES, {"path": "out/a.csv"})
    (file,) = outcome.staged
    target = house.folder / "out" / "a.csv"
    assert (file.target, file.size) == (str(target), 5)
    assert Path(file.staged).parent == target.parent
    assert Path(file.staged).suffix == ".csv"
    assert not target.exists()
    publish(outcome.staged)
    publish(outcome.staged)
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("fail", ["inside", "after"])
def test_nothing_staged_is_left_of_a_run_that_fails(house: Any, fail: str) -> None:
    outcome = house.run(WRITES, {"path": "out/a.csv", "fail": fail})
    assert outcome.staged == ()
    assert list((house.folder / "out").iterdir()) == []


def test_what_a_killed_run_has_staged_is_removed(house: Any) -> None:
    source = """
        import os
        def handler(event, context):
            with context.output("a.csv") as path:
                path.write_text("half")
                os._exit(1)
    """
    house.run(source)
    house.run("def handler(event): pass")
    house.close_chores()
    assert [p for p in house.folder.iterdir() if "staged" in p.name] == []


def test_an_output_that_was_never_written_is_an_error(house: Any) -> None:
    outcome = house.run("def handler(event, context):\n    with context.output('a.csv'): pass")
    assert outcome.error["type"] == "FileNotFoundError"
    assert "was not written" in outcome.error["message"]


def test_an_output_that_is_a_folder_is_an_error_and_leaves_none(house: Any) -> None:
    source = "def handler(event, context):\n    with context.output('a.csv') as path: (path / 'b').mkdir(parents=True)"
    outcome = house.run(source)
    assert outcome.error["type"] == "FileNotFoundError"
    assert "is a folder; write one file for each output" in outcome.error["message"]
    assert [p for p in house.folder.iterdir() if "staged" in p.name] == []


def test_outputs_go_to_other_filesystems_too(house: Any) -> None:
    url = f"local://{house.folder}/deep/a.csv"
    publish(house.run(WRITES, {"path": url}).staged)
    assert (house.folder / "deep" / "a.csv").read_text() == "whole"


def staged_on(url: str) -> list[str]:
    fs, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return [name for name in fs.find(path) if "staged" in name]


def test_an_output_on_s3_appears_when_it_is_published(house: Any, s3: str, s3_environment: dict[str, str]) -> None:
    outcome = house.run(WRITES, {"path": f"{s3}/out/a.csv"}, env=s3_environment)
    assert outcome.staged[0].target == f"{s3}/out/a.csv"
    assert len(staged_on(s3)) == 1
    publish(outcome.staged)
    assert fsspec.open(f"{s3}/out/a.csv", "r").open().read() == "whole"
    assert staged_on(s3) == []


def test_nothing_of_a_failed_run_is_left_on_s3(house: Any, s3: str, s3_environment: dict[str, str]) -> None:
    for fail in ("inside", "after"):
        assert house.run(WRITES, {"path": f"{s3}/a.csv", "fail": fail}, env=s3_environment).staged == ()
    assert staged_on(s3) == []


@pytest.mark.parametrize("base", ["local", "s3"])
def test_what_a_killed_run_has_staged_is_removed_by_its_worker(
    house: Any, base: str, s3: str, s3_environment: dict[str, str]
) -> None:
    url = s3 if base == "s3" else str(house.folder)
    source = """
        import os
        def handler(event, context):
            for name in "ab":
                with context.output(f"{event.url}/{name}.csv") as path: path.write_text("whole")
            with context.output(f"{event.url}/c.csv") as path:
                path.write_text("half")
                os._exit(1)
    """
    house.run(source, {"url": url}, env=s3_environment)
    house.close_chores()
    assert staged_on(url) == []


@pytest.mark.parametrize("base", ["local", "s3"])
def test_what_a_lost_attempt_has_staged_is_removed_by_the_next_one(
    house: Any, base: str, s3: str, s3_environment: dict[str, str]
) -> None:
    target = f"{s3 if base == 's3' else house.folder}/a.csv"
    lost = house.run(WRITES, {"path": target}, run_id="r", token=1, env=s3_environment)
    assert len(staged_on(target.rpartition("/")[0])) == 1
    won = house.run(WRITES, {"path": target}, run_id="r", token=3, env=s3_environment)
    assert staged_on(target.rpartition("/")[0]) == [won.staged[0].staged.removeprefix("s3://")]
    with pytest.raises(FnError):
        publish(lost.staged)
    publish(won.staged)


def test_two_blocks_of_one_target_are_one_file_and_the_last_one_counts(house: Any) -> None:
    source = """
        def handler(event, context):
            for text in event.texts:
                try:
                    with context.output("a.csv") as path:
                        path.write_text(text)
                        if text == "bad": 1 / 0
                except ZeroDivisionError:
                    pass
    """
    outcome = house.run(source, {"texts": ["one", "two"]})
    publish(outcome.staged)
    assert (house.folder / "a.csv").read_text() == "two"
    assert house.run(source, {"texts": ["one", "bad"]}).staged == ()
    assert [path.name for path in house.folder.iterdir()] == ["a.csv"]


def test_an_output_in_the_memory_of_the_handler_is_refused_in_plain_words(house: Any) -> None:
    outcome = house.run(WRITES, {"path": "memory://out/a.csv"})
    with pytest.raises(FnError, match="nobody else sees it") as refused:
        publish(outcome.staged)
    assert "share" in refused.value.remedy


# --- loops


@pytest.mark.parametrize(
    "write",
    [
        "open('in/x.csv', 'w')",
        "open(b'in/x.csv', 'ab')",
        "pathlib.Path('in/x.csv').write_text('')",
        "os.open('in/x.csv', os.O_CREAT | os.O_RDWR)",
        "os.rename('free.csv', 'in/x.csv')",
        "context.output('in/x.csv').__enter__()",
        "pandas.DataFrame({'a': [1]}).to_csv('in/x.csv')",
    ],
)
def test_a_handler_that_writes_where_its_trigger_looks_is_refused(house: Any, write: str) -> None:
    (house.folder / "in").mkdir()
    (house.folder / "free.csv").touch()
    source = f"import os, pathlib, pandas\ndef handler(event, context): {write}"
    outcome = house.run(source, watched=(f"{house.folder}/in/*.csv",))
    assert (outcome.error["type"], outcome.error["class"]) == ("LoopRefused", "LoadFailed")  # fatal
    assert "--allow-loop" in outcome.error["remedy"]
    assert list((house.folder / "in").iterdir()) == []


def test_reading_there_and_writing_elsewhere_is_fine(house: Any) -> None:
    (house.folder / "in").mkdir()
    (house.folder / "in" / "x.csv").write_text("a")
    source = "def handler(event):\n    open('in/x.json', 'w').write(open('in/x.csv').read())\n    return 1"
    assert house.run(source, watched=(f"{house.folder}/in/*.csv",)).result == 1


# --- metering


def test_a_first_run_is_cold_and_says_what_loading_took(house: Any) -> None:
    first, second = (house.run("def handler(event): pass").usage for _ in range(2))
    assert first.cold
    assert first.init_ms > 0
    assert not second.cold
    assert second.init_ms == 0


def test_bytes_cpu_and_memory_are_those_of_the_run(house: Any) -> None:
    (house.folder / "big").write_bytes(bytes(30 << 20))
    source = """
        def handler(event):
            if event.work:
                data = open("big", "rb").read()
                open("copy", "wb").write(data)
                sum(range(1_000_000))
    """
    busy, lazy = house.run(source, {"work": True}).usage, house.run(source, {"work": False}).usage
    assert busy.bytes_read >= 30 << 20
    assert busy.bytes_written >= 30 << 20
    assert 30 <= busy.max_memory_mb < 60
    assert 0 < busy.cpu_ms <= busy.duration_ms * 2 + 20
    assert lazy.bytes_written == 0
    assert lazy.max_memory_mb < 20
    assert lazy.cpu_ms < busy.cpu_ms


def test_what_is_printed_is_not_counted_as_written(house: Any) -> None:
    assert house.run("def handler(event): print('x' * 10_000)").usage.bytes_written < 1_000


def test_child_processes_count(house: Any) -> None:
    source = """
        import subprocess, sys
        def handler(event):
            code = "x = bytearray(150 << 20); sum(range(5_000_000))"
            subprocess.run([sys.executable, "-c", code], check=True)
    """
    usage = house.run(source).usage
    assert usage.cpu_ms > 50
    assert usage.max_memory_mb >= 100


def test_an_event_larger_than_a_packet_and_a_large_result_pass(house: Any) -> None:
    text = base64.b64encode(bytes(3 << 20)).decode()
    outcome = house.run("def handler(event): return event.text * 2", {"text": text})
    assert outcome.result == text * 2


def test_threads_and_process_pools_work_in_a_handler(house: Any) -> None:
    source = """
        import asyncio, threading
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from multiprocessing import get_context
        def handler(event):
            with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
                return [sum(threads.map(abs, range(10))), sum(processes.map(abs, range(10)))]
    """
    assert house.run(source).result == [45, 45]


def test_handlers_forks_do_not_answer_in_its_place(house: Any) -> None:
    source = "import os\ndef handler(event):\n    return os.fork() == 0"
    assert house.run(source).result is False
    assert json.dumps(house.run("def handler(event): return 1").result) == "1"
    assert len(house.outcomes) == 2
