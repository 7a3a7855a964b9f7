"""A destination of records: one text that names a function, a topic, a folder of any filesystem, or a webhook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from .errors import BadValue, nearest
from .function import check_name

FILE_SCHEMES = ("file", "memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "sftp", "ftp")
_WEB_SCHEMES = ("http", "https")
_STREAM_SCHEMES = frozenset({"kafka", "redis", "nats", "mqtt", "amqp", "sqs", "kinesis", "postgres", "tail"})
_SCHEMES = ("fn", "topic", *_WEB_SCHEMES, *FILE_SCHEMES)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_BARE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = ("run", "function", "date")


class Kind(StrEnum):
    """What a target is."""

    FUNCTION = "fn"
    TOPIC = "topic"
    FILE = "file"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Target:
    """A target text taken apart. `address` is the name of a function or topic, a URL, or the pattern of a file's path."""

    kind: Kind
    address: str
    scheme: str


def parse_target(text: str) -> Target:
    """Take a target text apart.

    `NAME` and `fn:NAME` are functions, `topic:NAME` a topic, `http://…` and `https://…` webhooks. All else is a path or
    URL: of a folder, in which each record becomes the file `{function}-{run}.json`, or a pattern with `{run}` in it.

    Raises:
        BadValue: empty, an unknown scheme (the nearest is named), or a path that would be one file for all records.
    """
    text = text.strip()
    if not text:
        raise BadValue("The target is empty.", "Write a function, topic:NAME, a folder such as failures/, or a URL.")
    if _BARE_NAME.match(text):
        return Target(Kind.FUNCTION, check_name(text), "fn")
    found = _SCHEME.match(text)
    if found is None:
        return _file(text, "file")
    scheme = found[1].lower()
    if scheme not in _SCHEMES:
        raise _unknown(scheme, text)
    return _of_scheme(scheme, text)


def _of_scheme(scheme: str, text: str) -> Target:
    rest = text.partition(":")[2]
    if scheme == "fn":
        return Target(Kind.FUNCTION, check_name(rest), scheme)
    if scheme == "topic":
        return Target(Kind.TOPIC, check_name(rest, "topic"), scheme)
    address = rest.removeprefix("//")
    if not rest.startswith("//") or not address.strip("/"):
        raise BadValue(f"{text!r} is no whole URL.", f"Write it as in {scheme}://{_example(scheme)}.")
    return Target(Kind.WEBHOOK, text, scheme) if scheme in _WEB_SCHEMES else _file(text, scheme)


def _example(scheme: str) -> str:
    return "example.org/hook" if scheme in _WEB_SCHEMES else "bucket/failures/"


def _unknown(scheme: str, text: str) -> BadValue:
    known = f"Known: a function's name, topic:NAME, a folder, {', '.join(f'{one}://' for one in _SCHEMES[2:])}."
    if scheme in _STREAM_SCHEMES:
        return BadValue(f"{scheme}: of the target {text!r} is not known as a destination yet.", known)
    near = nearest(scheme, list(_SCHEMES))
    return BadValue(
        f"{scheme!r} of the target {text!r} is no known scheme.", f"{near} {known}" if near[:3] == "Did" else known
    )


def _file(text: str, scheme: str) -> Target:
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS]
    if unknown:
        raise BadValue(f"{{{unknown[0]}}} in the target {text!r} is not known.", nearest(unknown[0], [*PLACEHOLDERS]))
    if "{run}" in text:
        return Target(Kind.FILE, f"{text}.json" if text.endswith("}") else text, scheme)
    path = text.partition("://")[2].partition("/")[2] if "://" in text else text  # a bucket's dots are its own
    if "." in path.rpartition("/")[2].strip("."):
        raise BadValue(
            f"The target {text!r} is one file for all records.",
            "Name a folder, ending in /, or write {run} into the file's name.",
        )
    return Target(Kind.FILE, f"{text.rstrip('/')}/{{function}}-{{run}}.json", scheme)
