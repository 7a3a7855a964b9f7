"""A whole notebook as a handler: parameters in, cells run in a kernel of their own, the executed copy kept.

**Parameters** come into a cell of their own after the one that is tagged `parameters`, as papermill does it
(https://papermill.readthedocs.io/en/latest/usage-parameterize.html). They are those of the version (`-p K=V`), and
those keys of the event that the tagged cell assigns: a cell with `scheduled_for = None` is given the fire time, one with
`path = "x.csv"` the file that has arrived, one with `event = {}` the event as a whole. Where both have a name, the event
wins when it was given by hand, the version otherwise.

**The kernel** is a child of the environment: limits, variables and kills hold for it as well. It works in the function's
folder, and its memory (some 50 MB before the first cell) counts for the run.

**The copy** goes where `pattern.py` says when the run wins, by `context.output`; when a cell fails, to the same
name with `.failed` in it, at once. The result is `{"output": path}`. What cells print is also the run's log.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.parameterize import parameterize_notebook

from ..model.errors import LoadFailed
from ..model.event import BY_HAND
from ..model.version import Bundle
from .context import Context
from .faults import CellFailed
from .loading import Handler
from .outputs import filesystem, local_path
from .pattern import failed_path, output_path

_ASSIGNED = re.compile(r"^(?:(?:val|var|let|const)\s+)?(\w+)\s*(?::[^=\n]+)?(?:=(?!=)|<-)", re.MULTILINE)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NATIVE = "python3"


def notebook_handler(bundle: Bundle) -> Handler:
    """A handler that runs the notebook of a bundle.

    Raises:
        LoadFailed: its kernel is not installed on this worker.
    """
    kernel = kernel_name(bundle)
    specs = KernelSpecManager()
    try:
        specs.get_kernel_spec(kernel)
    except NoSuchKernel:
        there = ", ".join(sorted(specs.find_kernel_specs()))
        cause = f"{bundle.filename} wants the kernel {kernel!r}, which this worker has not. It has: {there}."
        raise LoadFailed(cause, "Install that kernel on the worker, or schedule with --kernel K.") from None

    def handler(event: Mapping[str, Any], context: Context) -> dict[str, str]:
        return _Execution(bundle, kernel, event, context).run()

    return handler


def kernel_name(bundle: Bundle) -> str:
    """The kernel that a notebook's bundle runs in."""
    said: str = _document(bundle).metadata.get("kernelspec", {}).get("name", "")
    return bundle.kernel or said or _NATIVE


def in_this_python(bundle: Bundle) -> bool:
    """Whether its kernel is this very Python, so that the packages here are those that it will find."""
    return kernel_name(bundle) == _NATIVE


def parameters_for(bundle: Bundle, event: Mapping[str, Any]) -> dict[str, Any]:
    """What is injected for this event."""
    document = _document(bundle)
    tagged = next((c.source for c in document.cells if "parameters" in c.metadata.get("tags", ())), "")
    offered = {**event, "event": dict(event)}
    brought = {name: offered[name] for name in _ASSIGNED.findall(tagged) if name in offered}
    if event.get("trigger") == BY_HAND:
        return {**bundle.parameters, **brought}
    return {**brought, **bundle.parameters}


def _document(bundle: Bundle) -> Any:
    return nbformat.reads(bundle.source, as_version=4)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class _Execution:
    """One run of a notebook."""

    bundle: Bundle
    kernel: str
    event: Mapping[str, Any]
    context: Context

    def run(self) -> dict[str, str]:
        parameters = parameters_for(self.bundle, self.event)
        path = output_path(self.bundle.output, self.event, self.context, parameters)
        document = self.parameterized(parameters)
        with self.kept_when_failed(document, path):
            _Client(document, self.context, self.kernel).execute()
        with self.context.output(path) as staged:
            nbformat.write(document, staged)  # type: ignore[no-untyped-call]
        return {"output": path if "://" in path else str(Path.cwd() / path)}

    def parameterized(self, parameters: dict[str, Any]) -> Any:
        document = _document(self.bundle)
        if not parameters:
            return document
        document.metadata.setdefault("papermill", nbformat.NotebookNode())  # type: ignore[no-untyped-call]
        for cell in document.cells:
            cell.metadata.setdefault("tags", [])  # papermill counts on both
        language = document.metadata.get("kernelspec", {}).get("language") or "python"
        return parameterize_notebook(document, parameters, kernel_name=self.kernel, language=language)

    @contextmanager
    def kept_when_failed(self, document: Any, path: str) -> Iterator[None]:
        """Turn what nbclient raises into what a user is to see, and keep the notebook as far as it came."""
        try:
            yield
        except (CellExecutionError, DeadKernelError) as error:
            failed = failed_path(path)
            keep(nbformat.writes(document), failed)  # type: ignore[no-untyped-call]
            number, output = _failed_cell(document)
            remedy = f"It was cell {number} of {self.bundle.filename}; {failed} shows it."
            if output is None:
                raise CellFailed(type(error).__name__, "The notebook's kernel died.", "", remedy) from None
            traceback = _ANSI.sub("", "\n".join(output.traceback))
            raise CellFailed(output.ename, output.evalue, traceback, remedy) from None


def keep(text: str, path: str) -> None:
    """Write a file at once, whole or not at all, on any filesystem."""
    local = local_path(path)
    if local is None:
        fs, remote = filesystem(path)
        fs.pipe_file(remote, text.encode())
        return
    local.parent.mkdir(parents=True, exist_ok=True)
    unfinished = local.with_name(f".{os.getpid()}.{local.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(local)


def _failed_cell(document: Any) -> tuple[int, Any]:
    """The place of the cell that was the last to run, from 1, and the error it put out, if it could."""
    code = [(number, cell) for number, cell in enumerate(document.cells, 1) if cell.cell_type == "code"]
    number, cell = max((pair for pair in code if "execution" in pair[1].metadata), key=lambda pair: pair[0])
    return number, next((output for output in cell.outputs if output.output_type == "error"), None)


class _Client(NotebookClient):
    """nbclient, with what cells print in the run's log, a line and the progress for each cell, and nothing left behind."""

    def __init__(self, document: Any, context: Context, kernel: str) -> None:
        super().__init__(document, kernel_name=kernel, timeout=None, resources={"metadata": {"path": str(Path.cwd())}})
        self._context = context
        self.on_cell_start = self._say
        self.on_cell_executed = self._tell

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        manager.connection_file = str(self._context.scratch / "kernel.json")
        return manager

    def output(self, outs: Any, msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        if msg["msg_type"] == "stream":
            stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
            stream.write(msg["content"]["text"])
        return super().output(outs, msg, display_id, cell_index)

    def _say(self, cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            self._context.logger.info("Cell %d of %d.", cell_index + 1, len(self.nb.cells))

    def _tell(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        self._context.progress(cell_index + 1, len(self.nb.cells))
