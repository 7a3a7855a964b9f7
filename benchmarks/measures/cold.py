"""A cold environment: what the first run of a version that imports pandas takes longer than the next one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from ..figure import Figure, rounded
from ..service import NOOP, Service, clock, count, running

IMPORTS = "import pandas as pd\ndef handler(event):\n    return [{number}, pd.__version__]\n"
READS = "import pandas as pd\ndef handler(event):\n    return [{number}, len(pd.read_parquet({path!r}))]\n"
_PARQUET = "import pandas; pandas.DataFrame({{'n': range(1000), 'name': 'x'}}).to_parquet({path!r})"
_ROWS = "import pandas; pandas.read_parquet({path!r})"


@dataclass(frozen=True)
class Times:
    """Milliseconds of each round."""

    first: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    init: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)

    @property
    def cold(self) -> float:
        """What the first run takes longer than the next."""
        return rounded(median(first - again for first, again in zip(self.first, self.warm, strict=True)))

    @property
    def detail(self) -> dict[str, float]:
        """What it is made of."""
        parts = {"first run, ms": self.first, "next run, ms": self.warm, "Init Duration, ms": self.init}
        return {name: rounded(median(values)) for name, values in parts.items()}


def measure(size: float) -> list[Figure]:
    """Every round publishes versions that no environment has loaded yet, on a worker that is there."""
    imports, reads = Times(), Times()
    with running(max_workers=1, idle_timeout_s=600) as service:
        service.publish("noop", NOOP)
        service.invoke("noop")  # brings a worker and its zygote
        path = str(Path(service.home.parent) / "table.parquet")
        subprocess.run([sys.executable, "-c", _PARQUET.format(path=path)], check=True)
        for number in range(count(20, size)):
            _round(service, imports, IMPORTS.format(number=number), "import pandas")
            _round(service, reads, READS.format(number=number, path=path), _ROWS.format(path=path))
    return [_of_imports(imports), *_of_reads(reads)]


def _round(service: Service, times: Times, source: str, program: str) -> None:
    service.publish("framed", source)
    with clock(times.first):
        run = service.invoke("framed")
    assert run["cold"], run
    times.init.append(run["init_ms"])
    with clock(times.warm):
        service.invoke("framed")
    with clock(times.fresh):
        subprocess.run([sys.executable, "-c", program], check=True)


def _of_imports(times: Times) -> Figure:
    return Figure(
        name="cold environment",
        what="what the first run of a version that imports pandas takes longer than the next one",
        unit="ms",
        ours=times.cold,
        floor=rounded(median(times.fresh)),
        beside='a fresh python -c "import pandas"',
        of="ours",
        aim="<= 30",
        detail=times.detail,
    )


def _of_reads(times: Times) -> list[Figure]:
    common = {
        "what": "the same where the handler reads a Parquet file, too",
        "unit": "ms",
        "ours": times.cold,
        "floor": rounded(median(times.fresh)),
        "beside": 'a fresh python -c "import pandas; pandas.read_parquet(…)"',
        "detail": times.detail,
    }
    return [
        Figure(name="cold environment, Parquet", of="ours", aim="<= 60", **common),
        Figure(name="cold environment, Parquet, over a process", aim="<= 0.2", **common),
    ]
