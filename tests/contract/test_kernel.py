"""`%%fn` and `%fn` in a real kernel; the kernel may end and come back, the service stays."""

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

LIMIT_S = 60


class Kernel:
    """A kernel in the folder of a house; `run` gives what a cell has put out."""

    def __init__(self, house: Any) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(house.work), env=house.environment)
        self._client: BlockingKernelClient = self._manager.blocking_client()
        self._connect()

    def _connect(self) -> None:
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT_S)

    def run(self, code: str) -> list[dict[str, Any]]:
        """The outputs, in the shape of a notebook's, and at last the reply as `{"reply": …}`."""
        outputs: list[dict[str, Any]] = []
        reply = self._client.execute_interactive(
            code,
            timeout=LIMIT_S,
            allow_stdin=False,
            output_hook=lambda message: outputs.append({"is": message["header"]["msg_type"], **message["content"]}),
        )
        shown = [one for one in outputs if one["is"] in ("stream", "display_data", "execute_result", "error")]
        return [*shown, {"is": "reply", **reply["content"]}]

    def text(self, code: str) -> str:
        """What a cell that succeeds has said, as text."""
        *shown, reply = self.run(code)
        assert reply["status"] == "ok", reply
        return "".join(one.get("text") or one["data"]["text/plain"] for one in shown)

    def error(self, code: str) -> dict[str, Any]:
        """The error output of a cell that fails, which is the only thing it says."""
        *shown, reply = self.run(code)
        assert reply["status"] == "error"
        assert [one["is"] for one in shown] == ["error"]
        return shown[0]

    def complete(self, code: str) -> list[str]:
        """What Tab offers at the end of `code`."""
        reply = self._client.complete(code, len(code), reply=True, timeout=LIMIT_S)
        return list(reply["content"]["matches"])

    def restart(self) -> None:
        """As by the button in a notebook."""
        self._client.stop_channels()
        self._manager.restart_kernel(now=True)
        self._client = self._manager.blocking_client()
        self._connect()

    def stop(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(house: Any) -> Iterator[Kernel]:
    kernel = Kernel(house)
    kernel.text("%load_ext jupyter_fn")
    yield kernel
    kernel.stop()


def test_a_cell_becomes_a_function_that_runs_when_a_file_arrives(house, kernel):
    kernel.text("import math\nRATE = 2")
    *shown, reply = kernel.run(
        '%%fn rated --on "landing/*.txt settle=100ms" --memory 256MB --timeout 20s --retries 1 --tag team=etl\n'
        "def handler(event, context):\n"
        "    n = float(event.open().read())\n"
        '    with context.output(f"rated/{event.stem}.txt") as path:\n'
        "        path.write_text(str(math.floor(n * RATE)))\n"
        "    return n\n"
    )
    assert reply["status"] == "ok"
    (card,) = [one["data"] for one in shown if one["is"] == "display_data"]
    assert card["text/plain"].startswith("rated · version 1 · new")
    assert "RATE" in card["text/html"]
    house.write("landing/a.txt", "1.6")
    (run,) = house.all_ended("rated", 1)
    assert (run["state"], run["result"], run["memory_mb"]) == ("succeeded", 1.6, 256)
    assert (house.work / "rated" / "a.txt").read_text() == "3"


def test_the_same_cell_again_is_the_same_version(kernel):
    cell = "%%fn same\ndef handler(event):\n    return 1"
    assert "version 1 · new" in kernel.text(cell)
    assert "version 1 · unchanged" in kernel.text(cell)
    assert "version 2 · new" in kernel.text(cell.replace("return 1", "return 2"))


def test_the_name_is_a_handle(kernel):
    kernel.text("%%fn adder\ndef handler(event):\n    print('adding')\n    return event.a + event.b")
    said = kernel.text("adder.invoke({'a': 1, 'b': 2})")
    assert said.startswith("adding\nREPORT RequestId: ")
    assert said.endswith("3")
    assert kernel.text("adder.local({'a': 1, 'b': 3})").endswith("4")
    assert kernel.text("adder.submit({'a': 2, 'b': 3}).result()").endswith("5")
    assert kernel.text("adder.map([{'a': n, 'b': n} for n in range(3)]).results()") == "[0, 2, 4]"
    assert kernel.text("[len(adder.versions()), len(adder.runs()), adder.audit()['balanced']]") == "[1, 5, True]"
    assert "adding" in kernel.text("print(adder.logs())")
    assert kernel.text("type(adder.runs().to_pandas()).__name__, type(adder.cost().to_pandas()).__name__") == (
        "('DataFrame', 'DataFrame')"
    )
    assert kernel.text("adder.failures()") == "No failures."
    assert kernel.text("adder.pause().resume()")


def test_what_a_handler_raises_is_raised_here_with_its_own_traceback(kernel):
    kernel.text("%%fn divider\ndef handler(event):\n    return 1 / event.n")
    *_, reply = kernel.run("divider.invoke({'n': 0})")
    assert reply["status"] == "error"
    assert reply["ename"] == "ZeroDivisionError"
    traceback = "\n".join(reply["traceback"])
    assert "return 1 / event.n" in traceback
    assert "line 3" in traceback
    assert "jupyter_fn/" not in traceback
    kept = "try:\n    divider.invoke({'n': 0})\nexcept ZeroDivisionError as error:\n    print('caught', error)"
    assert kernel.text(kept).endswith("caught division by zero\n")


def test_the_decorator_is_the_magics_twin(house, kernel):
    cell = (
        "from jupyter_fn import fn, files, rate\n"
        "FACTOR = 3\n"
        "@fn(on=[files('twin/*.txt', settle='100ms')], memory='256MB', env={'STAGE': 'test'})\n"
        "def twin(event):\n"
        "    import os\n"
        "    return [event.stem, FACTOR, os.environ['STAGE']]"
    )
    assert "twin · version 1 · new" in kernel.text(cell)
    house.write("twin/a.txt", "x")
    (run,) = house.all_ended("twin", 1)
    assert run["result"] == ["a", 3, "test"]


def test_commands_are_line_magics(kernel):
    kernel.text("%%fn listed\ndef handler(event):\n    return 1")
    kernel.text("listed.invoke()")
    assert "listed" in kernel.text("%fn ls")
    assert "succeeded" in kernel.text("%fn runs listed")
    assert "Total $" in kernel.text("%fn cost")
    assert '"balanced": true' in kernel.text("%fn audit listed --json")
    error = kernel.error("%fn show nobody")
    assert error["ename"] == "NotFound"
    assert len(error["traceback"]) == 2


ERRORS = {
    "unknown option": ("%%fn wrong --memroy 1GB\ndef handler(event): return 1", "UnknownOption", "--memory"),
    "two handlers": ("%%fn wrong\ndef a(event): return 1\ndef b(event): return 2", "NoHandler", "a, b"),
    "undefined name": ("%%fn wrong\ndef handler(event):\n    return missing_name", "UndefinedName", "line 3"),
    "unshippable": (
        "import sqlite3\nconn = sqlite3.connect(':memory:')\nget_ipython().run_cell_magic('fn', 'wrong', "
        "'def handler(event): return conn.total_changes')",
        "UnshippableValue",
        "sqlite3.Connection",
    ),
    "too large": (
        "big = b'x' * 11_000_000\nget_ipython().run_cell_magic('fn', 'wrong', 'def handler(event): return len(big)')",
        "ValueTooLarge",
        "11 MB",
    ),
    "unknown scheme": ("%%fn wrong --on s4://b/*.csv\ndef handler(event): return 1", "BadTrigger", "s3"),
    "loop": (
        "%%fn wrong --on 'loop/*.txt'\ndef handler(event):\n    open('loop/b.txt', 'w').write('x')",
        "LoopRefused",
        "--allow-loop",
    ),
    "no name": ("%%fn\ndef handler(event): return 1", "UsageError", "NAME"),
    "not python": ("%%fn wrong\ndef handler(event) return 1", "BadSource", "Line 2"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_mistake_is_an_error_of_two_lines(kernel, case):
    cell, kind, word = ERRORS[case]
    error = kernel.error(cell)
    assert error["ename"] == kind
    assert len(error["traceback"]) == 2
    assert word in "\n".join(error["traceback"])


def test_failures_are_edited_and_redriven_and_past_events_run_again(house, kernel):
    kernel.text("%%fn shaky --retries 0\ndef handler(event):\n    return 10 // event['n']")
    for run_id in [house.submit("shaky", {"n": n}) for n in (0, 0, 5)]:
        house.ended(run_id)
    assert "ZeroDivisionError" in kernel.text("failed = shaky.failures()\nfailed")
    assert kernel.text("print(failed.to_pandas()['event'].tolist())") == "[{'n': 0}, {'n': 0}]\n"
    kernel.text("failed[0] = {'n': 2}")
    assert kernel.text("print(failed.redrive(dry_run=True).count, failed[:1].redrive().count)") == "2 1\n"
    house.until(lambda: kernel.text("print(len(shaky.failures()))") == "1\n")
    kernel.text("frame = shaky.failures().to_pandas()\nframe.at[0, 'event'] = {'n': 1}")
    assert kernel.text("print(shaky.redrive(frame).count)") == "1\n"
    assert "Replay " in kernel.text("again = shaky.replay(since='1h')\nagain")
    results = "sorted(run.result() for run in shaky.runs(replay=again.replay).wait() if run.exception() is None)"
    assert kernel.text(f"print({results})") == "[2]\n"  # the events as they came, not as they were edited
    assert kernel.text("print(shaky.backfill('nowhere/*.csv', dry_run=True).count)") == "0\n"
    assert kernel.text("print(len(shaky.cancel()))") == "0\n"
    assert kernel.text("%fn replay shaky --dry-run").startswith("Replay ")


def test_help_and_completion(kernel):
    assert "--memory SIZE" in kernel.text("%%fn --help")
    assert "--memory SIZE" in str(kernel.run("%%fn?")[-1]["payload"])
    assert "redrive" in kernel.text("%fn --help")
    assert kernel.complete("%%fn daily --mem") == ["--memory"]
    assert "explain" in kernel.complete("%fn ex")
    assert "adder" in kernel.complete("%fn show ad")


def test_the_service_and_its_functions_survive_the_kernel(house, kernel):
    pid = house.address["pid"]
    kernel.restart()
    assert house.alive(pid)
    house.write("landing/b.txt", "2.6")
    assert len(house.all_ended("rated", 2)) == 2
    kernel.text("from jupyter_fn import fn")
    assert kernel.text("fn['rated'].invoke({'path': 'x'}) if False else fn['adder'].invoke({'a': 4, 'b': 4})").endswith(
        "8"
    )
    assert kernel.error("fn['nobody']")["ename"] == "NotFound"
    kernel.text("%load_ext jupyter_fn\n%load_ext jupyter_fn\n%reload_ext jupyter_fn")
    assert "rated" in kernel.text("%fn ls")
    assert house.address["pid"] == pid
