"""Effect barriers: what a handler does behind one, it has begun at most once for its run."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.model.errors import BadValue, EffectRefused
from jupyter_fn.runtime.effects import Effects, answer, ask
from jupyter_fn.runtime.packets import packet_pair, receive

PAYS = """
    def handler(event, context):
        with context.effect("pay"):
            with open("paid", "a") as file: file.write("x")
        return "paid"
"""
QUICK = "def handler(event): return event.n"


def test_a_block_begins_when_the_service_agrees_and_it_is_told_that_it_was_left(house: Any) -> None:
    outcome = house.run(PAYS, run_id="r", token=2)
    assert outcome.result == "paid"
    assert house.asked == house.left == [("r", 2, "pay")]


def test_a_block_that_is_refused_never_begins(house: Any) -> None:
    house.says = False
    outcome = house.run(PAYS)
    assert outcome.error["type"] == "EffectRefused"
    assert "'pay'" in outcome.error["message"]
    assert not (house.folder / "paid").exists()
    assert house.left == []


def test_a_block_that_raises_was_not_left_as_it_should(house: Any) -> None:
    outcome = house.run(PAYS.replace("file.write", "1 / 0; file.write"))
    assert outcome.error["type"] == "ZeroDivisionError"
    assert len(house.asked) == 1
    assert house.left == []


def test_who_waits_for_an_answer_that_never_comes_can_be_cancelled_and_has_done_nothing(house: Any) -> None:
    house.says = None
    house.submit(house.assign(PAYS, run_id="r"))
    house.wait(lambda: house.asked)
    house.cancel("r", 1)
    house.wait(lambda: house.outcomes)
    assert house.outcomes[0].error["class"] == "RunCancelled"
    house.tell(lambda: house.pool.answer("r", 1, "pay", go=True))
    assert not (house.folder / "paid").exists()


def test_an_answer_to_nobody_is_fine(house: Any) -> None:
    house.tell(lambda: house.pool.answer("nobody", 1, "pay", go=True))


def test_the_same_name_twice_in_a_run_is_refused_here(house: Any) -> None:
    source = PAYS.replace("return", "\n        with context.effect('pay'): open('twice', 'w')\n        return")
    outcome = house.run(source)
    assert outcome.error["type"] == "BadValue"
    assert "'pay' before" in outcome.error["message"]
    assert "pay-2" in outcome.error["remedy"]
    assert len(house.asked) == 1
    assert not (house.folder / "twice").exists()


@pytest.mark.parametrize("name", ["''", "None", "'x' * 1000", "3"])
def test_what_is_no_name_is_refused(house: Any, name: str) -> None:
    outcome = house.run(f"def handler(event, context):\n    with context.effect({name}): pass")
    assert outcome.error["type"] == "BadValue"
    assert house.asked == []


def test_names_may_be_used_again_by_the_next_run(house: Any) -> None:
    runs = [house.assign(PAYS, run_id=f"r{n}") for n in range(3)]
    assert [o.result for o in house.finish(*runs)] == ["paid"] * 3


def test_runs_that_are_written_ahead_come_in_their_order_whatever_is_asked_meanwhile(house_with: Any) -> None:
    house = house_with(slots=1)
    source = """
        def handler(event, context):
            with open("order", "a") as file: file.write(f"{event.n} ")
            if event.n % 10 == 3:
                with context.effect("e"): pass
            return event.n
    """
    runs = [house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(200)]
    assert [o.result for o in house.finish(*runs)] == list(range(200))
    assert (house.folder / "order").read_text().split() == [str(n) for n in range(200)]
    assert house.asked == [(f"r{n}", 1, "e") for n in range(3, 200, 10)]


def test_runs_that_are_written_ahead_go_elsewhere_while_one_waits_before_its_effect(house: Any) -> None:
    source = """
        def handler(event, context):
            if event.n == 30:
                with context.effect("e"): pass
            return event.n
    """
    house.says = None
    house.submit(*[house.assign(source, {"n": n}, run_id=f"r{n}") for n in range(60)])
    house.wait(lambda: len(house.outcomes) == 59)
    house.tell(lambda: house.pool.answer("r30", 1, "e", go=True))
    house.wait(lambda: len(house.outcomes) == 60)
    assert house.outcomes[-1].result == 30


def test_threads_and_processes_of_a_handler_may_enter_effects(house: Any) -> None:
    source = """
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from multiprocessing import get_context
        contexts = []
        def enter(n):
            with contexts[-1].effect(f"e-{n}"): return n
        def handler(event, context):
            contexts.append(context)
            with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
                return [sum(threads.map(enter, range(10))), sum(processes.map(enter, range(10, 20)))]
    """
    assert house.run(source).result == [45, 145]
    assert sorted(name for _, _, name in house.asked) == sorted(f"e-{n}" for n in range(20))
    assert len(house.left) == 20


def test_of_two_processes_that_use_a_name_at_once_one_enters(house: Any) -> None:
    source = """
        import os
        from pathlib import Path
        def entered(context):
            try:
                with context.effect("e"): return "entered"
            except Exception as error:
                return type(error).__name__
        def handler(event, context):
            for n in range(2):
                if os.fork() == 0:
                    Path(f"said-{n}").write_text(entered(context))
                    os._exit(0)
            os.wait()
            context.progress(1, 2)
            os.wait()
            return sorted(Path(f"said-{n}").read_text() for n in range(2))
    """
    house.says = None
    house.submit(house.assign(source, run_id="r"))
    house.wait(lambda: house.steps)
    house.tell(lambda: house.pool.answer("r", 1, "e", go=True))
    house.wait(lambda: house.outcomes)
    assert house.outcomes[0].result == ["EffectRefused", "entered"]


def test_a_thread_that_outlives_its_run_enters_nothing() -> None:
    effects = Effects()
    with effects.block("during"):
        pass
    effects.close()
    with pytest.raises(EffectRefused, match="has ended"), effects.block("after"):
        raise AssertionError


def test_where_no_service_is_every_barrier_opens_once() -> None:
    effects = Effects()
    with effects.block("a"):
        pass
    with pytest.raises(BadValue), effects.block("a"):
        raise AssertionError


@pytest.mark.parametrize("go", [True, False, None])
def test_an_answer_that_is_lost_is_a_no(go: bool | None) -> None:
    near, far = packet_pair()
    said: list[bool] = []
    asking = threading.Thread(target=lambda: said.append(ask(far, b"may I?")))
    asking.start()
    packet = receive(near)
    assert packet is not None
    assert packet[0] == b"may I?"
    there = socket.socket(fileno=packet[1][0])
    if go is None:
        there.close()
    else:
        answer(there, go=go)
    asking.join()
    assert said == [bool(go)]
    near.close()
    far.close()


def test_an_answer_to_who_has_gone_is_fine() -> None:
    here, there = packet_pair()
    here.close()
    answer(there, go=True)
    assert there.fileno() == -1


def test_entering_costs_no_descriptors(house: Any) -> None:
    house.run(PAYS)
    house.close_chores()
    before = len(list(Path("/proc/self/fd").iterdir()))
    source = "def handler(event, context):\n    for n in range(100):\n        with context.effect(f'e{n}'): pass"
    house.run(source)
    house.says = False
    house.run(PAYS)
    house.close_chores()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 4  # a second environment may stay warm
