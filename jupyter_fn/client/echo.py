"""Where the handles say what a run says: into the cell of a notebook, to standard error elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..model.run import Reason


def echo(text: str) -> None:
    """Write `text` as it is. Standard output of a script belongs to the script."""
    stream = sys.stdout if in_kernel() else sys.stderr
    stream.write(text)
    stream.flush()


def report(run: Mapping[str, Any]) -> str:
    """The REPORT line of a finished run, on a line of its own; empty when the log just shown has it already. Or that there
    was nothing to run."""
    if run.get("reason") == Reason.FILTERED:
        return f"The event does not match the filter of {run['function']}; it was not run.\n"
    line, log = str(run.get("report") or "").strip("\n"), str(run.get("log") or "")
    if not line or line in log:
        return ""
    return f"{line}\n" if log.endswith("\n") or not log else f"\n{line}\n"


def in_kernel() -> bool:
    """Whether this process is the kernel of a notebook."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
