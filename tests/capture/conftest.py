from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.capture.draft import capture_cell
from jupyter_fn.model.function import Options
from jupyter_fn.model.version import Draft


@pytest.fixture
def captured(tmp_path: Path) -> Callable[..., Draft]:
    """Capture a cell called `daily` from a plain namespace."""

    def capture(source: str, namespace: Mapping[str, Any] | None = None, **options: Any) -> Draft:
        return capture_cell("daily", source, namespace or {}, options=Options(**options), folder=tmp_path)

    return capture


@pytest.fixture
def kernel() -> Callable[[str], dict[str, Any]]:
    """The namespace that running a cell leaves behind."""

    def run(source: str) -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
        return namespace

    return run
