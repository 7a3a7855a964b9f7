"""What warm environments cost while they wait: each has its handler loaded, and shares what the zygote has imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psutil

from ..figure import Figure, rounded
from ..memory import pss_mb
from ..pool import house
from ..service import count

SOURCE = """
import pandas as pd

def handler(event):
    return int(pd.DataFrame({"n": range(1000)})["n"].sum())
"""
PROGRAM = f"{SOURCE}\nhandler(None)\nprint(flush=True)\ninput()"


def measure(size: float) -> list[Figure]:
    """Each environment is of a version of its own and has run once."""
    number = count(30, size)
    each, zygote = asyncio.run(_ours(number))
    return [
        Figure(
            name="memory of a warm environment",
            what=f"PSS of each of {number} warm environments that have imported pandas and made a frame",
            unit="MB",
            ours=rounded(each),
            floor=rounded(_fresh()),
            beside="a fresh Python that has done the same",
            of="ours",
            aim="<= 10",
            detail={"zygote, MB": rounded(zygote)},
        )
    ]


async def _ours(number: int) -> tuple[float, float]:
    async with house(SOURCE, slots=1, most_idle=number) as environments:
        for version in range(1, number + 1):
            await environments.run(environments.terms(version))
        living = environments.environments()
        assert len(living) == number, living
        return pss_mb(living) / number, pss_mb([psutil.Process(environments.pool.zygote)])


def _fresh() -> float:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], **pipes) as child:
        child.stdout.readline()
        held = pss_mb([psutil.Process(child.pid)])
        child.communicate(b"\n")
    return held
