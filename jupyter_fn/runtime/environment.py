"""The environment: the forked process that has one version loaded and runs it, one run after another.

Packets on its channel, JSON:

===============================================  ===============================================
owner → environment                              environment → owner
===============================================  ===============================================
first `{"terms": …, "bundle": path,              `{"is": "born", "base_kb"}`
"room": path}`                                   `{"is": "loaded", "init_ms"}` or `{"is": "unloadable", "error"}`
`Assignment.own()`, any number of them,          `{"is": "outcome", …}`, one packet for each run, in order
also ahead of time                               `{"is": "staging" | "wrote" | "progress" | "left", …}` meanwhile
one byte on the socket of an `effect`            `{"is": "effect", …}` + a socket for the answer
===============================================  ===============================================
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import resource
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..model.codec import to_json
from ..model.version import Bundle
from . import logs
from .assignment import Assignment, Terms
from .context import Context, Produced
from .effects import Effects, ask
from .event import Fields, make_event
from .failures import NOTHING, Answer, answer_of
from .faults import CUT_OFF, handler_failed, load_failed
from .linux import adopt_orphans, die_with_parent
from .loading import Handler, check_packages, load_handler, unpack
from .metering import Measured, Meter
from .outputs import discard
from .packets import packed, receive, send, unpacked
from .remains import end_remains
from .writes import Writes

_SLACK_MB = 128  # beyond the limit before the kernel refuses memory: the watch, which sees real use, comes first
_fields = json.JSONDecoder(object_hook=Fields).decode
_STACK_MB = 8  # what a thread reserves; thread pools have one or two per core
_MOST_FILES = 4096
_CORES = os.cpu_count() or 1
_CPU_SLACK_S = 5.0  # the watch, which looks at the clock, comes first
_OOM_SCORE = 500  # when the machine runs out of memory, an environment goes before the worker


def live(zygote: int, *, channel: socket.socket, log: int) -> None:
    """From the fork to the end of the conversation. The caller then leaves by `os._exit`."""
    os.setsid()
    die_with_parent(signal.SIGKILL, zygote)
    adopt_orphans()
    logs.redirect(log)
    meter = Meter()
    _settle()
    environment = Environment(channel, meter)
    environment.tell({"is": "born", "base_kb": meter.base_kb})
    packet = receive(channel)
    if packet is not None and environment.load(unpacked(packet[0])):
        environment.serve()
    logs.end()


def _settle() -> None:
    """What every environment needs, whatever it will load."""
    gc.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))
    if generator := sys.modules.get("numpy.random"):  # Python's own one does this by itself after a fork
        generator.seed()


def data_limit(base_kb: int, memory_mb: int) -> int:
    """RLIMIT_DATA in bytes. It counts what is reserved, also for stacks of threads that a library starts."""
    stacks_mb = _STACK_MB * (2 * _CORES + 8)
    return (base_kb << 10) + ((memory_mb + _SLACK_MB + stacks_mb) << 20)


class Environment:
    """One version, loaded."""

    def __init__(self, channel: socket.socket, meter: Meter) -> None:
        self.channel = channel
        self.meter = meter
        self.connection = _identity(channel.fileno())
        self.pid = os.getpid()
        self.room = Path()
        self.terms: Terms
        self.handler: Handler
        self.writes: Writes
        self.cpu_ends_s = 0.0
        self.init_ms = 0.0
        self.fresh = True

    def tell(self, message: dict[str, Any]) -> None:
        """One packet to the owner."""
        send(self.channel, packed(message))

    def stay_connected(self) -> None:
        """Leave when the handler has closed what leads to the owner, before something goes to whatever has come in its
        place: another file, a socket to a stranger."""
        if _identity(self.channel.fileno()) != self.connection or not logs.is_open():
            os._exit(CUT_OFF)

    def may_enter(self, assignment: Assignment, name: str) -> bool:
        """Ask the owner whether a block of `context.effect` may begin. Blocks."""
        return ask(self.channel, packed({"is": "effect", "name": name, **_attempt(assignment)}))

    def left(self, assignment: Assignment, name: str) -> None:
        """Tell the owner that such a block was left as it should."""
        with suppress(OSError):
            self.tell({"is": "left", "name": name, **_attempt(assignment)})

    def wrote(self, path: str) -> None:
        """Tell the owner that the run opens this path for writing: at once, for it may not live to tell it later."""
        with suppress(OSError):
            self.tell({"is": "wrote", "path": path})

    def load(self, order: dict[str, Any]) -> bool:
        """Build the handler. False when that failed: this environment is of no use."""
        began = time.perf_counter()
        self.terms = terms = Terms.from_dict(order["terms"])
        self.room = Path(order["room"])
        self.fresh = not order.get("ahead", False)
        try:
            os.chdir(terms.folder)
            os.environ.update(terms.env)
            soft = data_limit(self.meter.base_data_kb, terms.memory_mb)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, resource.getrlimit(resource.RLIMIT_DATA)[1]))
            sys.path.append(terms.folder)
            self.writes = Writes(terms.watched, self.wrote, room=self.room)
            self.writes.watch()
            self.handler = _handler(unpack(Path(order["bundle"]).read_bytes()), terms)
        except BaseException as error:
            logs.end()
            self.tell({"is": "unloadable", "error": load_failed(error, terms.function)})
            return False
        self.init_ms = (time.perf_counter() - began) * 1000
        logs.end()
        self.tell({"is": "loaded", "init_ms": self.init_ms})
        return True

    def serve(self) -> None:
        """Run what comes until the owner has enough."""
        while (packet := receive(self.channel)) is not None:
            self.tell(self.attempt(Assignment.of(self.terms, _fields(packet[0].decode()))))

    def attempt(self, assignment: Assignment) -> dict[str, Any]:
        """One run, from its event to its outcome. Whatever user code does, there is one."""
        produced = Produced()
        effects = Effects(partial(self.may_enter, assignment), partial(self.left, assignment))
        context = Context(assignment, produced, room=self.room, tell=self.tell, effects=effects)
        event = make_event(dict(assignment.event))
        log_start = logs.begin(assignment.run_id)
        started = time.time()
        answer, error = NOTHING, None
        self.writes.begin()
        self.limit_cpu()
        self.meter.start()
        try:
            os.chdir(self.terms.folder)  # the run before may have gone elsewhere
            value = _finished(self.handler(event, context), context)
            answer = answer_of(value, assignment.event, batch_size=assignment.batch_size)
        except BaseException as raised:
            error = raised
        if os.getpid() != self.pid:
            os._exit(0)  # the handler forked, and this is its child that came back out of it
        remained = end_remains()
        self.stay_connected()
        measured = self.meter.stop()
        self.writes.end()
        effects.close()
        if remained:
            logs.say(f"The run had left processes behind ({remained}); they were ended.")
        outcome = self.outcome(assignment, produced, measured, answer=answer, error=error)
        outcome["spent"] = isinstance(error, MemoryError) or remained > 0  # whatever has used them would miss them
        log_end = logs.end()
        outcome["usage"]["bytes_written"] -= min(measured.bytes_written, log_end - log_start)
        return {**outcome, "started": started, "ended": time.time(), "log": [log_start, log_end]}

    def limit_cpu(self) -> None:
        """Should nobody look at the clock, the kernel ends what computes for much longer than its time on all processors."""
        used_s, most_s = time.process_time(), self.terms.timeout_s * _CORES + _CPU_SLACK_S
        if used_s + most_s > self.cpu_ends_s:
            self.cpu_ends_s = used_s + 2 * most_s
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            soft = int(self.cpu_ends_s)
            resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

    def outcome(
        self,
        assignment: Assignment,
        produced: Produced,
        measured: Measured,
        *,
        answer: Answer,
        error: BaseException | None,
    ) -> dict[str, Any]:
        """What the owner is told; what a failed run has staged is removed, and its scratch folder in any case."""
        if error is not None:
            fault = handler_failed(error, limit_mb=self.terms.memory_mb, peak_mb=measured.max_memory_mb)
            answer = Answer(None, error=fault)
        if answer.error is not None and not answer.failed:
            discard(list(produced.staged.values()))
            produced.staged.clear()
            produced.emitted.clear()
        if produced.scratch is not None:
            shutil.rmtree(produced.scratch, ignore_errors=True)
        usage = self.usage(measured)
        return {
            "is": "outcome",
            **_attempt(assignment),
            "usage": usage,
            "cpu_total_ms": measured.cpu_total_ms,
            "result": answer.result,
            "error": answer.error,
            "failed": answer.failed,
            "staged": [asdict(file) for file in produced.staged.values()],
            "emitted": [asdict(record) for record in produced.emitted],
            "retained_kb": measured.retained_kb,
        }

    def usage(self, measured: Measured) -> dict[str, Any]:
        """`Usage` of the run; loading counts for the first one."""
        fresh, self.fresh = self.fresh, False
        return {
            "duration_ms": measured.duration_ms,
            "init_ms": self.init_ms if fresh else 0.0,
            "cold": fresh,
            "max_memory_mb": measured.max_memory_mb,
            "cpu_ms": measured.cpu_ms,
            "bytes_read": measured.bytes_read,
            "bytes_written": measured.bytes_written,
        }


def _identity(fd: int) -> tuple[int, int] | None:
    """What a descriptor leads to; None when it is closed."""
    try:
        there = os.fstat(fd)
    except OSError:
        return None
    return there.st_dev, there.st_ino


def _attempt(assignment: Assignment) -> dict[str, Any]:
    return {"run_id": assignment.run_id, "token": assignment.token}


def _handler(bundle: Bundle, terms: Terms) -> Handler:
    if bundle.kind == "notebook":
        from .notebook import in_this_python, notebook_handler

        if in_this_python(bundle):
            check_packages(terms.packages, terms.python)
        return notebook_handler(bundle)
    check_packages(terms.packages, terms.python)
    return load_handler(bundle)


def _finished(value: Any, context: Context) -> Any:
    """The value of a handler that may be a coroutine or a generator; items of a generator become a list."""
    if inspect.isgenerator(value):
        items = []
        for item in value:
            items.append(to_json(item))
            context.progress(len(items), 0)
        return items
    if inspect.iscoroutine(value):
        return asyncio.run(value)
    if isinstance(value, AsyncIterator):
        return asyncio.run(_collected(value, context))
    return value


async def _collected(items: AsyncIterator[Any], context: Context) -> list[Any]:
    collected = []
    async for item in items:
        collected.append(to_json(item))
        context.progress(len(collected), 0)
    return collected
