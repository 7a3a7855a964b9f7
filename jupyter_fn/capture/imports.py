"""What a source imports: third-party packages to compare, local modules to ship by value."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from ..model.errors import PackageMismatch, UnshippableValue
from ..model.requirements import BORROWED, canonical
from .source import parse_source

_FORGIVING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_OWN = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Imported:
    """A dotted name that a source imports at `line`. `optional`: inside a `try` that forgives its absence."""

    module: str
    line: int
    optional: bool = False
    guess: bool = False  # `from a import b`: a.b may be a module or just a name in a
    by: str = ""  # the local module that imports it; empty: the source itself


def imported_modules(tree: ast.AST, package: str = "", *, by: str = "") -> Iterator[Imported]:
    """Every import of a source, wherever it stands; relative ones resolved against `package`. `by`: as in `Imported`."""
    forgiven = {id(inner) for node in ast.walk(tree) for inner in _forgiven(node)}
    for node in ast.walk(tree):
        optional = id(node) in forgiven
        if isinstance(node, ast.Import):
            yield from (Imported(alias.name, node.lineno, optional, by=by) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if node.module:
                yield Imported(base, node.lineno, optional, by=by)
            yield from (
                Imported(f"{base}.{alias.name}", node.lineno, optional, guess=True, by=by)
                for alias in node.names
                if alias.name != "*"
            )


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _forgiven(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in the body of a `try` that survives a failing import, or under `if TYPE_CHECKING`."""
    if isinstance(node, ast.Try):
        forgiving = any(_catches_import_error(handler.type) for handler in node.handlers)
    else:
        forgiving = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    if forgiving and isinstance(node, ast.Try | ast.If):
        yield from (inner for statement in node.body for inner in ast.walk(statement))


def _catches_import_error(kind: ast.expr | None) -> bool:
    return kind is None or any(isinstance(node, ast.Name) and node.id in _FORGIVING for node in ast.walk(kind))


@dataclass(frozen=True, slots=True)
class Found:
    """What a set of imports needs: distribution → version, and local module → source."""

    packages: Mapping[str, str]
    modules: Mapping[str, str]


def resolve_imports(imports: Iterable[Imported], folder: Path, lock: Mapping[str, str] | None = None) -> Found:
    """Sort imports into standard library (nothing to do), local modules and packages; follow local modules.

    With `lock`, canonical name → version, packages are those of an environment of its own: this kernel need not have them.

    Raises:
        PackageMismatch: a package that is not installed in this kernel, or that the lock lacks.
        UnshippableValue: a local module that has no Python source.
    """
    packages: dict[str, str] = {}
    modules: dict[str, str] = {}
    waiting = list(imports)
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        top = wanted.module.partition(".")[0]
        if wanted.module in seen or top in sys.stdlib_module_names or top in sys.builtin_module_names:
            continue
        seen.add(wanted.module)
        spec = _find(top, folder)
        if spec is None:
            if lock is None and not wanted.optional and not wanted.guess:
                raise _missing(wanted)
        elif _is_local(spec):
            more = _local_module(wanted if lock is None else replace(wanted, optional=True), modules, folder)
            waiting.extend(more)
        else:
            packages.update(distributions(top) if lock is None else _locked(wanted, lock))
    return Found(dict(sorted(packages.items())), dict(sorted(modules.items())))


def installed_packages(imports: Iterable[Imported], folder: Path) -> dict[str, str]:
    """Distribution → version of those imports that are packages installed here; the others are left out."""
    tops = {wanted.module.partition(".")[0] for wanted in imports} - sys.stdlib_module_names
    specs = {top: _find(top, folder) for top in tops}
    found = [distributions(top) for top, spec in specs.items() if spec is not None and not _is_local(spec)]
    return dict(sorted(item for versions in found for item in versions.items()))


