"""Identifiers. Randomness comes from the operating system; everything derived is a pure function."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from typing import Any

_CHILDREN = uuid.UUID("6c1c6f4e-3f0a-4d0e-9c57-2b1de5a3c7f1")  # a namespace as RFC 9562 has it, of no other meaning


def new_id() -> str:
    """A fresh id in the shape of AWS's request ids: a UUID 7 (RFC 9562), which begins with the time in milliseconds. Ids
    that were made together lie together in every index, where random ones would touch a page each."""
    high = f"{time.time_ns() // 1_000_000:012x}"
    return f"{high[:8]}-{high[8:]}-{_random_part()}"


def _random_part() -> str:
    """The version, the variant and 74 bits of the operating system's randomness, fetched for many ids at once: a call to it
    costs more than an id."""
    try:
        return _store.pop()
    except IndexError:
        fresh = os.urandom(10 * _AT_ONCE).hex()
        some = (fresh[at : at + 19] for at in range(0, len(fresh), 20))
        _store.extend(f"7{one[:3]}-{_VARIANT[one[3]]}{one[4:7]}-{one[7:]}" for one in some)
        return _store.pop()


_AT_ONCE = 256
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_store: list[str] = []
os.register_at_fork(after_in_child=_store.clear)  # a child must not give out the ids of its parent


def child_id(parent: str, number: int) -> str:
    """The id of the `number`-th child of a run, in the shape of `new_id`. The same child always has the same id."""
    return str(uuid.uuid5(_CHILDREN, f"{parent}/{number}"))


def delivery_id(run_id: str, target: str) -> str:
    """The id of what a run has for that target, in the shape of `new_id`. The same delivery always has the same id."""
    return str(uuid.uuid5(_CHILDREN, f"{run_id}>{target}"))


def digest(data: bytes) -> str:
    """SHA-256 in hex; the name under which payloads are stored."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Digest of a JSON value in canonical form (sorted keys, no spaces, UTF-8)."""
    return digest(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def trigger_id(function: str, uri: str) -> str:
    """Stable id of a trigger: the same function and text give the same id, so its position survives republishing."""
    return f"{function}-{digest(f'{function}|{uri}'.encode())[:8]}"
