"""What `jupyter fn publish FILE` publishes: the decorated functions of a module, the `%%fn` cells of a notebook."""

from __future__ import annotations

import contextlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from ..model.errors import BadSource, FnError, NoHandler, NotFound, UsageError, nearest
from ..model.function import Options
from ..model.version import Draft
from .cells import changed_names, python_text, python_tree
from .draft import capture_cell, capture_function, cell_text
from .names import free_names
from .notebook import code_cells, read_notebook
from .options import Given, given_by_words, split_line

MAGIC = "%%fn"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decorated function that was met while collecting."""

    function: Callable[..., Any]
    name: str
    options: Options


_collection: ContextVar[list[Recorded] | None] = ContextVar("jupyter_fn_collection", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[list[Recorded]]:
    """Inside, `@fn(...)` publishes nothing; what it decorates is added to the list that this gives."""
    found: list[Recorded] = []
    token = _collection.set(found)
    try:
        yield found
    finally:
        _collection.reset(token)


def record(function: Callable[..., Any], name: str, options: Options) -> bool:
    """Add a decorated function to the collection; False when nobody is collecting."""
    found = _collection.get()
    if found is None:
        return False
    found.append(Recorded(function, name, options))
    return True


def collect(path: Path | str, names: Sequence[str] = ()) -> list[Draft]:
    """The drafts of a `.py` or `.ipynb` file, all of them or those named; relative paths are relative to the current folder.

    Raises:
        NotFound: no such file, or no such function in it.
        UsageError: neither a module nor a notebook.
        CaptureError: a function that cannot become a version.
    """
    path = Path(path)
    if path.suffix == ".ipynb":
        return collect_notebook(path, names)
    if path.suffix == ".py":
        return collect_module(path, names)
    raise UsageError(f"{path.name} is neither a .py nor a .ipynb file.", "Name a Python module or a notebook.")


# --- modules


def collect_module(path: Path | str, names: Sequence[str] = ()) -> list[Draft]:
    """Execute the module, as an import would, and capture what it decorates with `@fn(...)`. What it prints goes to stderr."""
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}.", "Write the path of a module, relative to this folder.")
    with _first_on_path(path.absolute().parent):
        with collecting() as found:
            _import(path.absolute())
        chosen = _chosen({one.name: one for one in found}, names, path, "Put @fn(...) above a def.")
        return [capture_function(one.function, options=one.options, folder=Path.cwd(), name=one.name) for one in chosen]


@contextlib.contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    """As for a script, whose neighbours can be imported."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


class _AsItStands(SourceFileLoader):
    """Compiles the file anew. A bytecode file is told from an older one by the second and the size only, so one that was
    edited a moment ago could be published as it was before."""

    def get_code(self, fullname: str) -> CodeType:
        """As `importlib.abc.SourceLoader` has it, without the cache."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _import(path: Path) -> None:
    """Run the file as a module of its own name, which nothing else has."""
    name = f"jupyter_fn_published_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItStands(name, str(path)))
    if spec is None or spec.loader is None:
        raise BadSource(f"{path.name} cannot be imported.", "Name a Python module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    linecache.cache.pop(str(path), None)  # the same of its lines
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _stopped(path.name, error, str(path)) from error


def _stopped(what: str, error: BaseException, filename: str) -> FnError:
    """One of our own errors keeps its kind and its remedy, and is told the place."""
    lines = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == filename]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else (lines or [None])[-1]
    if isinstance(error, FnError):
        place = f", line {line}" if line else ""
        return type(error)(f"{what}{place}: {error.cause}", error.remedy)
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    where = f" in line {line}" if line else ""
    return BadSource(f"{what} stopped{where} ({said}).", "Run it by itself first, and publish it when it runs through.")


def _chosen(found: dict[str, Any], names: Sequence[str], path: Path, hint: str) -> list[Any]:
    if not found:
        raise NoHandler(f"{path.name} publishes no function.", hint)
    for name in names:
        if name not in found:
            raise NotFound(f"{path.name} publishes no function {name!r}.", nearest(name, list(found)))
    return [found[name] for name in names or found]


# --- notebooks


@dataclass(frozen=True, slots=True)
class _Cell:
    place: int  # 1 is the first code cell
    given: Given
    line: str
    body: str

    @property
    def name(self) -> str:
        return self.given.words[0]


def collect_notebook(path: Path | str, names: Sequence[str] = ()) -> list[Draft]:
    """Capture the `%%fn` cells of a notebook without opening it.

    What a cell reads is made by executing, in a namespace of their own and from top to bottom, those plain code cells
    above it that bind or change a name that is needed, directly or by another such cell. Magics and shell commands are
    taken out; other cells (plots, trials, `handle.invoke(...)`) are not executed.
    """
    path = Path(path)
    cells = code_cells(read_notebook(path))
    found = {cell.name: cell for place, text in enumerate(cells, start=1) if (cell := _fn_cell(place, text))}
    chosen: list[_Cell] = _chosen(found, names, path, "Put %%fn NAME on top of a cell.")
    with collecting(), _first_on_path(path.absolute().parent):
        return [_captured(cell, cells, path) for cell in chosen]


def _fn_cell(place: int, text: str) -> _Cell | None:
    first, _, body = text.lstrip("\n").partition("\n")
    if first.split(" ")[0].strip() != MAGIC:
        return None
    line = first.strip()[len(MAGIC) :]
    given = given_by_words(split_line(line))
    if len(given.words) != 1:
        raise UsageError(f"Code cell {place}: {first!r} does not name one function.", "Write %%fn NAME [options].")
    return _Cell(place, given, line, body)


def _captured(cell: _Cell, cells: Sequence[str], path: Path) -> Draft:
    source = cell_text(cell.line, cell.body)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for place, text in _needed(source, cells[: cell.place - 1]):
        _execute(text, namespace, f"code cell {place} of {path.name}")
    return capture_cell(cell.name, source, namespace, options=cell.given.options, folder=Path.cwd())


def _needed(source: str, above: Sequence[str]) -> list[tuple[int, str]]:
    """The places and Python texts of the cells that make what `source` reads, from top to bottom."""
    tree = python_tree(source)
    wanted = {"*", *(free.name for free in free_names(tree))} if tree else set()
    chosen: list[tuple[int, str]] = []
    for place in range(len(above), 0, -1):
        text = python_text(above[place - 1])
        cell = python_tree(text)
        if cell is not None and changed_names(cell) & wanted:
            wanted |= {free.name for free in free_names(cell)}
            chosen.insert(0, (place, text))
    return chosen


def _execute(text: str, namespace: dict[str, Any], what: str) -> None:
    filename = f"<{what}>"
    tree = python_tree(text, filename)
    if tree is None:
        return
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(compile(tree, filename, "exec", dont_inherit=True), namespace)  # noqa: S102
    except (Exception, SystemExit) as error:
        raise _stopped(what.capitalize(), error, filename) from error
