"""Commands about functions: ls show versions pause resume rm alias rollback emit."""

from __future__ import annotations

import re
from typing import Any

import click

from ..model.errors import BadValue
from .grammar import FnCommand, json_option
from .session import Session
from .values import json_records

_SHARE = re.compile(r"([^=]+)=(\d+)(?::(\d+))?")


@click.command(cls=FnCommand)
@json_option
@click.pass_obj
def ls(session: Session, as_json: bool) -> object:
    """List functions."""
    return session.answer(session.client().functions(), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@json_option
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> object:
    """Show one function with its triggers, captured values and source."""
    return session.answer(session.client().function(name), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@json_option
@click.pass_obj
def versions(session: Session, name: str, as_json: bool) -> object:
    """List the versions of a function, newest first."""
    return session.answer(session.client().versions(name), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@json_option
@click.pass_obj
def pause(session: Session, name: str, as_json: bool) -> object:
    """Stop the triggers of a function; what is queued stays."""
    return _operated(session, session.client().pause(name), as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@click.option("--key", metavar="VALUE", help="Only the lane of this value of --order-by.")
@json_option
@click.pass_obj
def resume(session: Session, name: str, key: str | None, as_json: bool) -> object:
    """Undo pause, and let lanes go on that rest because a run died in them."""
    return _operated(session, session.client().resume(name, key=key), as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@json_option
@click.pass_obj
def rollback(session: Session, name: str, as_json: bool) -> object:
    """Point `live` at the version before."""
    return _operated(session, session.client().rollback(name), as_json)


@click.command(cls=FnCommand)
@click.argument("name")
@click.pass_obj
def rm(session: Session, name: str) -> None:
    """Remove a function."""
    session.client().remove(name)
    session.output.text(f"Removed {name}.")


@click.command(cls=FnCommand)
@click.argument("name")
@click.argument("shares", nargs=-1, required=True, metavar="ALIAS=VERSION[:WEIGHT] …")
@json_option
@click.pass_obj
def alias(session: Session, name: str, shares: tuple[str, ...], as_json: bool) -> object:
    """Point aliases at versions; repeat an alias to share it by weight: live=3:90 live=4:10."""
    client = session.client()
    answer = None
    for moved, weights in _weights(shares).items():
        answer = client.alias(name, moved, weights)
    return _operated(session, answer, as_json)


def _weights(shares: tuple[str, ...]) -> dict[str, dict[int, int]]:
    """`("live=3:90", "live=4:10")` → `{"live": {3: 90, 4: 10}}`."""
    weights: dict[str, dict[int, int]] = {}
    for share in shares:
        match = _SHARE.fullmatch(share)
        if not match:
            raise BadValue(f"{share!r} is not ALIAS=VERSION[:WEIGHT].", "Write live=3, or live=3:90 live=4:10.")
        weights.setdefault(match[1], {})[int(match[2])] = int(match[3] or 1)
    return weights


def _operated(session: Session, facts: Any, as_json: bool) -> object:
    if as_json:
        session.output.json(facts)
    else:
        session.output.text(facts.summary())
    return facts


@click.command(cls=FnCommand)
@click.argument("topic")
@click.option(
    "--record",
    "records",
    multiple=True,
    default=("-",),
    metavar="JSON|@FILE|-",
    help='A record, a file of JSON Lines, or standard input (the default). {"key": …, "value": …} gives it a key.',
)
@json_option
@click.pass_obj
def emit(session: Session, topic: str, records: tuple[str, ...], as_json: bool) -> object:
    """Append records to a topic."""
    values = [value for text in records for value in json_records(text, "--record")]
    answer = session.client().emit(topic, values)
    if as_json:
        session.output.json(answer)
    else:
        session.output.text(f"{answer['accepted']} accepted.")
    return answer


COMMANDS = (ls, show, versions, pause, resume, rm, alias, rollback, emit)
