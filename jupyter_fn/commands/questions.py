"""Commands that ask: cost explain audit."""

from __future__ import annotations

from pathlib import Path

import click

from .grammar import FnCommand, json_option
from .session import Session


@click.command(cls=FnCommand)
@click.argument("name", required=False)
@click.option("--by", type=click.Choice(["function", "trigger", "day", "tag", "version"]), help="One line for each.")
@click.option("--since", metavar="T", help="A time (ISO 8601), or a duration ago: 24h.")
@json_option
@click.pass_obj
def cost(session: Session, name: str | None, by: str | None, since: str | None, as_json: bool) -> object:
    """Show what runs cost, and what the cluster did meanwhile."""
    return session.answer(session.client().cost(name or "", by=by or "", since=since), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@click.argument("subject", metavar="EVENT|PATH")
@json_option
@click.pass_obj
def explain(session: Session, name: str, subject: str, as_json: bool) -> object:
    """Say why a file or an event did or did not run."""
    path = Path(subject)
    found = str(path.absolute()) if path.exists() else subject  # as the person who types sees it
    return session.answer(session.client().explain(name, found), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@json_option
@click.pass_obj
def audit(session: Session, name: str, as_json: bool) -> object:
    """Hold a listing of the sources against the ledger; the columns sum."""
    return session.answer(session.client().audit(name), as_json=as_json)


COMMANDS = (cost, explain, audit)
