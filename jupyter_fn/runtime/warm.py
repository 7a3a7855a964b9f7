"""The owner's end of one environment, and what it holds: tickets, one for each assignment."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.run import Staged
from .assignment import Assignment, Terms
from .logs import read_range
from .packets import packed, packet_pair, receive, send, unpacked

_MOST_RUNS = 10_000  # then an environment is replaced
_MOST_AGE_S = 3_600.0
_ROOM_FIRST_S = 0.05  # most are done by then
_LOG_CUT_AT = 4_194_304


@dataclass(slots=True, eq=False)
class Ticket:
    """An assignment from the moment it is handed in until its outcome."""

    assignment: Assignment
    number: int  # order of arrival
    packet: bytes
    announced: bool = False  # the owner was told that it is running
    peak_kb: int = 0  # as seen from outside
    staging: list[Staged] = field(default_factory=list)
    wrote: dict[str, None] = field(default_factory=dict)  # paths that it has opened for writing
    questions: dict[str, socket.socket] = field(default_factory=dict)  # effect → where its answer goes

    @property
    def key(self) -> tuple[str, int]:
        """What it is asked for by."""
        return self.assignment.key

    def ended(self) -> None:
        """Nobody answers its questions any more."""
        for there in self.questions.values():
            there.close()
        self.questions.clear()


def new_ticket(assignment: Assignment, number: int) -> Ticket:
    """A ticket with its packet ready to send."""
    return Ticket(assignment, number, packed(assignment.own()))


@dataclass(frozen=True, slots=True)
class Doom:
    """Why an environment is being killed, for which ticket, since when."""

    error: dict[str, Any] | None  # None: nobody wants to hear of it
    ticket: Ticket | None
    at: float


class Warm:
    """One environment as its owner sees it. `tickets[0]` is the run in progress, the rest is written ahead."""

    def __init__(self, name: str, terms: Terms, *, room: Path, log: int) -> None:
        self.name = name
        self.terms = terms
        self.room = room
        self.log = log
        self.near, self.far = packet_pair()
        self.near.setblocking(False)
        self.tickets: deque[Ticket] = deque()
        self.pid = 0
        self.made = self.since = time.monotonic()  # since: when tickets[0] began, or loading did
        self.born = False  # it has spoken
        self.loaded = False
        self.spent = False  # takes no further run
        self.ahead = False  # it was made before any run wanted it
        self.doom: Doom | None = None
        self.base_kb = 0
        self.init_ms = 0.0
        self.room_due = self.made + _ROOM_FIRST_S  # when to look again at what lies on disk
        self.runs = 0
        self.cpu_ms = 0.0  # of all runs so far
        self.log_at = 0  # the log's length at the last outcome
        self.shown_at = 0  # the log's length when it was last shown live
        self._first_retained_kb = 0

    # --- to it

    def tell_before(self, text: str) -> None:
        """What its log begins with; those who look on have seen it."""
        if text:
            self.shown_at = os.write(self.log, text.encode())

    def load(self, bundle: Path, *, ahead: bool = False) -> None:
        """The first packet. `ahead`: no run waits for it, so none will be a cold one."""
        self.ahead = ahead
        order = {"bundle": str(bundle), "room": str(self.room), "terms": self.terms.to_dict(), "ahead": ahead}
        send(self.near, packed(order))

    def give(self, ticket: Ticket) -> bool:
        """Write a run ahead. False when the socket is full, or its reader gone: that news is on its way."""
        try:
            send(self.near, ticket.packet)
        except OSError:
            return False
        if not self.tickets and self.loaded:
            self.since = time.monotonic()
        self.tickets.append(ticket)
        return True

    def take_back(self) -> list[Ticket]:
        """The tickets that it has not read yet: they have not begun, and now never will here.

        Only from one that is loaded, or reads no more. It may go on reading meanwhile, and so get a packet from between
        those that are taken back: what comes back is known by what stands in it, not by its place.
        """
        unread = set()
        with suppress(BlockingIOError):
            while packet := receive(self.far, socket.MSG_DONTWAIT):
                own = unpacked(packet[0])
                if isinstance(own, list):  # else it is the order to load, of one that never began to read
                    unread.add(Assignment.of(self.terms, own).key)
        taken = [ticket for ticket in self.tickets if ticket.key in unread]
        self.tickets = deque(ticket for ticket in self.tickets if ticket.key not in unread)
        return taken

    def close(self) -> None:
        """It reads the end of the conversation when it is done with what it does."""
        self.near.close()
        self.far.close()
        os.close(self.log)

    # --- from it

    def read(self) -> list[dict[str, Any]]:
        """Every message that has come; a descriptor that came with one is its `fd`."""
        messages = []
        with suppress(BlockingIOError):
            while packet := receive(self.near):
                message = unpacked(packet[0])
                messages.append({**message, "fd": packet[1][0]} if packet[1] else message)
        return messages

    def now_born(self, message: dict[str, Any]) -> None:
        """It has spoken for the first time."""
        self.born, self.base_kb, self.since = True, message["base_kb"], time.monotonic()

    def now_loaded(self, message: dict[str, Any]) -> None:
        """The handler is there, and the first run begins."""
        self.loaded, self.init_ms, self.since = True, message["init_ms"], time.monotonic()

    def finish(self, message: dict[str, Any]) -> Ticket:
        """The run in progress has ended; what it leaves behind decides whether another one may come."""
        ticket = self.tickets.popleft()
        self.since = time.monotonic()
        self.runs += 1
        self.cpu_ms = message["cpu_total_ms"]
        if self.runs == 1:
            self._first_retained_kb = message["retained_kb"]
        leaked_kb = message["retained_kb"] - self._first_retained_kb
        worn = self.runs >= _MOST_RUNS or self.since - self.made > _MOST_AGE_S
        leaks = leaked_kb > self.terms.memory_mb * 1024 // 4
        self.spent = self.spent or worn or leaks or message["spent"]
        return ticket

    def staging(self, message: dict[str, Any]) -> None:
        """The run in progress is about to write a file beside its target."""
        if self.tickets:
            self.tickets[0].staging.append(Staged(staged=message["staged"], target=message["target"], size=0))

    def wrote(self, message: dict[str, Any]) -> None:
        """The run in progress has opened a path for writing."""
        if self.tickets:
            self.tickets[0].wrote[message["path"]] = None

    def log_text(self, end: int | None = None) -> str:
        """What was logged since the last outcome."""
        end = os.fstat(self.log).st_size if end is None else end
        text = read_range(self.log, self.log_at, end)
        self.log_at = self.shown_at = end
        return text

    def tidy(self) -> None:
        """While it is idle: a long log starts again."""
        if self.log_at > _LOG_CUT_AT:
            os.ftruncate(self.log, 0)
            self.log_at = self.shown_at = 0
