"""Carries out what `policy.lifecycle` decided, after it is committed: kills, files put in place, timers, news."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..executors.protocol import Executor
from ..model.errors import FnError, RunError
from ..model.run import HELD, TERMINAL, Run
from ..model.target import Kind, parse_target
from ..policy.instructions import (
    Deliver,
    Discard,
    EmitRecords,
    Finished,
    Halt,
    Kill,
    MakeRuns,
    Park,
    PublishFiles,
    RecordAttempt,
    WakeAt,
)
from ..policy.stimuli import Ended, Published, PublishFailed
from ..runtime import outputs
from .facts import run_json, run_log
from .feed import Feed
from .livelog import LiveLogs
from .logs import StoreLogs
from .transitions import Step, Transitions, told

log = logging.getLogger(__name__)
_FILE_THREADS = 4  # outputs are put in place in threads: a remote filesystem may take its time


class Hands:
    """Works on the event loop; `wake_at` and `place_freed` are the dispatcher's."""

    def __init__(
        self, executor: Executor, transitions: Transitions, logs: StoreLogs, feed: Feed, live_logs: LiveLogs
    ) -> None:
        self._executor = executor
        self._transitions = transitions
        self._logs = logs
        self._feed = feed
        self._live_logs = live_logs
        self._files = ThreadPoolExecutor(_FILE_THREADS, "jupyter-fn-files")
        self._tasks: set[asyncio.Task[Any]] = set()
        self.wake_at: Callable[[float], None] = lambda due: None
        self.place_freed: Callable[[], None] = lambda: None
        self.function_changed: Callable[[str], None] = lambda name: None
        self.delivery_entered: Callable[[], None] = lambda: None

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Every instruction of every step, and the news of it."""
        for step in steps:
            for instruction in step.instructions:
                self._do[type(instruction)](self, step, instruction)
            if step.after is not step.before:
                self._tell(step.after)
        if any(step.before.state in HELD and step.after.state not in HELD for step in steps):
            self.place_freed()
        self._logs.grown(functions={step.after.function for step in steps if step.after.state in TERMINAL})

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.to_thread(self._files.shutdown)

    # --- one instruction each

    def _kill(self, step: Step, kill: Kill) -> None:
        self._spawn(self._executor.cancel(kill.worker, kill.run_id, kill.token))

    def _publish(self, step: Step, instruction: PublishFiles) -> None:
        self._spawn(self._put_in_place(step.after, instruction))

    async def _put_in_place(self, run: Run, instruction: PublishFiles) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._files, outputs.publish, instruction.staged)
            outcome: Published | PublishFailed = Published(run.token)
        except Exception as error:  # whatever the filesystem raises
            outcome = PublishFailed(run.token, _unpublished(error).to_dict())
        self._transitions.insist(told((run.id, outcome)))

    def _discard(self, step: Step, instruction: Discard) -> None:
        self._spawn(self._remove(instruction))

    async def _remove(self, instruction: Discard) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._files, outputs.discard, instruction.staged)
        except Exception:  # they are hidden, and nobody waits for it
            log.warning("Staged files could not be removed.", exc_info=True)

    def _wake(self, step: Step, instruction: WakeAt) -> None:
        self.wake_at(instruction.due)

    def _emitted(self, step: Step, instruction: EmitRecords) -> None:
        self._logs.grown(topics={record.topic for record in instruction.records})

    def _finished(self, step: Step, instruction: Finished) -> None:
        self._feed.ended(step.after, lambda: _whole_log(step))

    def _made(self, step: Step, instruction: MakeRuns) -> None:
        for child in instruction.runs:
            self._tell(child)

    def _delivered(self, step: Step, instruction: Deliver) -> None:
        targets = [parse_target(text) for text in instruction.targets]
        self._logs.grown(topics=[target.address for target in targets if target.kind is Kind.TOPIC])
        self.delivery_entered()

    def _stopped(self, step: Step, instruction: Park | Halt) -> None:
        self.function_changed(instruction.run.function)

    def _ended(self, step: Step, instruction: RecordAttempt) -> None:
        """What was printed since the last live piece, or all of it when the attempt was short, is news too."""
        run, stimulus = step.after, step.stimulus
        shown = self._live_logs.take(run.id)
        text = stimulus.outcome.log if isinstance(stimulus, Ended) else ""
        if len(text) > len(shown) and text.startswith(shown):
            data = {"run_id": run.id, "function": run.function, "text": text[len(shown) :]}
            self._feed.push("log", data, function=run.function)

    _do: dict[type, Callable[[Hands, Step, Any], None]] = {
        Kill: _kill,
        PublishFiles: _publish,
        Discard: _discard,
        WakeAt: _wake,
        EmitRecords: _emitted,
        Finished: _finished,
        RecordAttempt: _ended,
        MakeRuns: _made,
        Deliver: _delivered,
        Park: _stopped,
        Halt: _stopped,
    }

    # --- news

    def _tell(self, run: Run) -> None:
        self._feed.push("run", lambda: run_json(run), function=run.function, key=run.id)
        self.function_changed(run.function)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _whole_log(step: Step) -> str | None:
    """Of a run that ended with its only attempt; that of others is in the store."""
    run, stimulus = step.after, step.stimulus
    return run_log(run, stimulus.outcome.log) if isinstance(stimulus, Ended) and run.attempts == 1 else None


def _unpublished(error: Exception) -> RunError:
    cause = error.cause if isinstance(error, FnError) else f"{type(error).__name__}: {error}"
    return RunError(
        f"The run's files could not be put in place. {cause}", "Look at the folder; the run is tried again."
    )
