"""What a handler prints and logs, taken at the level of file descriptors: C libraries and child processes included.

In an environment descriptors 1 and 2 are one append-only file that has no name. Its owner has the same file open, and
reads from it the range that belongs to a run.
"""

from __future__ import annotations

import codecs
import faulthandler
import io
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

_KEPT = 262_144
_HOLE_AT = 8_388_608


def new_log(scratch: Path) -> int:
    """A descriptor of a fresh log without a name: it is gone when nobody has it open any more."""
    fd, name = tempfile.mkstemp(dir=scratch, prefix="log-")
    try:
        return os.open(name, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    finally:
        os.close(fd)
        Path(name).unlink()


def read_range(fd: int, start: int, end: int, most: int = _KEPT) -> str:
    """The text between two offsets; of more than `most` bytes both ends are kept."""
    if end <= start:
        return ""
    if end - start <= most:
        return os.pread(fd, end - start, start).decode(errors="replace")
    half = most // 2
    head, tail = os.pread(fd, half, start), os.pread(fd, half, end - half)
    left_out = end - start - 2 * half
    return f"{head.decode(errors='replace')}\n[… {left_out} bytes left out …]\n{tail.decode(errors='replace')}"


def read_new(fd: int, start: int, end: int, most: int = 65_536) -> tuple[str, int]:
    """The text from `start` on, and where to go on next time: a character that is only half there is left for then."""
    data = os.pread(fd, min(most, end - start), start)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(data)
    return text, start + len(data) - len(decoder.getstate()[0])


def droppable(start: int, end: int) -> tuple[int, int]:
    """Offset and length of what `read_range` will never show of a run that has logged from `start` to `end`; length 0 if little."""
    middle = end - start - 2 * _KEPT
    return (start + _KEPT, middle) if middle > _HOLE_AT else (start, 0)


class _Formatter(logging.Formatter):
    """AWS's form: level, time, run, message, with tabs between."""

    converter = staticmethod(time.gmtime)
    run_id = ""

    def format(self, record: logging.LogRecord) -> str:
        record.run_id = self.run_id
        return super().format(record)


_FORMATTER = _Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(run_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")


def redirect(log: int) -> None:
    """In an environment: standard output, standard error, logging and fatal errors all go to the log; input is empty."""
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open for good
    sys.stdout, sys.stderr = _text(1), _text(2)
    vars(sys).update(__stdout__=sys.stdout, __stderr__=sys.stderr)
    faulthandler.enable(file=2)  # a segmentation fault still says where it was
    handler = logging.StreamHandler()
    handler.setFormatter(_FORMATTER)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)


def _text(fd: int) -> io.TextIOWrapper:
    raw = io.FileIO(fd, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


def is_open() -> bool:
    """Whether descriptor 1 is still something to write to."""
    try:
        os.fstat(1)
    except OSError:
        return False
    return True


def say(text: str) -> None:
    """A line of ours in the log of the run."""
    os.write(1, f"[jupyter-fn] {text}\n".encode())


def begin(run_id: str) -> int:
    """A run begins: its id stands in what it logs. Gives the log's length."""
    _FORMATTER.run_id = run_id
    return os.fstat(1).st_size


def end() -> int:
    """A run has ended: nothing it printed is held back. Gives the log's length."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the handler closed or replaced it
            continue
    return os.fstat(1).st_size
