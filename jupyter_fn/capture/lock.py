"""From requirements to a lock, and what of this kernel does not fit into it."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..model.errors import PackageMismatch, RequirementsUnmet
from ..model.function import Options
from ..model.requirements import BORROWED, canonical, cause_of, lock_of, may_pass
from .imports import distributions
from .values import Taken

_COMPILE = ("pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--no-python-downloads", "--color=never")
_BY_REFERENCE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


def locked(options: Options) -> Options:
    """The options with their requirements resolved, for the Python of this kernel.

    Raises:
        RequirementsUnmet: in the resolver's own words.
    """
    if not options.requirements:
        return options
    from uv import find_uv_bin

    done = subprocess.run(
        [find_uv_bin(), *_COMPILE, "--python", sys.executable],
        input="\n".join(options.requirements),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        what = ", ".join(options.requirements)
        raise RequirementsUnmet(f"{what} cannot be resolved: {cause_of(done.stderr)}", _remedy(done.stderr))
    return replace(options, lock=lock_of(done.stdout))


def _remedy(said: str) -> str:
    if may_pass(said):
        return "See that the package index can be reached, and publish again."
    return "Ask for versions that there are and that go together, and publish again."


def check_values(taken: Iterable[Taken], lock: Mapping[str, str] | None) -> None:
    """Values that were pickled here can be read there: what they are made of is in the lock, in the same version.

    Raises:
        PackageMismatch: names the value, the package and both versions.
    """
    if lock is None:
        return
    for one in taken:
        tops = {module.partition(".")[0] for module in one.modules} - sys.stdlib_module_names - {*BORROWED, "__main__"}
        for top in sorted(tops):
            here = distributions(top)  # of a namespace package: all that have a part of it
            there = {name: version for name, version in here.items() if canonical(name) in lock}
            for name, version in (there or dict(list(here.items())[:1])).items():
                _check(one, name, version, lock.get(canonical(name)))


def _check(one: Taken, name: str, here: str, there: str | None) -> None:
    if there == here or (there is not None and isinstance(one.value, _BY_REFERENCE)):
        return
    kind = f"{one.captured.name} ({one.captured.type})"
    found = f"which the requirements bring as {there}" if there else "which the requirements do not bring"
    raise PackageMismatch(
        f"{kind} was made with {name} {here}, {found}.",
        f"Add {name}=={here} to --requirements, or make {one.captured.name} inside the handler.",
    )
