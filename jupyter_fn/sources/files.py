"""Files as events: `incoming/*.csv`, `file:///data/in/**/*.parquet`, `s3://bucket/in/*.json`.

A listing decides what is there; the ledger's unique key decides what is new. What an instance remembers only saves work,
so after a restart everything is offered again and the ledger keeps it from running twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from ..model.errors import BadTrigger
from ..model.event import NewEvent
from ..model.trigger import Trigger
from ..model.units import iso, parse_duration_s, parse_time
from ..policy.discovery import escape, file_key, matches, settled_at, skipped
from .formats import unfinished
from .listing import Found, Listing
from .local import LocalListing
from .options import GATHERED, Option, one_of
from .protocol import Asked, Look, Poll
from .remote import OBJECT_STORES, RemoteListing
from .wiring import Wiring

PAGE = 1000  # events in one transaction
_PATIENCE_S = 10.0  # so long a backfill waits for files to settle
_IDLE_SHARE = 9  # a listing is repeated after this many times its own length at the earliest: 10 % of one core


class FileSource:
    """One event per version of a file.

    Position: `{"looked": bool, "page": int}`. `looked` is true once the first look is over, which `existing=` is about;
    `page` grows with every page that holds events, so a poll knows whether its last page was committed.
    """

    OPTIONS: ClassVar[Mapping[str, Option]] = {
        "settle": Option(parse_duration_s, 2.0, "a local file counts as complete when unchanged this long"),
        "existing": Option(one_of("process", "skip"), "process", "what happens to files that the first look finds"),
        "on_overwrite": Option(
            one_of("new_event", "ignore", "latest_only"),
            "new_event",
            "whether a new version is an event too, or even takes the place of older ones that have not begun",
        ),
        **GATHERED,
    }

    def __init__(self, wiring: Wiring) -> None:
        trigger = wiring.trigger
        local = trigger.scheme == "file"
        self._listing = _listing(trigger)
        self._target = trigger.target
        self._poll_s = wiring.poll_s if local else wiring.remote_poll_s
        self._settle_s: float = wiring.options["settle"]
        self._skip_existing = wiring.options["existing"] == "skip"
        self._on_overwrite: str = wiring.options["on_overwrite"]
        self._seen: dict[str, str] = {}  # path → version, committed
        self._offered: dict[str, str] = {}  # the same, of the last page
        self._next: Any = None  # the position that says that the last page was committed
        self._backlog: deque[Found] = deque()
        self._wake_at = 0.0
        self._settling: list[float] = []  # when files are complete that were not yet at the last look
        self._listing_s = 0.0
        self._lacking: dict[str, tuple[str, str]] = {}  # path → version, what its end lacks

    @classmethod
    def check(cls, trigger: Trigger, options: Mapping[str, Any]) -> None:
        """Refuse folders, wildcards in the name of a bucket, and patterns that cannot be read."""
        if trigger.scheme != "file" and "://" not in trigger.target:
            raise BadTrigger(f"{trigger.target!r} is no URL.", f"Write {trigger.scheme}://… with two slashes.")
        listing = _listing(trigger)
        matches(listing.pattern, "")
        if not listing.pattern or (isinstance(listing, LocalListing) and listing.names_a_folder()):
            remedy = "Name the files in it by a pattern, such as incoming/*.csv."
            raise BadTrigger(f"{trigger.target!r} is a folder.", remedy)
        if trigger.scheme in OBJECT_STORES and listing.base.endswith("://"):
            raise BadTrigger(
                f"{trigger.target!r} names no bucket.", f'Write "{trigger.scheme}://bucket/folder/*.csv"; no * in it.'
            )

    @classmethod
    def watches(cls, trigger: Trigger) -> str:
        """The absolute pattern, path or URL, of what `trigger` takes."""
        listing = _listing(trigger)
        base = escape(listing.base)
        return f"{base}{'' if base.endswith('/') else '/'}{listing.pattern}"

    def poll(self, position: Any, now: float) -> Poll:
        """The next page of new versions, oldest first; a new listing when the last one is used up."""
        state = position or {"looked": False, "page": 0}
        self._settle_last_page(committed=state == self._next)
        if not self._backlog:
            self._look_around(now, first=not state["looked"])
        page = [self._backlog.popleft() for _ in range(min(PAGE, len(self._backlog)))]
        events = [self._event(found, now, existing=not state["looked"]) for found in page]
        more = bool(self._backlog)
        self._offered = {found.path: found.version for found in page}
        self._next = {"looked": state["looked"] or not more, "page": state["page"] + bool(page)}
        return Poll(events=events, position=self._next, wake_at=self._wake_at, more=more)

    def past(self, asked: Asked, now: float) -> Iterator[Poll]:
        """All complete files that were modified in the span; those that settle soon are waited for. Needs a source of its
        own."""
        poll = self.poll(None, now)
        soon = [moment for moment in self._settling if moment <= now + _PATIENCE_S]
        if soon:
            now = max(soon)
            yield Poll(events=[], position=None, wake_at=now, more=True)
            poll = self.poll(None, now)
        while True:
            events = [new for new in poll.events if asked.span.holds(parse_time(new.data["modified"]))]
            yield Poll(events=events, position=None, more=poll.more)
            if not poll.more:
                return
            poll = self.poll(poll.position, now)

    def _settle_last_page(self, *, committed: bool) -> None:
        if committed:
            self._seen.update(self._offered)
        else:
            self._backlog.clear()
        self._offered = {}

    def _look_around(self, now: float, *, first: bool) -> None:
        """List, and queue what is new and complete. Sets when the next look is due."""
        started = time.perf_counter()
        there = list(self._listing.find(now))
        take_all = first and self._skip_existing
        new = [found for found in there if self._is_new(found)]
        due = {found.path: now if take_all else self._due(found, now) for found in new}
        ready = [found for found in new if due[found.path] <= now and (take_all or not self._lacks(found))]
        self._backlog.extend(sorted(ready, key=lambda found: (_arrived(found, now), found.path)))
        self._forget_all_but({found.path for found in there})
        self._listing_s = time.perf_counter() - started
        self._settling = [moment for moment in due.values() if moment > now]
        self._wake_at = min([*self._settling, now + max(self._poll_s, _IDLE_SHARE * self._listing_s)])

    def _is_new(self, found: Found) -> bool:
        seen = self._seen.get(found.path)
        if seen == found.version or (seen is not None and self._on_overwrite == "ignore"):
            return False
        return not skipped(found.name, found.size, pattern=self._listing.pattern)

    def _due(self, found: Found, now: float) -> float:
        if found.atomic:
            return now
        return settled_at(modified=found.modified, changed=found.changed, settle_s=self._settle_s, now=now)

    def _lacks(self, found: Found) -> str:
        """What the end of the file lacks; read once per version."""
        if found.atomic:
            return ""
        version, says = self._lacking.get(found.path, ("", ""))
        if version != found.version:
            try:
                with self._listing.open(found) as file:
                    says = unfinished(found.name, file)
            except OSError:
                says = ""  # the handler meets the same error, and says it aloud
            self._lacking[found.path] = (found.version, says)
        return says

    def _forget_all_but(self, paths: set[str]) -> None:
        self._seen = {path: version for path, version in self._seen.items() if path in paths}
        self._lacking = {path: known for path, known in self._lacking.items() if path in paths}

    def _event(self, found: Found, now: float, *, existing: bool) -> NewEvent:
        return NewEvent(
            key=self._key(found),
            type="file.modified" if found.path in self._seen else "file.created",
            source=self._listing.base,
            time=_arrived(found, now),
            data=_data(found),
            skip="existing" if existing and self._skip_existing else "",
        )

    def _key(self, found: Found) -> str:
        return file_key(found.path, found.version, on_overwrite=self._on_overwrite)

    def listen(self, hint: Callable[[], None]) -> Callable[[], None] | None:
        """Notifications of the operating system for local folders; nothing elsewhere."""
        return self._listing.listen(hint, lambda: _IDLE_SHARE * self._listing_s)

    def survey(self, now: float) -> Sequence[str]:
        """The keys of all complete files."""
        there = self._listing.find(now)
        return [self._key(found) for found in there if not self._verdict(found, now)]

    def look(self, subject: str, now: float) -> Look:
        """What stands between a path and its event, if anything."""
        name = self._listing.name_of(subject)
        if name is None or not matches(self._listing.pattern, name):
            return Look(key="", verdict=f"{subject} does not match {self._target}.", takes=False)
        path = self._listing.path_of(name)
        found = self._listing.one(name, now)
        if found is None:
            return Look(key="", verdict=f"{subject} does not exist.", takes=False, path=path)
        key, against = self._key(found), self._verdict(found, now)
        if against:
            return Look(key=key, verdict=f"{subject} {against.rstrip('.')}.", takes=False, path=path)
        said = "was admitted" if self._seen.get(found.path) == found.version else "is taken at the next look"
        return Look(key=key, verdict=f"{subject} {said} as {key}.", takes=True, path=path)

    def _verdict(self, found: Found, now: float) -> str:
        why = skipped(found.name, found.size, pattern=self._listing.pattern)
        if why:
            return f"is skipped: {why}"
        due = self._due(found, now)
        if due > now:
            return f"waits to settle until {iso(due)}"
        lacks = self._lacks(found)
        return f"is not complete: {lacks}" if lacks else ""


def _listing(trigger: Trigger) -> Listing:
    if trigger.scheme == "file":
        return LocalListing(trigger.folder, trigger.target)
    return RemoteListing(trigger.target)


def _arrived(found: Found, now: float) -> float:
    return settled_at(modified=found.modified, changed=found.changed, settle_s=0.0, now=now)


def _data(found: Found) -> dict[str, Any]:
    name = PurePosixPath(found.name)
    return {
        "path": found.path,
        "name": name.name,
        "stem": name.stem,
        "suffix": name.suffix,
        "size": found.size,
        "version": found.version,
        "modified": iso(found.modified),
    }
