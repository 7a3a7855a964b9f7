"""Whole stories with real environments: a handler, its files, its errors, its workers."""

import textwrap
import time

import pytest

pytestmark = pytest.mark.anyio
COPY = """
    def handler(event, context):
        with context.output(f"out/{event.name}") as path:
            path.write_text(event.open().read().upper())
        print("copied", event.name)
        context.emit({"name": event.name})
        return event.size
"""


@pytest.fixture
async def service(open_stage):
    """A real service but for HTTP and Dask: two workers at most, of two slots."""
    return await open_stage(here=True, most=2, clock=time.time)


async def invoke(stage, source, event=None, **options):
    await stage.publish("f", textwrap.dedent(source), **options)
    return await stage.engine.invocations.invoke("f", event or {}, wait_s=60.0)


async def test_a_handler_gets_its_event_and_its_value_comes_back(service):
    run = await invoke(service, "def handler(event):\n    print('hi')\n    return {'n': event['n'] + 1}\n", {"n": 1})
    assert (run["state"], run["result"], run["cold"]) == ("succeeded", {"n": 2}, True)
    assert run["log"].startswith("hi\nREPORT RequestId: ")
    again = await service.engine.invocations.invoke("f", {"n": 5}, wait_s=60.0)
    assert (again["result"], again["cold"]) == ({"n": 6}, False)


async def test_files_become_files_and_records_and_another_functions_runs(service, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    await service.publish("copy", COPY, on=("in/*.txt settle=0s",), concurrency=1)
    await service.publish("count", "def handler(event):\n    return len(event.records)\n", on=("topic:copy batch=1",))
    for number in range(5):
        (tmp_path / "in" / f"{number}.txt").write_text(f"text {number}")
    await service.until(lambda: service.states("copy") == ["succeeded"] * 5)
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        f"{number}.txt": f"TEXT {number}" for number in range(5)
    }
    await service.until(lambda: service.states("count") == ["succeeded"] * 5)
    assert service.most_held["copy"] == 1
    audit = await service.balance("copy")
    assert (audit["observed"], audit["done"]) == (5, 5)


async def test_a_handler_that_raises_is_tried_again_and_then_dead_with_its_own_traceback(service):
    run = await invoke(service, "def handler(event):\n    return event['rows']\n", retries=1, backoff="none")
    assert (run["state"], run["attempts"], run["error"]["type"]) == ("dead", 2, "KeyError")
    assert "event['rows']" in run["error"]["traceback"]
    assert run["log"].count("REPORT RequestId") == 2


async def test_a_handler_that_succeeds_at_the_second_attempt(service):
    source = """
    def handler(event, context):
        if context.attempt == 1:
            raise ValueError("not yet")
        return context.attempt
    """
    run = await invoke(service, source, backoff="none")
    assert (run["state"], run["result"], run["attempts"]) == ("succeeded", 2, 2)


async def test_a_handler_that_takes_too_long_is_killed(service):
    run = await invoke(service, "import time\ndef handler(event):\n    time.sleep(60)\n", timeout_s=0.2, retries=0)
    assert (run["state"], run["reason"]) == ("dead", "Timeout")


async def test_a_running_handler_is_cancelled(service):
    source = "import time\ndef handler(event):\n    print('here', flush=True)\n    time.sleep(60)\n"
    await service.publish("f", source, timeout_s=120.0)
    run_id = await service.invoke()
    await service.until(lambda: service.states() == ["running"])
    answer = await service.engine.cancellations.cancel(run_id)
    assert (answer["state"], answer["attempts"]) == ("cancelled", 1)


async def test_many_at_once_are_each_done_once(service):
    await service.publish("f", "def handler(event):\n    return event['n']\n")
    ids = await service.engine.invocations.map("f", [{"n": n} for n in range(300)])
    runs = await service.ended(*ids)
    assert [run.result for run in runs] == list(range(300))
    assert set(service.finishes().values()) == {1}
    assert (await service.balance())["done"] == 300


@pytest.mark.parametrize("end", ["crash", "close"])
async def test_a_service_that_goes_in_the_middle_leaves_nothing_undone(service, tmp_path, end):
    (tmp_path / "out").mkdir()
    source = """
    import time
    def handler(event, context):
        with context.output(f"out/{event.n}.txt") as path:
            path.write_text(str(event.n))
        time.sleep(0.005)
        return event.n
    """
    await service.publish("f", source, retries=0)
    ids = await service.engine.invocations.map("f", [{"n": n} for n in range(60)])
    await service.until(lambda: service.states().count("succeeded") >= 5)
    await (service.crash() if end == "crash" else service.close())
    await service.open()
    runs = await service.ended(*ids)
    assert [(run.state, run.result) for run in runs] == [("succeeded", n) for n in range(60)]
    assert set(service.finishes().values()) == {1}
    assert sorted(int(path.stem) for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")) == list(
        range(60)
    )
    assert (await service.balance())["done"] == 60


@pytest.mark.parametrize(
    "returned", ["'\\ud800'", "{'\\udfff': 1}", "float('nan')", "'\\0'", "10**400", "b'x'", "[[]] * 3"]
)
async def test_whatever_a_handler_says_the_next_one_is_heard(service, returned):
    """Strange values, in the result, on the log, in an error and in a record."""
    source = f"""
    def handler(event, context):
        if event.get("well"):
            return "well"
        value = {returned}
        print(ascii(value)[:100])
        print(value if not isinstance(value, int) else hex(value))
        context.emit(value)
        if event.get("raises"):
            raise ValueError(value if not isinstance(value, int) else hex(value))
        return value
    """
    run = await invoke(service, source, retries=0)
    raised = await service.engine.invocations.invoke("f", {"raises": True}, wait_s=60.0)
    assert (run["state"], raised["state"]) in [("succeeded", "dead"), ("dead", "dead")]
    well = await service.engine.invocations.invoke("f", {"well": True}, wait_s=60.0)
    assert well["result"] == "well"
