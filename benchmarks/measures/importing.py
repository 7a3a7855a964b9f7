"""`import jupyter_fn`, beside an import that every Python has."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from ..figure import Figure, rounded
from ..service import count

PROGRAM = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""


def measure(size: float) -> list[Figure]:
    """Fresh processes, in turn."""
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(count(31, size)):
        ours.append(_import_ms("jupyter_fn"))
        floor.append(_import_ms("asyncio"))
    return [
        Figure(
            name="import",
            what="import jupyter_fn in a fresh Python",
            unit="ms",
            ours=rounded(median(ours)),
            floor=rounded(median(floor)),
            beside="import asyncio in a fresh Python",
            aim="<= 1.5",
        )
    ]


def _import_ms(module: str) -> float:
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) * 1000
