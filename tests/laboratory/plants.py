"""Bugs that are planted into the product at run time. A laboratory that does not find them is worth nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any
from unittest import mock

from jupyter_fn.engine import alarms, clockwatch, dispatcher, hands, outbox, poller, replays, transitions
from jupyter_fn.model.run import State
from jupyter_fn.policy import lifecycle, splitting, verdict
from jupyter_fn.policy.instructions import PublishFiles
from jupyter_fn.policy.stimuli import CancelRequested, Ended, Lost, Published, Recovered
from jupyter_fn.runtime import outputs
from jupyter_fn.store import batches, events, queue, runs, triggers

Patch = Any  # a context manager of unittest.mock


def _fence() -> list[Patch]:
    """The store makes every transition, whatever state and token the run has by now."""

    def current(conn: Any, ids: Any, known: Any, where: Any) -> Any:
        return {**runs.get_all(conn, [i for i in ids if i not in known]), **{i: known[i] for i in ids if i in known}}

    return [mock.patch.object(runs, "apply", _unfenced), mock.patch.object(runs, "current", current)]


def _token() -> list[Patch]:
    """An outcome counts, of whatever attempt it is."""
    end = lifecycle._end

    def any_end(run: Any, stimulus: Ended, now: float, rules: Any) -> Any:
        return end(run, Ended(replace(stimulus.outcome, token=run.token)), now, rules)

    held = dict.fromkeys([(state, Ended) for state in lifecycle._HELD_BY_WORKER], any_end)
    return [mock.patch.dict(lifecycle._TABLE, held)]


def _transaction() -> list[Patch]:
    """The position of a source is committed before its events."""

    admit = poller.Poller.admit

    async def in_two(self: poller.Poller, trigger: Any, poll: Any) -> None:
        position = partial(triggers.set_position, trigger_id=trigger.id, position=poll.position)
        await asyncio.wrap_future(self._database.submit(position))
        await admit(self, trigger, poll)

    return [mock.patch.object(poller.Poller, "admit", in_two)]


def _recovery() -> list[Patch]:
    """A new service does not look after what the one before it has held."""
    return [mock.patch.dict(lifecycle._TABLE, {(state, Recovered): _idle for state in lifecycle._HELD_BY_WORKER})]


def _idle(run: Any, *_: Any) -> Any:
    return run, ()


def _publishing() -> list[Patch]:
    """What was being put in place when the service died is not put in place by the next one."""
    return [mock.patch.dict(lifecycle._TABLE, {(State.PUBLISHING, Recovered): _idle})]


def _key() -> list[Patch]:
    """A run_key is forgotten."""
    invoke = events.invoke

    def forgetful(conn: Any, function: str, data: Any, *, make_run: Any, now: float, run_key: str = "") -> Any:
        return invoke(conn, function, data, make_run=make_run, now=now)

    return [mock.patch.object(events, "invoke", forgetful)]


def _limit() -> list[Patch]:
    """Runs whose files are being put in place do not count."""
    held = "SELECT function, count(*) FROM runs WHERE state = 'running' GROUP BY function"
    return [mock.patch.object(queue, "held_counts", lambda conn: dict(map(tuple, conn.exec_driver_sql(held))))]


def _lost() -> list[Patch]:
    """Nobody is told that a worker is gone."""
    return [mock.patch.dict(lifecycle._TABLE, {(state, Lost): _idle for state in lifecycle._HELD_BY_WORKER})]


def _terminal() -> list[Patch]:
    """A run that has ended can still be cancelled."""
    ended = {(state, CancelRequested): lifecycle._cancel for state in (State.SUCCEEDED, State.DEAD)}
    return [mock.patch.dict(lifecycle._TABLE, ended), mock.patch.object(runs, "apply", _unfenced)]


def _unfenced(conn: Any, changes: Any, now: float, *, where: Any = None) -> list[bool]:
    places = runs.places(conn, [change.before.id for change in changes])
    runs._write(conn, [(places[change.before.id][0], change) for change in changes], now)
    return [True] * len(changes)


def _wake() -> list[Patch]:
    """A function that gets a place back does not use it."""
    return [mock.patch.object(hands.Hands, "carry_out", _carried_out(hands.Hands.carry_out))]


def _carried_out(carry_out: Callable[..., None]) -> Callable[..., None]:
    def deaf(self: hands.Hands, steps: Any) -> None:
        with mock.patch.object(self, "place_freed"):
            carry_out(self, steps)

    return deaf


def _emitted() -> list[Patch]:
    """Records are emitted when an attempt succeeds and again when its files are in place."""
    publish = lifecycle._publish

    def twice(run: Any, stimulus: Published, now: float, rules: Any) -> Any:
        after, instructions = publish(run, stimulus, now, rules)
        return after, (*instructions, *lifecycle._emit(run.emitted[:1] * 2))

    return [mock.patch.dict(lifecycle._TABLE, {(State.PUBLISHING, Published): twice})]


def _early() -> list[Patch]:
    """Files are put in place before their run has won."""
    op = transitions.transit

    def hasty(conn: Any, catalog: Any, stimuli: Any, now: float, *, known: Any) -> Any:
        steps = op(conn, catalog, stimuli, now, known=known)
        for step in steps:
            for instruction in step.instructions:
                if isinstance(instruction, PublishFiles):
                    outputs.publish(instruction.staged)
        return steps

    return [mock.patch.object(transitions, "transit", hasty)]


def _order() -> list[Patch]:
    """Whatever is queued may be claimed, whoever is before it in its lane."""
    claimable = queue.claimable

    def at_once(conn: Any, now: float, limit: int, **how: Any) -> Any:
        found = claimable(conn, now, limit, **how)
        query = "SELECT id FROM runs WHERE state = 'queued' AND rank != '' ORDER BY seq DESC LIMIT 4"
        more = runs.get_all(conn, [row[0] for row in conn.exec_driver_sql(query)])
        known = {run.id for run in found}
        return [*found, *(run for run in more.values() if run.id not in known)]

    return [mock.patch.object(queue, "claimable", at_once)]


def _effect() -> list[Patch]:
    """A run that was lost behind its effect is tried again."""

    def forgetful(transition: Any) -> Any:
        return lambda run, *rest: transition(run.replace(barrier=""), *rest)

    lost = {
        (state, what): forgetful(lifecycle._TABLE[state, what])
        for state in lifecycle._HELD_BY_WORKER
        for what in (Lost, Recovered)
    }
    return [mock.patch.dict(lifecycle._TABLE, lost)]


def _halves() -> list[Patch]:
    """Of a batch that is split one half is forgotten."""
    return [mock.patch.object(verdict, "halves", lambda run: splitting.halves(run)[:1])]


def _delivery() -> list[Patch]:
    """What is sent is crossed out first."""

    async def hasty(self: outbox.Outbox, delivery: Any) -> None:
        await self._note(delivery, None)
        await self._send(delivery)

    return [mock.patch.object(outbox.Outbox, "_deliver", hasty)]


def _batch() -> list[Patch]:
    """What an earlier service has gathered is forgotten."""
    return [mock.patch.object(batches, "gathering_triggers", return_value=[])]


def _replay() -> list[Patch]:
    """A replay that goes on begins anew."""
    numbers = count()
    return [mock.patch.object(replays, "child_id", lambda replay, seq: f"{replay}-{seq}-{next(numbers)}")]


def _clock() -> list[Patch]:
    """Nobody notices that the clock was set."""
    return [mock.patch.object(clockwatch, "_NOTICED_S", 1e9)]


def _yesterday() -> list[Patch]:
    """What waits for a time that was none goes on waiting."""
    return [mock.patch.object(alarms.Alarms, "clock_set_back", return_value=None)]


def _sleepy() -> list[Patch]:
    """The end of a run is no reason to begin another one."""
    return [mock.patch.object(dispatcher.Dispatcher, "place_freed", return_value=None)]


PLANTS: Mapping[str, Callable[[], list[Patch]]] = {
    "fence": _fence,
    "token": _token,
    "transaction": _transaction,
    "recovery": _recovery,
    "publishing": _publishing,
    "key": _key,
    "limit": _limit,
    "lost": _lost,
    "terminal": _terminal,
    "wake": _wake,
    "emitted": _emitted,
    "early": _early,
    "order": _order,
    "effect": _effect,
    "halves": _halves,
    "delivery": _delivery,
    "batch": _batch,
    "replay": _replay,
    "clock": _clock,
    "yesterday": _yesterday,
    "sleepy": _sleepy,
}


SHOWN_BY: Mapping[str, str] = {  # the scenario that shows it soonest
    **dict.fromkeys(("fence", "token", "recovery", "key", "limit", "lost", "terminal", "sleepy"), "ByHand"),
    **dict.fromkeys(("publishing", "wake", "emitted", "early"), "Outputs"),
    "transaction": "Topics",
    "order": "Lanes",
    "effect": "Effects",
    "halves": "Splits",
    "delivery": "Destinations",
    "batch": "Gathering",
    "replay": "Replaying",
    **dict.fromkeys(("clock", "yesterday"), "Clocks"),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with that bug; without one when `name` is empty."""
    with ExitStack() as stack:
        for patch in PLANTS[name]() if name else [nullcontext()]:
            stack.enter_context(patch)
        yield
