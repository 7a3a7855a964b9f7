"""What one run uses, measured by the process that runs it.

Duration is wall time. CPU is that of the process and of the children it has waited for (getrusage(2)). Bytes are what
passed through read and write calls (rchar and wchar of /proc/self/io, proc(5)). Peak memory is the largest resident set
during the run (VmHWM, put back by writing 5 to /proc/self/clear_refs) without the pages that are shared with files and
without what the zygote had at the fork.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from time import perf_counter

from .linux import PAGE_KB


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. `cpu_total_ms` is the process's own sum so far, of all runs."""

    duration_ms: float
    cpu_ms: float
    cpu_total_ms: float
    bytes_read: int
    bytes_written: int
    max_memory_mb: int  # at least 1
    retained_kb: int  # private memory at the end, beyond the zygote's


class Meter:
    """Made right after the fork, so that what is there already counts as the zygote's."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._io = _open_if_there("/proc/self/io", os.O_RDONLY)
        self._refs = _open_if_there("/proc/self/clear_refs", os.O_WRONLY)
        resident_kb, shared_kb, self.base_data_kb = self._memory()
        self.base_kb = resident_kb - shared_kb
        self._cpu_ms = 0.0
        self._bytes = (0, 0)
        self._at = 0.0

    def start(self) -> None:
        """The run begins; the last thing done is to read the counters."""
        if self._refs is not None:
            os.pwrite(self._refs, b"5", 0)
        self._cpu_ms = _cpu_ms(resource.getrusage(resource.RUSAGE_SELF))
        read, written, own = self._passed()
        self._bytes = (read + own, written)
        self._at = perf_counter()

    def stop(self) -> Measured:
        """The run has ended."""
        duration_ms = (perf_counter() - self._at) * 1000
        read, written, _ = self._passed()
        own = resource.getrusage(resource.RUSAGE_SELF)
        cpu_ms = _cpu_ms(own)
        resident_kb, shared_kb, _ = self._memory()
        beyond_kb = shared_kb + self.base_kb
        return Measured(
            duration_ms=duration_ms,
            cpu_ms=cpu_ms - self._cpu_ms,
            cpu_total_ms=cpu_ms,
            bytes_read=read - self._bytes[0],
            bytes_written=written - self._bytes[1],
            max_memory_mb=max(1, -(-(own.ru_maxrss - beyond_kb) // 1024)),
            retained_kb=resident_kb - beyond_kb,
        )

    def _memory(self) -> tuple[int, int, int]:
        """Resident, of it shared with files or other processes, and data segments; in kB."""
        fields = os.pread(self._statm, 256, 0).split()
        return int(fields[1]) * PAGE_KB, int(fields[2]) * PAGE_KB, int(fields[5]) * PAGE_KB

    def _passed(self) -> tuple[int, int, int]:
        """Bytes read and written before this call, and what this call itself reads."""
        if self._io is None:
            return 0, 0, 0
        raw = os.pread(self._io, 512, 0)
        fields = raw.split()
        return int(fields[1]), int(fields[3]), len(raw)


def _cpu_ms(own: resource.struct_rusage) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime) * 1000


def _open_if_there(path: str, flags: int) -> int | None:
    """Kernels can be built without these files."""
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError:
        return None