def _locked(wanted: Imported, lock: Mapping[str, str]) -> dict[str, str]:
    """The distributions of an import, as the lock has them."""
    top = wanted.module.partition(".")[0]
    here = {} if top in BORROWED else distributions(top)
    there = {name: lock[canonical(name)] for name in here if canonical(name) in lock}
    if here and not there and not wanted.optional:
        name, version = next(iter(here.items()))
        where = f"Line {wanted.line} of the module {wanted.by}" if wanted.by else f"Line {wanted.line}"
        raise PackageMismatch(
            f"{where} imports {wanted.module}, which the requirements do not bring (this kernel has {name} {version}).",
            f"Add {name} to --requirements.",
        )
    return there


def _missing(wanted: Imported) -> PackageMismatch:
    top = wanted.module.partition(".")[0]
    where = f"Line {wanted.line} of the module {wanted.by}" if wanted.by else f"Line {wanted.line}"
    return PackageMismatch(
        f"{where} imports {wanted.module}, which is not installed in this kernel.",
        f"Install it (pip install {top}) and publish again.",
    )


def _find(name: str, folder: Path) -> ModuleSpec | None:
    """The spec of a module without importing anything, not even its parents."""
    loaded: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    if loaded is not None:
        return loaded
    parent, _, _ = name.rpartition(".")
    if not parent:
        return PathFinder.find_spec(name, [str(folder), *sys.path]) or _find_by_hooks(name)
    above = _find(parent, folder)
    where = above.submodule_search_locations if above else None
    return PathFinder.find_spec(name, list(where)) if where is not None else None


def _find_by_hooks(name: str) -> ModuleSpec | None:
    """Editable installs bring finders of their own."""
    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None


@cache
def _foreign_roots() -> tuple[Path, ...]:
    return tuple({Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")})


def _is_local(spec: ModuleSpec) -> bool:
    """A file of the user's own: neither installed, nor part of Python, nor of this package."""
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or [])
    if not places or places[0] is None:
        return False
    path = Path(places[0]).resolve()
    if {"site-packages", "dist-packages"} & set(path.parts) or path.is_relative_to(_OWN):
        return False
    return not any(path.is_relative_to(root) for root in _foreign_roots())


def is_local_module(name: str, folder: Path) -> bool:
    """The dotted name is a module of the user's own."""
    spec = _find(name.partition(".")[0], folder)
    return spec is not None and _is_local(spec)


def _local_module(wanted: Imported, modules: dict[str, str], folder: Path) -> list[Imported]:
    """Add the source of a local module and of the packages around it; give what they import."""
    parts = wanted.module.split(".")
    more: list[Imported] = []
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        spec = _find(name, folder)
        if spec is None:
            if wanted.guess or wanted.optional:
                break
            raise _missing(wanted)
        more.extend(_add_source(name, spec, modules))
    return more


def _add_source(name: str, spec: ModuleSpec, modules: dict[str, str]) -> list[Imported]:
    is_package = spec.submodule_search_locations is not None
    key = f"{name}.__init__" if is_package else name
    if key in modules:
        return []
    origin = spec.origin if spec.has_location else None
    if origin is not None and not origin.endswith(".py"):
        raise UnshippableValue(
            f"The module {name} ({Path(origin).name}) is of this machine and has no Python source to ship.",
            "Install it as a package on the workers too.",
        )
    source = Path(origin).read_text(encoding="utf-8") if origin else ""
    modules[key] = source
    package = name if is_package else name.rpartition(".")[0]
    return list(imported_modules(parse_source(source, origin or name, module=name), package, by=name))


@cache
def _installed() -> Mapping[str, list[str]]:
    """Import name → distributions. Slow (it reads every installed file list), so read once."""
    return packages_distributions()


def distributions(top: str) -> dict[str, str]:
    """Distribution → version of whatever installed the top-level module; empty when no metadata tells."""
    if top not in _installed():
        _installed.cache_clear()
    return {name: version(name) for name in _installed().get(top, [])}
