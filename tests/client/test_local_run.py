"""`.local(event)`: the handler in this process, with the event and the context of a worker."""

import os

import pytest

from jupyter_fn.capture.draft import capture_cell
from jupyter_fn.capture.options import given_by_keywords
from jupyter_fn.client.client import Client
from jupyter_fn.client.handle import Function
from jupyter_fn.model.errors import BadBatchAnswer, BadValue, BatchFailed, UndefinedName


@pytest.fixture
def local(fake, tmp_path):
    """Runs a cell locally; the service is never asked."""

    def run(source, event=None, namespace=None, **options):
        given = given_by_keywords(options)
        draft = capture_cell("daily", source, namespace or {}, options=given.options, folder=tmp_path)
        return Function("daily", Client(fake.home, start=False), draft=draft)(event)

    return run


def test_a_call_of_the_handle_runs_it_here_with_its_captured_values(local, fake):
    assert local("def handler(event):\n    return event.n + limit", {"n": 1}, {"limit": 5}) == 6
    assert not fake.asked


def test_the_event_is_the_one_of_a_worker(local):
    source = "def handler(event):\n    return event.inner.x, event.function, event.attempt, event.id != ''"
    assert local(source, {"inner": {"x": 1}}) == (1, "daily", 1, True)
    assert local("def handler(event):\n    return event.data", [1, 2]) == [1, 2]
    assert local("def handler(event):\n    return event.get('data', 'none')") == "none"


def test_the_context_is_the_one_of_a_worker(local):
    source = (
        "def handler(event, context):\n"
        "    context.progress(1, 2)\n"
        "    (context.scratch / 'x').write_text('')\n"
        "    return context.function_name, context.memory_limit_in_mb, context.get_remaining_time_in_millis() > 0"
    )
    assert local(source, memory="1GB") == ("daily", 1024, True)


def test_outputs_are_put_in_place_when_the_handler_returns(local, tmp_path):
    source = (
        "def handler(event, context):\n"
        "    with context.output('out/a.txt') as path:\n"
        "        path.write_text('done')\n"
        "    assert not (__import__('pathlib').Path(event.folder) / 'out/a.txt').exists()\n"
    )
    local(source, {"folder": str(tmp_path)})
    assert (tmp_path / "out" / "a.txt").read_text() == "done"
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_outputs_of_a_handler_that_fails_leave_nothing(local, tmp_path):
    source = (
        "def handler(event, context):\n"
        "    with context.output('out/a.txt') as path:\n"
        "        path.write_text('half')\n"
        "    raise KeyError('late')\n"
    )
    with pytest.raises(KeyError, match="late"):
        local(source)
    assert list((tmp_path / "out").iterdir()) == []


def test_failed_items_of_a_batch_fail_it_as_they_do_by_hand_on_a_worker(local, tmp_path):
    source = (
        "from jupyter_fn import Failures\n"
        "def handler(event, context):\n"
        "    with context.output('a.txt') as path:\n"
        "        path.write_text('half')\n"
        "    return Failures(event.bad)\n"
    )
    records = [{"id": "a"}, {"id": "b"}]
    assert local(source.replace("a.txt", "b.txt"), {"records": records, "bad": []}) == {"batchItemFailures": []}
    with pytest.raises(BatchFailed, match="1 of 2 items of the batch failed: a"):
        local(source, {"records": records, "bad": ["a"]})
    with pytest.raises(BadBatchAnswer, match="'c'"):
        local(source, {"records": records, "bad": ["c"]})
    assert [path.name for path in tmp_path.glob("*.txt")] == ["b.txt"]


def test_effects_ask_nobody_and_are_entered_once(local, fake):
    source = (
        "def handler(event, context):\n"
        "    for name in event.names:\n"
        "        with context.effect(name):\n"
        "            done = name\n"
        "    return done\n"
    )
    assert local(source, {"names": ["a", "b"]}) == "b"
    with pytest.raises(BadValue, match="'a' before"):
        local(source, {"names": ["a", "a"]})
    assert not fake.asked


def test_records_that_would_be_emitted_are_said_to_stay(local, capsys):
    local("def handler(event, context):\n    context.emit(1)")
    assert "1 emitted records stay here" in capsys.readouterr().err


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event):\n    yield 1\n    yield 2",
        "async def handler(event):\n    return [1, 2]",
        "async def handler(event):\n    yield 1\n    yield 2",
    ],
)
def test_generators_and_coroutines_are_run_to_their_end(local, source):
    assert local(source) == [1, 2]


def test_an_error_of_the_handler_brings_no_other_along(local):
    with pytest.raises(ZeroDivisionError) as caught:
        local("def handler(event):\n    return 1 / 0")
    assert caught.value.__context__ is None


def test_an_error_inside_async_code_comes_out_as_it_is(local):
    with pytest.raises(ZeroDivisionError):
        local("async def handler(event):\n    return 1 / 0")


def test_the_functions_environment_variables_are_there_only_meanwhile(local, monkeypatch):
    monkeypatch.setenv("STAGE", "before")
    source = "import os\ndef handler(event):\n    return os.environ['STAGE'], os.environ['NEW']"
    assert local(source, env={"STAGE": "test", "NEW": "x"}) == ("test", "x")
    assert os.environ["STAGE"] == "before"
    assert "NEW" not in os.environ


VERSION = {
    "function": "daily",
    "number": 1,
    "kind": "cell",
    "source": "def handler(event):\n    return event.n * 2",
    "handler": "handler",
    "filename": "<fn daily>",
    "folder": "/tmp",
    "options": {},
    "captured": [],
    "packages": {},
    "python": "3.11.7",
    "digest": "d",
}


@pytest.fixture
def attached(fake):
    client = Client(fake.home, start=False, transport=fake.transport)
    yield Function("daily", client)
    client.close()


def test_a_function_published_elsewhere_runs_by_its_source(fake, attached):
    fake.on("GET", "functions/daily", {"name": "daily", "version": VERSION})
    assert attached.local({"n": 4}) == 8


def test_a_function_published_elsewhere_with_values_says_where_they_are(fake, attached):
    captured = [{"name": "limit", "type": "int", "size": 5, "preview": "5", "digest": "d"}]
    fake.on("GET", "functions/daily", {"name": "daily", "version": {**VERSION, "captured": captured}})
    with pytest.raises(UndefinedName, match="captured limit") as caught:
        attached.local()
    assert ".invoke(event)" in caught.value.remedy
