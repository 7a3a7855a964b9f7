"""Runs written ahead to an environment, and taken back while it goes on reading."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.runtime import warm as module
from jupyter_fn.runtime.logs import new_log
from jupyter_fn.runtime.packets import receive
from jupyter_fn.runtime.warm import Ticket, Warm, new_ticket
from tests.attempts import attempt


def ticket(n: int) -> Ticket:
    return new_ticket(attempt(f"r{n}"), n)


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    """One that is loaded; nobody reads at its other end."""
    made = Warm("name", ticket(0).assignment.terms, room=tmp_path, log=new_log(tmp_path))
    made.loaded = True
    yield made
    made.close()


def names(tickets: Any) -> list[str]:
    return [one.key[0] for one in tickets]


def read_by_environment(warm: Warm) -> str:
    packet = receive(warm.far)
    assert packet is not None
    return str(json.loads(packet[0])[0])


def test_what_was_not_read_comes_back_in_order(warm: Warm) -> None:
    for n in range(4):
        assert warm.give(ticket(n))
    assert read_by_environment(warm) == "r0"
    assert names(warm.take_back()) == ["r1", "r2", "r3"]
    assert names(warm.tickets) == ["r0"]
    assert warm.take_back() == []


def test_what_the_environment_reads_in_between_is_its_own(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        warm.give(ticket(n))
    read_by_environment(warm)
    took: list[str] = []

    def interrupted(*arguments: Any) -> Any:
        packet = receive(*arguments)
        if not took:
            took.append(read_by_environment(warm))
        return packet

    monkeypatch.setattr(module, "receive", interrupted)
    assert names(warm.take_back()) == ["r1", "r3"]
    assert took == ["r2"]
    assert names(warm.tickets) == ["r0", "r2"]


def test_a_reader_that_is_gone_or_full_takes_nothing(warm: Warm) -> None:
    given = 0
    while warm.give(ticket(given)):
        given += 1
    assert given > 10
    assert len(warm.tickets) == given


def test_a_long_log_starts_again_when_it_is_idle(warm: Warm) -> None:
    os.write(warm.log, b"x" * 5_000_000)
    assert warm.log_text()
    warm.tidy()
    assert os.fstat(warm.log).st_size == 0
    os.write(warm.log, b"next")
    assert warm.log_text() == "next"
