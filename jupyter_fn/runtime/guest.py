"""A zygote in the Python of a virtual environment, which has nothing of this package installed.

Run as a file, `VENV/bin/python -P guest.py PLACES MODULE …`, by that Python: it must import nothing of this package before it
knows where that is. MODULE is the zygote, or an environment of its own that the zygote starts where it cannot fork.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

ZYGOTE, SPAWNED = "jupyter_fn.runtime.zygote", "jupyter_fn.runtime.spawned"
_DROPPED = ("PYTHONPATH", "PYTHONHOME")


def guest_way(python: Path) -> list[str]:
    """The command that starts a zygote in that Python, but for the words that it has of its own."""
    requirements = importlib.import_module("jupyter_fn.model.requirements")
    found = {name: find_spec(name) for name in requirements.BORROWED}
    places = {name: str(Path(spec.origin).parents[1]) for name, spec in found.items() if spec and spec.origin}
    return [str(python), "-P", __file__, json.dumps(places), ZYGOTE]


def guest_variables(python: Path) -> dict[str, str]:
    """Its environment variables: the commands of the virtual environment come first, packages come from nowhere else."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    commands = os.pathsep.join([str(python.parent), kept.get("PATH", os.defpath)])
    return {**kept, "VIRTUAL_ENV": str(python.parents[1]), "PATH": commands}


class Borrowed(MetaPathFinder):
    """Imports a few packages from where the worker has them, when the virtual environment has none of that name: asked
    last of all finders."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = places

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As `MetaPathFinder` has it."""
        if path is not None or fullname not in self.places:
            return None
        return PathFinder.find_spec(fullname, [self.places[fullname]])


def main() -> None:
    """Borrow, then go on as that module."""
    places, module = sys.argv.pop(1), sys.argv.pop(1)
    sys.meta_path.append(Borrowed(json.loads(places)))
    importlib.import_module(SPAWNED).way[:] = [sys.executable, "-P", __file__, places, SPAWNED]
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
