"""The run itself: load, kills, an end, and what is to be said of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psutil

from .clients import Clients
from .handlers import NAMES
from .house import LEASE_S, House, until
from .proof import Proof, journal
from .victims import HOLDERS, KINDS, family, victims

_PAUSES_S = (0.05, 0.3, 1.0)
_GONE_WITHIN_S = 1.0
_CHANCES = {"service": 3, "worker": 3, "nanny": 2, "zygote": 2, "environment": 4}


@dataclass(frozen=True, slots=True)
class Kill:
    """One of them."""

    kind: str
    at: float  # epoch seconds
    pids: frozenset[int]  # of the victim and of all that must die with it


@dataclass(slots=True)
class Report:
    """What came of it."""

    kills: list[Kill] = field(default_factory=list)
    events: int = 0
    runs: int = 0
    lost_attempts: int = 0
    reruns_s: list[float] = field(default_factory=list)  # from a worker's death to the next start of a run it held
    cancels_s: list[float] = field(default_factory=list)  # from the request to the end of the process
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        by_kind = Counter(kill.kind for kill in self.kills)
        lines = [
            f"{len(self.kills)} kills: {', '.join(f'{by_kind[kind]} {kind}' for kind in KINDS if by_kind[kind])}",
            f"{self.events} events, {self.runs} runs, {self.lost_attempts} attempts lost",
            f"worker dead → run started again: {_spread(self.reruns_s)} (at most {LEASE_S + 1:.1f} s)",
            f"cancel → process gone: {_spread(self.cancels_s)} (at most {_GONE_WITHIN_S:.1f} s)",
            f"{len(self.faults)} faults: 0 lost, 0 accepted twice" if not self.faults else f"{len(self.faults)} FAULTS",
            *self.faults[:20],
            f"{self.seconds:.0f} s",
        ]
        return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none seen"
    ordered = sorted(seconds)
    return f"{len(ordered)} times, {ordered[len(ordered) // 2]:.2f} s in the middle, {ordered[-1]:.2f} s at most"


def run_kills(
    kills: int,
    *,
    store: str = "",
    cluster: str = "local",
    seed: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> Report:
    """`kills` times `kill -9` under load, then the proof. `store`: a URL; empty = SQLite in the home."""
    chance, report, started = Random(seed), Report(), time.monotonic()
    with House(store=store, cluster=cluster) as house:
        with Clients(house) as clients:
            until(lambda: len(journal(house)) > 20, "the work to begin")
            for number in range(kills):
                report.kills.append(_kill_one(house, chance))
                say(f"{number + 1}: {report.kills[-1].kind}")
                time.sleep(chance.choice(_PAUSES_S) * (0.5 + chance.random()))
            report.cancels_s = [_cancel_one(house) for _ in range(min(5, kills))]
        report.faults += [repr(error) for error in clients.broken]
        until(lambda: _is_quiet(house), "all runs to end")
        report.faults += _unbalanced(house)
        house.stop()
        proof = Proof(house, clients)
        report.events, report.runs, report.lost_attempts = len(proof.events), len(proof.runs), len(proof.lost)
        report.reruns_s = _reruns_s(report.kills, proof)
        report.faults += [*proof.faults(), *_too_late(report)]
    report.seconds = time.monotonic() - started
    return report


# --- kills


def _kill_one(house: House, chance: Random) -> Kill:
    def find() -> Kill | None:
        kind = chance.choices(KINDS, [_CHANCES[kind] for kind in KINDS])[0]
        there = victims(house, kind)
        busy = _busy(house, there) if kind in HOLDERS else []
        return _kill(kind, chance.choice(busy or there)) if there else None

    kill = until(find, "somebody to kill")
    if kill.kind == "service":
        assert house.service is not None
        house.service.wait()
        time.sleep(chance.choice((0.0, 0.0, 0.5)))
        house.start()
    if kill.kind == "nanny":
        house.mend()
    return kill


def _busy(house: House, there: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those below which user code runs, as far as the journal says: its last word of a process is a start."""
    last = {line.pid: line.what for line in journal(house)}
    return [one for one in there if any(last.get(pid) == "start" for pid in family(one))]


def _kill(kind: str, victim: psutil.Process) -> Kill | None:
    pids = family(victim)
    try:
        victim.kill()
    except psutil.NoSuchProcess:
        return None
    return Kill(kind, time.time(), frozenset(pids))


def _cancel_one(house: House) -> float:
    """How long the process of a run outlives the request to cancel it."""
    run_id = house.insist("POST", "functions/sleeper/invoke", {"event": {}, "wait_s": 0.0})["id"]
    line = until(lambda: next((one for one in journal(house) if one.run_id == run_id), None), "the sleeper to sleep")
    started = time.monotonic()
    house.insist("POST", f"runs/{run_id}/cancel")
    until(lambda: not _alive(line.pid), "the sleeper to die")
    return time.monotonic() - started


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- the end


def _is_quiet(house: House) -> bool:
    status = house.ask("GET", "status")
    if status["queued"] or status["running"]:
        return False
    states: list[dict[str, Any]] = [house.ask("GET", f"functions/{name}/audit") for name in NAMES]
    return not any(audit["pending"] for audit in states)


def _unbalanced(house: House) -> list[str]:
    audits = {name: house.ask("GET", f"functions/{name}/audit") for name in NAMES}
    return [f"the audit of {name} does not balance: {audit}" for name, audit in audits.items() if not audit["balanced"]]


def _reruns_s(kills: Sequence[Kill], proof: Proof) -> list[float]:
    """Of attempts that were lost with their worker: the time until user code of their run began again. Where the service
    was killed meanwhile, nobody counts."""
    starts = [line for line in proof.lines if line.what == "start"]
    killed = [kill for kill in kills if kill.kind in HOLDERS]
    down = [kill.at for kill in kills if kill.kind == "service"]
    delays = []
    for line in starts:
        kill = next((one for one in killed if line.pid in one.pids and line.at <= one.at), None)
        again = min((one.at for one in starts if one.run_id == line.run_id and one.token > line.token), default=None)
        if kill and again and (line.run_id, line.token) in proof.lost and not any(line.at < at < again for at in down):
            delays.append(again - kill.at)
    return delays


def _too_late(report: Report) -> list[str]:
    late = [f"{delay:.2f} s from a worker's death to the rerun" for delay in report.reruns_s if delay > LEASE_S + 1]
    return late + [f"{gone:.2f} s from cancel to the end" for gone in report.cancels_s if gone > _GONE_WITHIN_S]
