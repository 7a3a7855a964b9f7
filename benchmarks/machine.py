"""Where a figure was measured, without what identifies the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = ("jupyter-fn", "dask", "distributed", "pandas", "pyarrow", "fastapi", "uvicorn", "SQLAlchemy")


def facts() -> dict[str, str | int | float]:
    """Cores, memory, versions, and how durable a commit is."""
    from jupyter_fn.settings import Settings

    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "load_before": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "sqlite_synchronous": str(Settings.model_fields["synchronous"].default),
        **{name: version(name) for name in PACKAGES},
    }


def load() -> float:
    """What else the machine does: processes that want to run, over the last minute."""
    return round(os.getloadavg()[0], 2)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
