"""One frozen `Settings`: defaults < `home/settings.toml` < environment `JUPYTER_FN_*` < arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from .model.errors import BadValue


def default_home() -> Path:
    """`$JUPYTER_FN_HOME`, else `jupyter_data_dir()/fn`."""
    named = os.environ.get("JUPYTER_FN_HOME")
    if named:
        return Path(named).expanduser().absolute()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "fn"


class Settings(BaseSettings):
    """Everything that can be set about a service. Durations in seconds, sizes as their names say."""

    model_config = SettingsConfigDict(env_prefix="JUPYTER_FN_", frozen=True, extra="forbid")

    home: Path
    host: str = "127.0.0.1"
    port: int = 0  # 0 = any free one
    cluster: str = "local"  # local | tcp://… | pkg.Class key=value …
    max_workers: int = 0  # local cluster; 0 = one per core, at least 2
    slots_per_worker: int = 4
    max_processes: int = Field(512, ge=0)  # of one run at once; 0 = any number
    scratch_mb: int = Field(10_240, ge=0)  # of one run, on its worker's disk; 0 = any amount
    log_mb: int = Field(256, ge=0)  # printed by one run; 0 = any amount
    environment_start: Literal["fork", "spawn"] = "fork"  # spawn: a fresh process each time
    cgroup: str = "auto"  # where environments get cgroups: auto, off, or a folder of version 2
    idle_timeout_s: float = 60.0  # a worker without work is retired after this
    target_latency_s: float = 1.0  # how long the backlog may take; decides how many workers are wanted
    service_beat_s: float = 1.0  # with a store that services share: how often one says that it lives
    service_lease_s: float = 5.0  # and after which silence others take over what it leads
    beat_s: float = 5.0
    lease_s: float = 15.0
    store: str = Field(default="", repr=False)  # postgresql://user@host:port/database; empty = SQLite at home/store.db
    synchronous: str = "full"  # full survives power loss, normal survives only the death of processes
    prices: str = "aws-lambda-x86"  # a price book's name, or the path of a TOML file
    inline_bytes: int = 262_144  # values above this are stored as payloads
    payloads: str = ""  # fsspec URL of the payload folder; empty = home/payloads, with PostgreSQL the database
    poll_s: float = 5.0  # local folders are listed at least this often, hints or not
    remote_poll_s: float = 1.0  # other filesystems
    breaker_runs: int = 20  # of the last so many runs that triggers made …
    breaker_share: float = Field(0.5, gt=0.0, le=1.0)  # … this part failed: the triggers rest; 0 runs = never
    breaker_pause_s: float = 30.0  # for so long at first

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file of that home."""
        home = Path(str(init_settings().get("home") or default_home()))
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home / "settings.toml"))


def load_settings(home: Path | str | None = None, **arguments: Any) -> Settings:
    """The settings of a home; arguments that are None are left to the lower layers.

    Raises:
        BadValue: a value that does not fit, or a key that does not exist.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    try:
        return Settings(home=Path(home).expanduser().absolute() if home else default_home(), **given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadValue(
            f"Setting {where!r}: {first['msg']}.", f"Settings are: {', '.join(Settings.model_fields)}."
        ) from None
