"""Commands that run something again, or late: redrive replay backfill."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..model.errors import BadValue
from .grammar import FnCommand, json_option
from .session import Session
from .values import json_value

if TYPE_CHECKING:
    from ..client.client import Client

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _dry_run_option(command: _Command) -> _Command:
    """`--dry-run`."""
    return click.option("--dry-run", is_flag=True, help="Only count runs and bytes, and estimate the cost.")(command)


def _code_option(command: _Command) -> _Command:
    """`--code`."""
    return click.option(
        "--code",
        type=click.Choice(["latest", "same"]),
        default="latest",
        show_default=True,
        help="The version: that which is live now, or that which ran before.",
    )(command)


def _span_options(command: _Command) -> _Command:
    """`--since` and `--until`."""
    for name, help_ in (("until", "Before that time."), ("since", "A time (ISO 8601), or a duration ago: 2h.")):
        command = click.option(f"--{name}", metavar="T", help=help_)(command)
    return command


@click.command(cls=FnCommand)
@click.argument("name")
@click.option("--ids", multiple=True, metavar="ID", help="Only these runs; repeat it, or separate ids by commas.")
@_code_option
@click.option("--event", metavar="JSON|@FILE", help="Another event for the one run that --ids names.")
@click.option("--events", metavar="JSON|@FILE", help="Other events by run, {ID: event}; without --ids only these runs.")
@_dry_run_option
@json_option
@click.pass_obj
def redrive(
    session: Session,
    name: str,
    ids: tuple[str, ...],
    code: str,
    event: str | None,
    events: str | None,
    dry_run: bool,
    as_json: bool,
) -> object:
    """Run failures again, as they were or with other events; the originals stay as they are."""
    client = session.client()
    named = [client.find_run(run_id) for text in ids for run_id in text.split(",") if run_id]
    edits = _edits(client, named, event, events)
    meant = named if ids else (list(edits) or None)
    answer = client.redrive(name, meant, code=code, events=edits, dry_run=dry_run)
    return session.answer(answer, as_json=as_json)


def _edits(client: Client, named: list[str], event: str | None, events: str | None) -> dict[str, Any]:
    """Run id → the event that somebody has written for it."""
    if event is not None and events is not None:
        raise BadValue("--event and --events are one too many.", "Write the one event into the file of --events.")
    if event is not None:
        if len(named) != 1:
            raise BadValue("--event is for one run.", "Name it with --ids, or write --events @FILE with {id: event}.")
        return {named[0]: json_value(event, "--event")}
    found = {} if events is None else json_value(events, "--events")
    if not isinstance(found, dict):
        raise BadValue("--events is no JSON object of events by run.", 'Write such as {"RUN ID": {"n": 1}}.')
    return {client.find_run(run_id): one for run_id, one in found.items()}


@click.command(cls=FnCommand)
@click.argument("name")
@_span_options
@click.option("--key", metavar="K", default="", help="The key of the event, or of one of its records.")
@click.option("--path", metavar="GLOB", default="", help="The path of the file, or of one of the files.")
@click.option("--trigger", metavar="ID", default="", help="Only events of this trigger; its text will do.")
@click.option("--failed", is_flag=True, help="Only events of which a run waits for somebody.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the newest N.")
@_code_option
@click.option("--replay", metavar="ID", default="", help="The replay's own id: one that was broken off goes on.")
@_dry_run_option
@json_option
@click.pass_obj
def replay(session: Session, /, name: str, as_json: bool, **how: Any) -> object:
    """Run past events again, as runs that are told apart from the live ones."""
    return session.answer(session.client().replay(name, **how), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@click.option("--on", metavar="TRIGGER", required=True, help="One of the function's own, or any other.")
@_span_options
@click.option("--code", metavar="VERSION", default="latest", show_default=True, help="Or a number, or an alias.")
@_dry_run_option
@json_option
@click.pass_obj
def backfill(session: Session, /, name: str, on: str, as_json: bool, **how: Any) -> object:
    """List a trigger once from nothing, and run what has not run."""
    return session.answer(session.client().backfill(name, on, **how), as_json=as_json)


COMMANDS = (redrive, replay, backfill)
