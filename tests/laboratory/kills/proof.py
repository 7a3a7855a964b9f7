"""What must be true at the end, asked of the store itself, of the journal and of the files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, select

from jupyter_fn.model.run import State
from jupyter_fn.store import schema
from jupyter_fn.store.database import Database
from jupyter_fn.store.payloads import unpack

from .clients import Clients
from .house import House


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal."""

    what: str
    function: str
    run_id: str
    token: int
    pid: int
    at: float


def journal(house: House) -> list[Line]:
    """All that handlers have written down."""
    words = (line.split() for line in house.journal.read_text().splitlines())
    return [Line(w, f, r, int(token), int(pid), float(at)) for w, f, r, token, pid, at in words]


class Proof:
    """The rows of a store that nobody writes to any more."""

    def __init__(self, house: House, clients: Clients) -> None:
        self._house, self._clients = house, clients
        with Database.open(house.store) as database:
            self.runs, self.attempts, self.events, self.records = database.read(_everything)
        self.lines = journal(house)
        ids = {run.seq: run.id for run in self.runs}
        self.lost = {(ids[one.run], one.token) for one in self.attempts if one.state == "lost"}

    def faults(self) -> list[str]:
        """Everything that is not as it should be."""
        checks = (self._ends, self._acceptances, self._starts, self._invocations, self._topic, self._files)
        return [fault for check in checks for fault in check()]

    def _ends(self) -> Iterator[str]:
        for run in self.runs:
            if not State(run.state).terminal:
                yield f"run {run.id} of {run.function} is {run.state} at the end"
            if run.state not in ("succeeded", "cancelled", "split") and run.reason != "WorkerLost":
                yield f"run {run.id} of {run.function} is {run.state}: {run.reason} {run.error}"
        without = {event.id for event in self.events} - {run.event_id for run in self.runs}
        if without:
            yield f"events without a run: {without}"

    def _acceptances(self) -> Iterator[str]:
        won = defaultdict(list)
        for attempt in self.attempts:
            if attempt.state == "succeeded":
                won[attempt.run].append(attempt.token)
        for run in self.runs:
            accepted = won[run.seq]
            if len(accepted) > 1:
                yield f"run {run.id} was accepted with the tokens {accepted}"
            if (run.state == "succeeded") != (accepted == [run.token]):
                yield f"run {run.id} is {run.state} with token {run.token}, accepted were {accepted}"

    def _starts(self) -> Iterator[str]:
        started = Counter((line.run_id, line.token) for line in self.lines if line.what == "start")
        ended = {(line.run_id, line.token) for line in self.lines if line.what == "end"}
        yield from (f"user code of {token} was started {times} times" for token, times in started.items() if times > 1)
        for run in self.runs:
            if run.state == "succeeded" and (run.id, run.token) not in ended:
                yield f"run {run.id} succeeded with token {run.token}, and its handler never came to its end"

    def _invocations(self) -> Iterator[str]:
        by_id = {run.id: run for run in self.runs}
        for number, named in self._clients.invoked.items():
            if len(named) > 1:
                yield f"the key of {number} was answered with {named}"
            for run_id in named:
                run = by_id.get(run_id)
                if run is None:
                    yield f"run {run_id} was acknowledged, and is not there"
                elif run.state == "succeeded" and run.result != 2 * number:
                    yield f"run {run_id} doubled {number} to {run.result}"
        keys = Counter(event.key for event in self.events if event.function == "doubler")
        yield from (f"{key} was admitted {times} times" for key, times in keys.items() if times > 1)

    def _topic(self) -> Iterator[str]:
        there = Counter(record.value["n"] for record in self.records if record.topic == "numbers")
        for value, acknowledged in self._clients.emitted.items():
            if there[value] > 1 or there[value] < acknowledged:
                yield f"the record {value} is there {there[value]} times, acknowledged: {acknowledged}"
        taken = Counter(
            record["value"]["n"]
            for event in self.events
            if event.function == "adder"
            for record in event.data["records"]
        )
        if taken != there:
            yield f"the topic has {there.total()} records, {taken.total()} of them came to the adder"
        yield from self._sums(there)

    def _sums(self, records: Counter[int]) -> Iterator[str]:
        """Batches may have been split: whatever runs they became, each record was summed up once."""
        runs = [run for run in self.runs if run.function == "adder"]
        won = {run.id: run.result for run in runs if run.state == "succeeded"}
        said = [record.value for record in self.records if record.topic == "sums"]
        if sorted(word["run"] for word in said) != sorted(won):
            yield f"{len(won)} sums should have been emitted once, there are {len(said)}"
        wrong = [word for word in said if sum(word["values"]) != won.get(word["run"])]
        if wrong:
            yield f"sums that are not those of their runs: {wrong}"
        summed = Counter(value for word in said for value in word["values"])
        given_up = any(run.state == "dead" for run in runs)
        if summed - records or (records - summed and not given_up):
            yield f"not summed up: {records - summed}, too often: {summed - records}"

    def _files(self) -> Iterator[str]:
        taken = Counter(event.data["stem"] for event in self.events if event.function == "filer")
        if set(taken) != self._clients.written or taken.total() != len(taken):
            yield f"{len(self._clients.written)} files were written, {taken.total()} events made of {len(taken)}"
        won = {run.result for run in self.runs if run.function == "filer" and run.state == "succeeded"}
        shown = (path for path in (self._house.work / "out").glob("*.txt") if not path.name.startswith("."))
        out = {path.stem: path.read_text() for path in shown}  # hidden: what attempts that were killed have left
        for stem in won | set(out):
            if stem not in won or out.get(stem) != f"content {stem};" * 2:
                yield f"out/{stem}.txt holds {out.get(stem)!r}, its run won: {stem in won}"
        ends = Counter(run.id for run in self.runs if run.function == "filer" and run.state == "succeeded")
        followed = Counter(event.key for event in self.events if event.function == "heir")
        if ends != followed:
            yield f"{ends.total()} runs of filer succeeded, heir was told of {followed.total()}"


def _everything(conn: Connection) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    return (
        [_row(row, result=unpack(conn, row.result)) for row in conn.execute(select(schema.runs))],
        [_row(row) for row in conn.execute(select(schema.attempts))],
        [_row(row, data=unpack(conn, row.data)) for row in conn.execute(select(schema.events))],
        [_row(row, value=unpack(conn, row.value)) for row in conn.execute(select(schema.records))],
    )


def _row(row: Any, **decoded: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**row._mapping, **decoded})
