"""The `context` that a handler gets: a superset of AWS Lambda's.

https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from ..model.codec import to_json
from ..model.function import check_name
from ..model.run import Record, Staged
from .assignment import Assignment
from .effects import Effects
from .outputs import discard, local_path, remove, staged_name, upload
from .watched import refuse_target

Tell = Callable[[dict[str, Any]], None]
_PROGRESS_EVERY_S = 0.05
_MOST_EARLIER = 20  # attempts whose leftovers are looked for


@dataclass(slots=True)
class Produced:
    """What one run leaves for its outcome."""

    staged: dict[str, Staged] = field(default_factory=dict)  # by target
    emitted: list[Record] = field(default_factory=list)
    scratch: Path | None = None


class Context:
    """Made for one run."""

    def __init__(
        self, assignment: Assignment, produced: Produced, *, room: Path, tell: Tell, effects: Effects | None = None
    ) -> None:
        terms = assignment.terms
        self._terms, self._token = terms, assignment.token
        self._effects = effects or Effects()
        self._produced = produced
        self._room = room
        self._tell = tell
        self._ends = monotonic() + terms.timeout_s
        self._told_progress = 0.0
        self.run_id = self.aws_request_id = assignment.run_id
        self.attempt = assignment.attempt
        self.idempotency_key = assignment.idempotency_key
        self.function_name = terms.function
        self.function_version = str(terms.version)
        self.memory_limit_in_mb = terms.memory_mb
        self.invoked_function_arn = f"arn:jupyter-fn:lambda:local:0:function:{terms.function}:{terms.version}"
        self.log_group_name = f"/jupyter-fn/{terms.function}"
        self.log_stream_name = f"[{terms.version}]{assignment.run_id}"
        self.identity = None
        self.client_context = None
        self.logger = logging.getLogger(terms.function)

    def __repr__(self) -> str:
        return f"<Context of run {self.run_id}, attempt {self.attempt}, {self.function_name}:{self.function_version}>"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the run is killed at its time limit."""
        return max(0, int((self._ends - monotonic()) * 1000))

    @property
    def scratch(self) -> Path:
        """A folder of this run's own, empty at first and removed afterwards."""
        if self._produced.scratch is None:
            self._produced.scratch = Path(tempfile.mkdtemp(dir=self._room, prefix="scratch-"))
        return self._produced.scratch

    @contextmanager
    def output(self, path: str | os.PathLike[str]) -> Iterator[Path]:
        """A local path to write one file to, which appears at `path` when the run has won, and not at all otherwise.

        `path` is relative to the function's folder, absolute, or a URL of any fsspec filesystem.

        Raises:
            LoopRefused: the function's own trigger would pick it up.
            FileNotFoundError: nothing was written.
        """
        target = self._target(os.fspath(path))
        refuse_target(target, self._terms.watched)
        staged = staged_name(target, self.run_id, self._token)
        self._tell({"is": "staging", "staged": staged, "target": target})
        self._forget_earlier_attempts(target)
        local = local_path(staged)
        here = local if local is not None else self._upload_path(target)
        here.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield here
            file = Staged(staged=staged, target=target, size=_size(here, target))
            if local is None:
                upload(here, file)
        except BaseException:
            remove(here)
            if earlier := self._produced.staged.pop(target, None):  # two blocks of one target are one file
                discard([earlier])
            raise
        self._produced.staged[target] = file

    def effect(self, name: str) -> AbstractContextManager[None]:
        """A block that is begun at most once for this run: for what must not happen twice and has no key of its own.

        Before the block begins, the service stores that it may have begun. From then on the run is not tried again by
        itself, whatever happens to it: it ends as `unknown`, and somebody decides. `name` is used once in a run.

        Raises:
            EffectRefused: the run was cancelled or given to somebody else meanwhile, or the service does not answer. The
                block has not begun.
            BadValue: no name, or one that this run has used.
        """
        return self._effects.block(name)

    def emit(self, data: Any, topic: str | None = None, *, key: str = "") -> None:
        """Add a record to a topic (default: the function's own name) when the run has won."""
        name = check_name(topic, "topic") if topic is not None else self.function_name
        self._produced.emitted.append(Record(topic=name, value=to_json(data), key=key))

    def progress(self, done: float, total: float) -> None:
        """Say how far this run is; shown live. Calls that follow each other within 50 ms are dropped, but not the last."""
        now = monotonic()
        if now - self._told_progress >= _PROGRESS_EVERY_S or done >= total:
            self._told_progress = now
            self._tell({"is": "progress", "done": float(done), "total": float(total)})

    def _target(self, path: str) -> str:
        if "://" in path and local_path(path) is None:
            return path
        return os.path.normpath(Path(self._terms.folder, local_path(path) or path))

    def _upload_path(self, target: str) -> Path:
        return Path(tempfile.mkdtemp(dir=self.scratch)) / target.rpartition("/")[2]

    def _forget_earlier_attempts(self, target: str) -> None:
        """What an attempt that was killed has left at this place; its token is fenced, it will not come back."""
        tokens = range(max(1, self._token - _MOST_EARLIER), self._token)
        names = [staged_name(target, self.run_id, token) for token in tokens]
        discard([Staged(staged=name, target=target, size=0) for name in names])


def _size(path: Path, target: str) -> int:
    if path.is_file():
        return path.stat().st_size
    what = "is a folder; write one file for each output" if path.exists() else "was not written"
    raise FileNotFoundError(f"context.output({target!r}): the file {what}.")
