"""Bundles on their way to workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..model.errors import FnError, LoadFailed

LoadBundle = Callable[[str], bytes]  # payload digest → payload; may block


async def fetch(load_bundle: LoadBundle, digest: str) -> tuple[bytes, dict[str, Any] | None]:
    """The payload, or nothing and the error that the runs which need it end with."""
    try:
        return await asyncio.to_thread(load_bundle, digest), None
    except Exception as error:  # whatever the payloads' filesystem raises
        cause = error.cause if isinstance(error, FnError) else f"{type(error).__name__}: {error}"
        failed = LoadFailed(f"The function's bundle {digest[:12]} cannot be read. {cause}", "Publish it again.")
        return b"", failed.to_dict()
