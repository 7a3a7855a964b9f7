"""The one table of commands, for `jupyter fn CMD` and for `%fn CMD`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..model.errors import BadValue
from . import again, functions, publishing, questions, runs, service
from .grammar import PROGRAM, FnGroup, home_option, reworded
from .output import Output, Terminal
from .session import Session, new_client

if TYPE_CHECKING:
    from ..client.client import Client


def _help(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


TABLE = FnGroup(
    name="fn",
    invoke_without_command=True,
    callback=click.pass_context(_help),
    params=[home_option()],
    help="Serverless functions of Jupyter: publish, run, watch and cost them.",
    epilog="Exit code 0: done. 1: the thing asked for failed. 2: wrong usage.",
)
for _group in (service, publishing, functions, runs, again, questions):
    for _command in _group.COMMANDS:
        TABLE.add_command(_command)


def command_names() -> list[str]:
    """Every command, in the table's order."""
    return list(TABLE.commands)


def execute(words: Sequence[str], session: Session) -> Any:
    """Carry out one command; what it answers is said through the session and given back.

    Raises:
        FnError: wrong words (`UsageError`), or whatever failed.
    """
    try:
        with TABLE.make_context(PROGRAM, list(words), obj=session) as context:
            return TABLE.invoke(context)
    except click.exceptions.Exit:
        return None  # --help has been printed
    except click.ClickException as error:
        raise reworded(error) from None


def run_line(line: str, *, client: Client | None = None, output: Output | None = None) -> Any:
    """Carry out the words of a line magic; never ends the kernel. `client` serves unless the line names another home.

    Raises:
        FnError: wrong words (`UsageError`), or whatever failed.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BadValue(f"The line cannot be read: {error}.", "Close the quotes.") from None

    def clients(home: str | None, start: bool) -> Client:
        return client if client is not None and home is None else new_client(home, start)

    return execute(words, Session(output=output or Terminal(), clients=clients, in_kernel=True))
