"""Commands about the service: serve start stop status demo."""

from __future__ import annotations

import click

from ..model.errors import UsageError
from .grammar import FnCommand, json_option
from .session import Session

_port = click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Port to listen on; any free one else.")
_cluster = click.option(
    "--cluster",
    metavar="SPEC",
    help="local, a scheduler's address (tcp://…), or a cluster class with arguments: pkg.Class key=value.",
)
_store = click.option(
    "--store",
    metavar="URL",
    help="Where the store is: postgresql://user@host:port/database; a file in the home else.",
)


@click.command(cls=FnCommand)
@_port
@_cluster
@_store
@click.pass_obj
def serve(session: Session, port: int | None, cluster: str | None, store: str | None) -> None:
    """Run the service in the foreground, until it is stopped."""
    if session.in_kernel:
        raise UsageError("`serve` would hold this kernel for good.", "Use %fn start.")
    from .. import app

    app.serve(session.home_folder(), port, cluster, store)


@click.command(cls=FnCommand)
@_port
@_cluster
@_store
@click.pass_obj
def start(session: Session, port: int | None, cluster: str | None, store: str | None) -> None:
    """Start the service in the background, unless it runs."""
    from ..client.address import start_service

    session.output.text(start_service(session.home_folder(), port=port, cluster=cluster, store=store).url)


@click.command(cls=FnCommand)
@click.pass_obj
def stop(session: Session) -> None:
    """Stop the service, and wait until it has ended."""
    stopped = session.client(start=False).stop()
    session.output.text("Stopped." if stopped else "No service was running.")


@click.command(cls=FnCommand)
@json_option
@click.pass_obj
def status(session: Session, as_json: bool) -> object:
    """Show where the service answers, its workers, what is queued and running."""
    return session.answer(session.client(start=False).status(), as_json=as_json)


@click.command(cls=FnCommand)
@click.option("--keep", metavar="DIR", help="Work in this folder and leave everything there.")
@click.pass_obj
def demo(session: Session, keep: str | None) -> None:
    """Do the README's main job on real data, start to finish."""
    from .. import app

    app.demo(session.home_folder(), keep)


COMMANDS = (serve, start, stop, status, demo)
