"""What a warm environment adds to a call: handed in, run, measured, its outcome heard; no service, no cluster."""

from __future__ import annotations

import asyncio
import socket
from multiprocessing import get_context
from statistics import median

from ..figure import Figure, percentile, rounded
from ..pool import house
from ..service import clock, count

SOURCE = "def handler(event):\n    return sum(range(1000))\n"
_ROUND = 200


def measure(size: float) -> list[Figure]:
    """An environment, a direct call and a bare round trip to another process take turns."""
    ours, direct, bare = asyncio.run(_measure(count(10, size)))
    return [
        Figure(
            name="warm overhead",
            what="what a call in a warm environment takes longer than the same call in this process",
            unit="ms",
            ours=rounded(median(ours) - median(direct)),
            floor=rounded(median(bare)),
            beside="a byte to another process and back",
            of="ours",
            aim="<= 0.3",
            detail={
                "direct call, ms": rounded(median(direct)),
                "p99, ms": rounded(percentile(ours, 0.99) - median(direct)),
                "calls": len(ours),
            },
        )
    ]


async def _measure(rounds: int) -> tuple[list[float], list[float], list[float]]:
    ours: list[float] = []
    direct: list[float] = []
    bare: list[float] = []
    names: dict = {}
    exec(SOURCE, names)
    near, far = socket.socketpair()
    echo = get_context("fork").Process(target=_echo, args=(near, far), daemon=True)
    echo.start()
    far.close()
    async with house(SOURCE, slots=1) as environments:
        terms = environments.terms()
        for _ in range(rounds):
            for _ in range(_ROUND):
                with clock(ours):
                    await environments.run(terms)
            for _ in range(_ROUND):
                with clock(direct):
                    names["handler"]({})
                with clock(bare):
                    near.send(b"!")
                    near.recv(1)
    near.close()
    echo.join()
    return ours, direct, bare


def _echo(near: socket.socket, far: socket.socket) -> None:
    near.close()
    while said := far.recv(1):
        far.send(said)
