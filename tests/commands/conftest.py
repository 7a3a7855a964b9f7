"""The commands, with a service that answers from a table."""

import shlex
from dataclasses import dataclass

import pytest

from jupyter_fn.cli.main import main
from jupyter_fn.client.client import Client
from jupyter_fn.commands.session import Session


@dataclass
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def call(fake, capsys):
    """`call("runs daily --json")` → exit code, standard output, standard error."""

    def clients(home, start):
        return Client(home or fake.home, start=False, transport=fake.transport)

    def called(line):
        words = shlex.split(line) if isinstance(line, str) else line
        return Said(main(words, session=Session(clients=clients)), *capsys.readouterr())

    return called
