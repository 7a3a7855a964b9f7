"""From a bundle to a handler, in an environment."""

from __future__ import annotations

import inspect
import json
import linecache
import pickle
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from importlib.util import spec_from_loader
from types import CodeType, ModuleType
from typing import Any

from ..model.errors import LoadFailed, PackageMismatch
from ..model.version import Bundle

Handler = Callable[[Any, Any], Any]


def pack(bundle: Bundle) -> bytes:
    """The payload that is stored and shipped: JSON in UTF-8."""
    return json.dumps(bundle.to_dict(), separators=(",", ":"), ensure_ascii=True).encode()


def unpack(payload: bytes) -> Bundle:
    """Inverse of `pack`."""
    return Bundle.from_dict(json.loads(payload))


def check_packages(packages: Mapping[str, str], python: str) -> None:
    """Compare what the version was published with to what is here.

    Raises:
        PackageMismatch: names the package and both versions.
    """
    here = platform.python_version()
    if python and python.split(".")[:2] != here.split(".")[:2]:
        raise PackageMismatch(
            f"It was published from Python {python}; this worker runs Python {here}.",
            "Run workers and kernel on the same minor version, and publish again.",
        )
    for package, wanted in packages.items():
        found = _installed(package)
        if found != wanted:
            raise PackageMismatch(
                f"It was published with {package} {wanted}; "
                + (f"this worker has {package} {found}." if found else f"{package} is missing on this worker."),
                f"Install it on the worker (pip install '{package}=={wanted}'), or publish again with what the worker has.",
            )


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def load_handler(bundle: Bundle) -> Handler:
    """Run the bundle's source in a fresh `__main__` and give its handler, always called with event and context.

    Raises:
        LoadFailed: no such function in it, or one that cannot take an event.
        Exception: whatever the source itself raises.
    """
    if bundle.modules:
        sys.meta_path.insert(0, _Shipped(bundle.modules))
    module = ModuleType("__main__")
    sys.modules["__main__"] = module  # as in the notebook, so that pickling finds what the cell defines
    vars(module).update(bundle.unpickled(pickle.loads))
    register_source(bundle.filename, bundle.source)
    exec(compile(bundle.source, bundle.filename, "exec", dont_inherit=True), vars(module))  # noqa: S102
    handler = vars(module).get(bundle.handler)
    if not callable(handler):
        raise LoadFailed(f"The source defines no function {bundle.handler!r}.", "Publish it again.")
    return _with_context(handler, bundle.handler)


def register_source(filename: str, source: str) -> None:
    """Let tracebacks show the lines of a source that is no file."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def _with_context(handler: Callable[..., Any], name: str) -> Handler:
    """`handler` itself when it takes (event, context), else one that drops the context."""
    signature = inspect.signature(handler)
    if _binds(signature, 2):
        return handler
    if _binds(signature, 1):
        return lambda event, context: handler(event)
    raise LoadFailed(
        f"{name}{signature} cannot be called with an event.", "Write it as handler(event) or handler(event, context)."
    )


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


class _Shipped(MetaPathFinder, InspectLoader):
    """Imports local modules that travelled with the bundle, before any of the same name that lies around here."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.modules and f"{fullname}.__init__" not in self.modules:
            return None
        return spec_from_loader(fullname, self, origin=f"<shipped {fullname}>", is_package=self.is_package(fullname))

    def is_package(self, fullname: str) -> bool:
        return f"{fullname}.__init__" in self.modules

    def get_source(self, fullname: str) -> str:
        return self.modules[f"{fullname}.__init__" if self.is_package(fullname) else fullname]

    def get_code(self, fullname: str) -> CodeType:
        filename = f"<shipped {fullname}>"
        register_source(filename, self.get_source(fullname))
        return compile(self.get_source(fullname), filename, "exec", dont_inherit=True)
