"""Which service leads which functions, where several have one store open.

Functions are spread over partitions by their name, and each partition is led by one service at a time: it alone follows
their triggers and begins their runs. How many partitions a service is to lead, everybody works out for himself, and all
come to the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

PARTITIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a service is to do about partitions."""

    take: tuple[int, ...] = ()
    give: tuple[int, ...] = ()


@lru_cache(maxsize=4096)
def partition_of(function: str) -> int:
    """The partition of a function: the same for everybody, for ever."""
    return sha256(function.encode()).digest()[0] % PARTITIONS


def quota(service: str, services: Collection[str]) -> int:
    """How many partitions a service is to lead, itself being one of `services`: all have as many, or one more."""
    each, more = divmod(PARTITIONS, len(services))
    return each + (sorted(services).index(service) < more)


def fair_share(owners: Mapping[int, str], services: Collection[str], service: str) -> Share:
    """What `service` is to take and to give up, when `owners` of the leases that hold are those, and `services` live.

    It takes only what nobody of them leads, and gives up only what it leads, so a partition never has two owners.
    """
    living = {*services, service}
    wanted = quota(service, living)
    own = sorted(partition for partition, owner in owners.items() if owner == service)
    free = [partition for partition in range(PARTITIONS) if owners.get(partition) not in living]
    return Share(take=tuple(free[: max(0, wanted - len(own))]), give=tuple(own[wanted:]))
