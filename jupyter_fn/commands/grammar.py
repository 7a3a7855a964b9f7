"""The grammar that all commands share: `--home` anywhere, `--json`, and errors of two lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..model.errors import BadValue, UnknownOption, UsageError, nearest

PROGRAM = "jupyter fn"
Command = TypeVar("Command", bound=Callable[..., Any])


def _set_home(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.obj.home = value


def home_option() -> click.Option:
    """`--home FOLDER`, which the session takes note of."""
    return click.Option(
        ["--home"],
        metavar="FOLDER",
        expose_value=False,
        callback=_set_home,
        help="Where the store is; else $JUPYTER_FN_HOME, else Jupyter's data folder.",
    )


class FnCommand(click.Command):
    """A command that takes `--home` too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(home_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """click's, with every error knowing the command that it is about."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class FnGroup(click.Group):
    """The table of commands, in the order in which they were added."""

    command_class = FnCommand

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they were added: they tell a story, the alphabet does not."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Names the nearest command when there is none of that name."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(f"{args[0]!r} is not a command.", nearest(args[0], list(self.commands)))
        return super().resolve_command(ctx, args)


def json_option(command: Command) -> Command:
    """`--json`: the answer as one JSON document."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def reworded(error: click.ClickException) -> UsageError:
    """click's error as ours: one line of cause, one line of remedy, the nearest word named."""
    context = getattr(error, "ctx", None)
    usage = _usage(context)
    if isinstance(error, click.NoSuchOption):
        known = [name for p in context.command.params for name in p.opts if name.startswith("--")] if context else []
        return UnknownOption(
            f"{error.option_name} is not an option of {_path(context)}.", nearest(error.option_name, known)
        )
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return UsageError(f"{_path(context)} needs {_shown(error.param)}.", usage)
    if isinstance(error, click.BadParameter) and error.param is not None:
        return BadValue(f"{_shown(error.param)}: {error.message}", usage)
    return UsageError(error.format_message(), usage)


def _shown(parameter: click.Parameter) -> str:
    return (
        parameter.opts[0] if isinstance(parameter, click.Option) else parameter.metavar or str(parameter.name).upper()
    )


def _path(context: click.Context | None) -> str:
    return f"`{context.command_path}`" if context else f"`{PROGRAM}`"


def _usage(context: click.Context | None) -> str:
    return " ".join(context.get_usage().split()) if context else f"See `{PROGRAM} --help`."
