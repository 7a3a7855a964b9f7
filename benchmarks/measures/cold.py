"""A cold environment: what the first run of a version that imports pandas takes longer than the next one."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from ..figure import Figure, rounded
from ..service import NOOP, clock, count, running

SOURCE = "import pandas as pd\ndef handler(event):\n    return [{number}, pd.__version__]\n"


def measure(size: float) -> list[Figure]:
    """Every round publishes a version that no environment has loaded yet, on a worker that is there."""
    first: list[float] = []
    warm: list[float] = []
    init: list[float] = []
    fresh: list[float] = []
    with running(max_workers=1, idle_timeout_s=600) as service:
        service.publish("noop", NOOP)
        service.invoke("noop")  # brings a worker and its zygote
        for number in range(count(20, size)):
            service.publish("framed", SOURCE.format(number=number))
            with clock(first):
                run = service.invoke("framed")
            assert run["cold"], run
            init.append(run["init_ms"])
            with clock(warm):
                service.invoke("framed")
            with clock(fresh):
                subprocess.run([sys.executable, "-c", "import pandas"], check=True)
    return [
        Figure(
            name="cold environment",
            what="what the first run of a version that imports pandas takes longer than the next one",
            unit="ms",
            ours=rounded(median(cold - again for cold, again in zip(first, warm, strict=True))),
            floor=rounded(median(fresh)),
            beside='a fresh python -c "import pandas"',
            of="ours",
            aim="<= 30",
            detail={
                "first run, ms": rounded(median(first)),
                "next run, ms": rounded(median(warm)),
                "Init Duration, ms": rounded(median(init)),
            },
        )
    ]
