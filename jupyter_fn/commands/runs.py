"""Commands about runs: invoke runs run logs cancel failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ..model.errors import BadValue, NotFound, UsageError
from ..model.run import SHOWN_STATES
from .grammar import FnCommand, json_option
from .session import Session
from .values import json_value

if TYPE_CHECKING:
    from ..client.client import Client


@click.command(cls=FnCommand)
@click.argument("target", metavar="NAME[:QUALIFIER]")
@click.option("--event", metavar="JSON|@FILE", help="The event; {} when left out.")
@click.option("--async", "at_once", is_flag=True, help="Do not wait: print the run's id.")
@click.option("--run-key", metavar="KEY", default="", help="The same key and event give the same run.")
@json_option
@click.pass_obj
def invoke(session: Session, target: str, event: str | None, at_once: bool, run_key: str, as_json: bool) -> object:
    """Run a function once: the value on standard output, the log and the REPORT line on standard error."""
    name, _, qualifier = target.partition(":")
    given = {} if event is None else json_value(event, "--event")
    client = session.client()
    if at_once:
        run = client.submit(name, given, qualifier=qualifier, run_key=run_key)
        session.output.json(run) if as_json else session.output.text(run["id"])
        return run
    run = client.invoke(name, given, qualifier=qualifier, run_key=run_key, on_log=session.output.note)
    return _finished(session, run, as_json)


def _finished(session: Session, run: dict[str, Any], as_json: bool) -> object:
    from ..client.echo import report
    from ..client.remote import run_error

    session.output.note(report(run))
    error = run_error(run)
    if as_json:
        session.output.json(run)
    elif error is None:
        session.output.text(json.dumps(run.get("result"), ensure_ascii=False))
    if error:
        raise error
    return run.get("result")


@click.command(cls=FnCommand)
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(SHOWN_STATES), help="Only runs in this state.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the newest N.")
@click.option("--replay", metavar="ID", default="", help="Only those of this replay.")
@json_option
@click.pass_obj
def runs(session: Session, name: str | None, state: str | None, last: int | None, replay: str, as_json: bool) -> object:
    """List runs, newest first."""
    found = session.client().runs(name or "", state=state or "", last=last, replay=replay)
    return session.answer(found, as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("run_id", metavar="ID")
@json_option
@click.pass_obj
def run(session: Session, run_id: str, as_json: bool) -> object:
    """Show one run with its attempts. The end of an id, as tables show it, is enough."""
    client = session.client()
    return session.answer(client.run(client.find_run(run_id)), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("subject", metavar="NAME|ID")
@click.option("-f", "--follow", is_flag=True, help="Go on as more comes; for a run, until it ends.")
@click.pass_obj
def logs(session: Session, subject: str, follow: bool) -> None:
    """Print what a run, or the last runs of a function, have printed."""
    client = session.client()
    if _is_function(client, subject):
        _function_logs(session, client, subject, follow)
        return
    run_id = client.find_run(subject)
    if follow:
        client.wait(run_id, on_log=session.output.stream)
    else:
        session.output.stream(client.logs(run_id)["text"])


def _is_function(client: Client, subject: str) -> bool:
    try:
        client.function(subject)
    except (NotFound, BadValue):
        return False
    return True


def _function_logs(session: Session, client: Client, name: str, follow: bool) -> None:
    session.output.stream(client.recent_logs(name))
    if not follow:
        return
    for pushed in client.follow(name):
        if pushed.event == "log":
            session.output.stream(pushed.data["text"])


@click.command(cls=FnCommand)
@click.argument("run_ids", nargs=-1, metavar="[ID …]")
@click.option("--all", "name", metavar="NAME", help="Every run of this function that has not ended.")
@json_option
@click.pass_obj
def cancel(session: Session, run_ids: tuple[str, ...], name: str | None, as_json: bool) -> object:
    """Stop runs; those that go on are killed, and gone when this ends."""
    if bool(run_ids) == bool(name):
        raise UsageError("`jupyter fn cancel` needs runs.", "Write their ids, or --all NAME for all of a function.")
    client = session.client()
    if name:
        return session.answer(client.cancel_all(name), as_json=as_json)
    ids = [client.find_run(run_id) for run_id in run_ids]
    if len(ids) > 1:
        return session.answer(client.cancel_each(ids), as_json=as_json)
    stopped = client.cancel(ids[0])
    if as_json:
        session.output.json(stopped)
    else:
        session.output.text(f"Run {stopped['id']} is {stopped['state']}.")
    return stopped


@click.command(cls=FnCommand)
@click.argument("name")
@json_option
@click.pass_obj
def failures(session: Session, name: str, as_json: bool) -> object:
    """List the runs of a function that wait for somebody, with their events."""
    client = session.client()
    answer = session.answer(client.failures(name), as_json=as_json)
    lost = client.function(name).get("undelivered")
    if lost:
        session.output.note(f"Records that no destination has taken: {lost}; jupyter fn run ID says why.\n")
    return answer


COMMANDS = (invoke, runs, run, logs, cancel, failures)
