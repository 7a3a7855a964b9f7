"""Effect barriers in an environment: `with context.effect(name)` begins its block at most once for its run.

Who enters asks the owner, the owner its service, which stores that the run stands behind the barrier; only then the answer
comes back and the block begins. What goes wrong from there on leaves a run that is not tried again by itself. What goes
wrong before leaves a block that never begins.

A question carries the socket for its answer. So runs that are written ahead stay where they are, threads and processes of
the handler may ask as well, and an answer that will never come is seen: the socket ends.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..model.errors import BadValue, EffectRefused
from .packets import packet_pair, receive, send

YES = b"\1"
NO = b"\2"
_MOST_NAME = 200

Ask = Callable[[str], bool]
Leave = Callable[[str], None]


class Effects:
    """The barriers of one attempt."""

    def __init__(self, ask: Ask = lambda name: True, leave: Leave = lambda name: None) -> None:
        """`ask` whether a barrier may be passed; `leave` hears of blocks that were left as they should. Without them
        every barrier opens: for runs that no service knows of."""
        self._ask, self._leave = ask, leave
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._over = False

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        """See `Context.effect`."""
        self._take_name(name)
        if not self._ask(name):
            raise EffectRefused(
                f"The effect {name!r} may not begin: its service did not agree. "
                "The run was cancelled or given to another worker meanwhile, or the service went away.",
                "Nothing of it was done; let the error pass.",
            )
        yield
        self._leave(name)

    def close(self) -> None:
        """The attempt is over: a thread that it has left behind begins no further effect."""
        with self._lock:
            self._over = True

    def _take_name(self, name: str) -> None:
        if not isinstance(name, str) or not 0 < len(name) <= _MOST_NAME:
            raise BadValue(f"{name!r} is no name of an effect.", f"Give a text of 1 to {_MOST_NAME} characters.")
        with self._lock:
            if self._over:
                raise EffectRefused(f"The effect {name!r} may not begin: its run has ended.", "Wait for your threads.")
            if name in self._names:
                raise BadValue(
                    f"The run has entered its effect {name!r} before.",
                    f"Names are used once in a run; number them, such as {name}-2.",
                )
            self._names.add(name)


def ask(channel: socket.socket, question: bytes) -> bool:
    """Send a question to the owner at the other end of `channel`; False also when no answer comes."""
    here, there = packet_pair()
    with here:
        with there:
            send(channel, question, [there.fileno()])
        answer = receive(here)
    return answer is not None and answer[0] == YES


def answer(there: socket.socket, *, go: bool) -> None:
    """The owner's answer to who has asked with this socket, which is then closed."""
    with there:
        try:
            send(there, YES if go else NO)
        except OSError:  # it has not waited
            return
