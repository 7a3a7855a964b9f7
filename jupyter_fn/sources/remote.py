"""Files on any filesystem that fsspec knows. The instance is our own and caches no listing, or nothing new is ever seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from ..model.errors import SourceUnreachable
from ..model.units import parse_time
from ..policy.discovery import hidden_folder, matches, static_prefix
from .listing import Found

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs"})
HASHED_BYTES = 64 << 20  # where size and time are all there is, a hash up to this size makes the version strong
COARSE_CLOCK_S = 120.0  # FTP listings tell minutes: a file younger than this is hashed again at every look
_STRONG = ("VersionId", "generation", "ETag", "etag")
_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")


class RemoteListing:
    """Files below a URL's static part that fit its wildcards. Connects on first use."""

    def __init__(self, target: str) -> None:
        self._scheme, _, path = target.partition("://")
        head = static_prefix(path)
        self.base = f"{self._scheme}://{head}"
        self.pattern = path[len(head) :].lstrip("/")
        self._levels = None if "**" in self.pattern else self.pattern.split("/")[:-1]
        self._opened: tuple[Any, str] | None = None
        self._weak: dict[str, tuple[str, float, str]] = {}  # name → (state, since when, version)

    def find(self, now: float) -> Iterator[Found]:
        """Every file that fits."""
        there = {name: info for name, info in self._infos() if matches(self.pattern, name)}
        self._weak = {name: known for name, known in self._weak.items() if name in there}
        for name, info in there.items():
            if found := self._found(name, info, now):
                yield found

    def _infos(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        waiting = [("", 0)]
        while waiting:
            inside, level = waiting.pop()
            for info in self._entries(inside):
                name = self._name(info)
                if info["type"] == "directory":
                    if name and self._enters(name.rpartition("/")[2], level):
                        waiting.append((f"{name}/", level + 1))
                elif name:
                    yield name, info

    def _entries(self, inside: str) -> list[Mapping[str, Any]]:
        try:
            filesystem, root = self._filesystem()
            listed = filesystem.ls(f"{root}/{inside}".rstrip("/"), detail=True)
        except FileNotFoundError as error:
            if "bucket does not exist" in str(error):
                raise self._unreachable(error) from None
            return []
        except Exception as error:
            raise self._unreachable(error) from error
        return cast("list[Mapping[str, Any]]", listed)

    def _name(self, info: Mapping[str, Any]) -> str:
        _, root = self._filesystem()
        return str(info["name"]).strip("/").removeprefix(root.strip("/")).strip("/")

    def _enters(self, name: str, level: int) -> bool:
        if self._levels is None:
            return not hidden_folder(name, self.pattern)
        return level < len(self._levels) and matches(self._levels[level], name)

    def one(self, name: str, now: float) -> Found | None:
        """The file of that name."""
        filesystem, root = self._filesystem()
        try:
            info = filesystem.info(f"{root}/{name}")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._unreachable(error) from error
        return self._found(name, info, now) if info["type"] == "file" else None

    def _found(self, name: str, info: Mapping[str, Any], now: float) -> Found | None:
        modified = next((_moment(info[key]) for key in _MODIFIED if info.get(key)), now)
        size = int(info["size"] or 0)
        try:
            version, changed = self._version(name, info, modified, size, now)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._unreachable(error) from error
        return Found(
            path=self.path_of(name),
            name=name,
            size=size,
            modified=modified,
            changed=changed,
            version=version,
            atomic=self._scheme in OBJECT_STORES or self._scheme == "memory",
        )

    def _version(self, name: str, info: Mapping[str, Any], modified: float, size: int, now: float) -> tuple[str, float]:
        """The version, and since when it is this one."""
        strong = next((f"{info[key]}".strip('"') for key in _STRONG if info.get(key)), "")
        if strong:
            return f"{strong}-{size:x}", modified
        if self._scheme == "memory":
            return self._hash(info), modified
        state = f"{size:x}-{modified:.6f}"
        known, since, version = self._weak.get(name, ("", now, ""))
        if known == state and now - modified > COARSE_CLOCK_S:
            return version, since
        latest = f"{state}-{self._hash(info)}" if size <= HASHED_BYTES else state
        self._weak[name] = (state, since if latest == version else now, latest)
        return latest, self._weak[name][1]

    def _hash(self, info: Mapping[str, Any]) -> str:
        filesystem, _ = self._filesystem()
        return hashlib.sha256(filesystem.cat_file(info["name"])).hexdigest()[:32]

    def path_of(self, name: str) -> str:
        """The full URL."""
        return f"{self.base}{'' if self.base.endswith('/') else '/'}{name}"

    def name_of(self, subject: str) -> str | None:
        """The full URL, or what stands below the base."""
        if "://" not in subject:
            return subject
        start = self.path_of("")
        return subject[len(start) :] if subject.startswith(start) else None

    def open(self, found: Found) -> BinaryIO:
        """A remote file; only the ranges that are read travel."""
        filesystem, root = self._filesystem()
        return cast(BinaryIO, filesystem.open(f"{root}/{found.name}", "rb"))

    def listen(self, hint: Callable[[], None], rest_s: Callable[[], float]) -> Callable[[], None] | None:
        """No filesystem but the local one tells of itself."""
        return None

    def _filesystem(self) -> tuple[Any, str]:
        if self._opened is None:
            from fsspec.core import url_to_fs

            try:
                filesystem, root = url_to_fs(self.base, use_listings_cache=False, skip_instance_cache=True)
            except Exception as error:
                raise self._unreachable(error) from error
            self._opened = filesystem, str(root).rstrip("/")
        return self._opened

    def _unreachable(self, error: Exception) -> SourceUnreachable:
        detail = " ".join(str(error).split()) or "no reason given"
        return SourceUnreachable(
            f"{self.base} cannot be listed: {type(error).__name__}: {detail}",
            "Check the address and the credentials in the service's environment; it is tried again.",
        )


def _moment(value: Any) -> float:
    """What filesystems call a time: a datetime, seconds, or ISO text."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return parse_time(value)
