"""Commands that publish files: publish schedule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from ..client.files import OPTIONS, Given, given_by_words
from ..model.errors import BadValue
from .grammar import FnCommand, json_option
from .session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])


def function_options(command: _Command) -> _Command:
    """Every option of `%%fn` as an option of this command; the values arrive under the options' keywords."""
    for option in reversed(OPTIONS):
        command = click.option(
            f"--{option.flag}",
            option.keyword,
            metavar=option.metavar or None,
            is_flag=not option.metavar,
            multiple=option.repeatable,
            help=f"{option.help}.",
        )(command)
    return command


def read_options(values: dict[str, Any]) -> Given:
    """What `function_options` brought, read by the same table as the flags of `%%fn`."""
    return given_by_words([word for option in OPTIONS for word in _words(option.flag, values[option.keyword])])


def _words(flag: str, value: Any) -> Iterator[str]:
    if value is True:
        yield f"--{flag}"
    elif isinstance(value, tuple):
        yield from (f"--{flag}={one}" for one in value)
    elif value is not None and value is not False:
        yield f"--{flag}={value}"


@click.command(cls=FnCommand)
@click.argument("file", metavar="FILE.py|FILE.ipynb")
@click.argument("names", nargs=-1, metavar="[NAME …]")
@click.option("--dry-run", is_flag=True, help="Show what would be published, and publish nothing.")
@json_option
@click.pass_obj
def publish(session: Session, file: str, names: tuple[str, ...], dry_run: bool, as_json: bool) -> object:
    """Publish the decorated functions of a module, or the %%fn cells of a notebook."""
    return session.answer(session.client().publish_file(file, names, dry_run=dry_run), as_json=as_json)


@click.command(cls=FnCommand)
@click.argument("notebook")
@click.option("-p", "parameters", multiple=True, metavar="K=V", help="A parameter: JSON, else text; repeatable.")
@click.option("--output", metavar="PATTERN", default="", help="Where the executed copy goes.")
@click.option("--kernel", metavar="K", default="", help="The kernel to run it in; as the notebook says when left out.")
@click.option("--name", metavar="N", help="The function's name; the file's when left out.")
@function_options
@json_option
@click.pass_obj
def schedule(
    session: Session,
    /,
    notebook: str,
    parameters: tuple[str, ...],
    output: str,
    kernel: str,
    name: str | None,
    as_json: bool,
    **values: Any,
) -> object:
    """Publish a whole notebook as a handler, to run when its triggers say."""
    row = session.client().schedule(
        notebook,
        parameters=dict(map(_parameter, parameters)),
        output=output,
        kernel=kernel,
        name=name,
        given=read_options(values),
    )
    if as_json:
        session.output.json(row)
    else:
        session.output.text(f"{row['function']} version {row['number']} {row['outcome']}.")
    return row


def _parameter(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (equals and key.isidentifier()):
        raise BadValue(f"-p: {text!r} is not K=V.", "Write a name, =, and a value, such as -p year=2013.")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


COMMANDS = (publish, schedule)
