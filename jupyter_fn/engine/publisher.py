"""From a draft to a version whose triggers are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from sqlalchemy import Connection

from ..model.errors import BadTrigger, MissingExtra, NotFound, PackageMismatch
from ..model.function import LIVE, Options, check_name
from ..model.target import Kind, parse_target
from ..model.trigger import Trigger
from ..model.version import Draft, Version
from ..policy.filters import filter_of
from ..policy.lines import lines_of
from ..policy.verdict import rules_of
from ..runtime.loading import check_packages, pack
from ..sources import registry
from ..store import functions, payloads, triggers
from ..store.database import Database
from .catalog import Catalog
from .facts import trigger_json, version_json


@dataclass(frozen=True, slots=True)
class Publication:
    """What became of a draft."""

    version: Version
    created: bool
    triggers: Sequence[Trigger]


class Publisher:
    """Checks a draft, stores it, and has its triggers followed. Publishing the same again changes nothing."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        published: Callable[[str], Awaitable[None]],
        *,
        check_here: bool,
        clock: Callable[[], float],
    ) -> None:
        """`published` has a function's triggers followed; `check_here`: workers have the packages of this process."""
        self._database = database
        self._catalog = catalog
        self._published = published
        self._check_here = check_here
        self._clock = clock

    async def publish(self, draft: Draft, *, dry_run: bool = False) -> dict[str, Any]:
        """`{created, dry_run, version, triggers}`.

        Raises:
            UsageError: a name, a trigger or a backoff that cannot be read.
            PackageMismatch: a package that the workers do not have, or have in another version.
        """
        wanted = await asyncio.to_thread(self._check, draft)
        if dry_run:
            done = await asyncio.to_thread(self._database.read, partial(self._would_be, draft, wanted))
        else:
            payload = pack(draft.bundle)
            done = await asyncio.wrap_future(self._database.submit(partial(self._op, draft, payload, wanted)))
            self._catalog.forget_functions()
            await self._published(draft.function)
        return {
            "created": done.created,
            "dry_run": dry_run,
            "version": version_json(done.version),
            "triggers": [trigger_json(trigger, paused=False, lag=0) for trigger in done.triggers],
        }

    def _check(self, draft: Draft) -> list[Trigger]:
        """What can be seen to be wrong before anything is stored; the triggers."""
        check_name(draft.function)
        rules_of(draft.options)
        lines_of(draft.options)
        filter_of(draft.options)
        _check_targets(draft.options)
        if self._check_here:
            _check_environment(draft)
        return wanted_triggers(draft.function, draft.options, draft.folder, now=self._clock())

    def _op(self, draft: Draft, payload: bytes, wanted: Sequence[Trigger], conn: Connection) -> Publication:
        self._catalog.forget_functions()
        bundle = payloads.put(conn, payload)
        version, created = functions.publish(conn, draft, bundle, self._clock())
        if created:
            self._catalog.forget_version(version.function, version.number)
        return Publication(version, created, triggers.replace(conn, draft.function, LIVE, wanted))

    def _would_be(self, draft: Draft, wanted: Sequence[Trigger], conn: Connection) -> Publication:
        try:
            known = functions.versions_of(conn, draft.function)
        except NotFound:
            known = []
        same = next((version for version in known if version.digest == draft.digest), None)
        new = functions.version_of(draft, len(known) + 1, "", self._clock())
        return Publication(same or new, same is None, wanted)


def wanted_triggers(function: str, options: Options, folder: str, *, now: float) -> list[Trigger]:
    """The triggers of a version, bound to `live`.

    Raises:
        BadTrigger: one that cannot be watched, or `batch` or `window` where none of them makes batches.
    """
    defaults = defaults_of(options)
    checked = [registry.check(t, folder, function=function, alias=LIVE, defaults=defaults) for t in options.on]
    for option in defaults:
        if checked and not any(option in trigger.options for trigger in checked):
            raise BadTrigger(
                f"--{option} has no effect on {', '.join(trigger.uri for trigger in checked)}.",
                f"Leave --{option} out; triggers on files, topics and functions make batches.",
            )
    return [replace(trigger, created=now) for trigger in checked]


def defaults_of(options: Options) -> dict[str, str]:
    """What `--batch` and `--window` say for triggers that do not say it themselves."""
    batch = {} if options.batch is None else {"batch": str(options.batch)}
    return batch | ({} if options.window_s is None else {"window": f"{options.window_s}s"})


def _check_targets(options: Options) -> None:
    """Destinations can be read, and their filesystems are there."""
    for text in (*options.then, *options.on_failure):
        target = parse_target(text)
        needs = registry.KINDS[target.scheme] if target.kind is Kind.FILE else None
        if needs and needs.needs and find_spec(needs.needs) is None:
            cause = f"The destination {text!r} needs {needs.needs}, which is not installed."
            raise MissingExtra(cause, f"Run: pip install {needs.install}")


def _check_environment(draft: Draft) -> None:
    """Notebooks run in a kernel of their own, whose packages are the kernel's business."""
    if draft.bundle.kind == "notebook":
        return
    try:
        check_packages({} if draft.options.lock else draft.packages, draft.python)
    except PackageMismatch as error:
        raise PackageMismatch(
            f"{draft.function} cannot run in this service's environments. {error.cause}", error.remedy
        ) from None
