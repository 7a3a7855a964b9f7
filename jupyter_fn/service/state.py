"""The running service: the engine, and where it answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from ..engine.engine import Engine
from ..model.units import iso
from ..settings import Settings


@dataclass(slots=True)
class Running:
    """One service of one home. `stop` asks it to end."""

    engine: Engine
    settings: Settings
    token: str = field(repr=False)
    started: float
    url: str = ""
    stop: Callable[[], None] = lambda: None

    async def status(self) -> dict[str, Any]:
        """The answer of `GET /status`."""
        return {
            "version": version("jupyter-fn"),
            "pid": os.getpid(),
            "url": self.url,
            "home": str(self.settings.home),
            "started": iso(self.started),
            "store": self.engine.database.place,
            "services": await self.engine.leadership.services(),
            "cluster": self.settings.cluster,
            "workers": self.engine.workers(),
            **await self.engine.questions.counts(),
        }
