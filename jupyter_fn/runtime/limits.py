"""What a worker lets one environment use, beside the time and the memory that its version names."""

from __future__ import annotations

from dataclasses import dataclass

KERNEL_SLACK_MB = (
    256  # beyond the memory limit before the kernel steps in: the watch knows what to say, and comes first
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """0 is no limit."""

    processes: int = 512  # at once, the environment's own included
    scratch_mb: int = 10_240  # on disk in its working room: `context.scratch` and whatever else is written there
    log_mb: int = 256  # printed by one run


USUAL = Limits()
