from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from jupyter_fn.client.decorator import Fn
from jupyter_fn.client.tables import Row
from jupyter_fn.magics.extension import load, unload


class FakeClient:
    """Publishes into a list: the same digest is the same version."""

    def __init__(self, *, start: bool = True) -> None:
        self.drafts: list[Any] = []

    def publish(self, draft: Any, *, dry_run: bool = False) -> Row:
        digests = [known.digest for known in self.drafts if known.function == draft.function]
        created = draft.digest not in digests
        if created and not dry_run:
            self.drafts.append(draft)
        number = len(digests) + 1 if created else digests.index(draft.digest) + 1
        triggers = [{"uri": uri, "state": "active"} for uri in draft.options.on]
        return Row(created=created, dry_run=dry_run, version=Row(number=number), triggers=triggers)

    def functions(self) -> list[dict[str, Any]]:
        return [{"name": "daily_delays"}, {"name": "weekly"}]


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def fn(client: FakeClient) -> Fn:
    return Fn(clients=lambda start=True: client)


@pytest.fixture
def shell(fn: Fn, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython shell with the extension loaded and nothing else in it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    load(shell, fn)
    yield shell
    unload(shell)
    shell.reset(new_session=False)
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell: InteractiveShell) -> Callable[[str], Any]:
    """Run a cell; its error, if it has one."""

    def run_cell(cell: str) -> BaseException | None:
        result = shell.run_cell(cell)
        return result.error_before_exec or result.error_in_exec

    return run_cell
