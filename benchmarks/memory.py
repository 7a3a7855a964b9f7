"""What processes hold: their proportional set size, in which a page that several share counts in parts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def pss_mb(processes: Iterable[psutil.Process]) -> float:
    """Of all of them together; those that are gone hold nothing. See proc(5), smaps_rollup."""
    return sum(map(_pss_kb, processes)) / 1000


def _pss_kb(process: psutil.Process) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return 0
