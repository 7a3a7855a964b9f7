"""Identifiers. Randomness comes from the operating system; everything derived is a pure function."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any


def new_id() -> str:
    """A fresh random id in the shape of AWS's request ids (UUID 4)."""
    return str(uuid.uuid4())


def digest(data: bytes) -> str:
    """SHA-256 in hex; the name under which payloads are stored."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Digest of a JSON value in canonical form (sorted keys, no spaces, UTF-8)."""
    return digest(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def trigger_id(function: str, uri: str) -> str:
    """Stable id of a trigger: the same function and text give the same id, so its position survives republishing."""
    return f"{function}-{digest(f'{function}|{uri}'.encode())[:8]}"
