"""Costs: exact sums, however they are grouped; and the workers' time."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_fn.model.cost import AWS_X86, PRICE_BOOKS
from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.ids import new_id
from jupyter_fn.model.run import Attempt, State, Usage
from jupyter_fn.policy.pricing import price_attempts, summarise
from jupyter_fn.store import costs, runs
from jupyter_fn.store.runs import Change

DAY = 86_400.0
GROUPS = ("function", "trigger", "day", "version")


def sums(store, by="function", **options):
    return store.read(costs.sums, by, **options)


def test_sums_are_exact_and_say_what_was_wasted(store):
    one, two = store.admit("a", "b")
    waiting = store.end(store.claim(one), State.WAITING, billed_ms=70)
    store.end(store.claim(waiting), billed_ms=30)
    store.end(store.claim(two), billed_ms=11)
    (row,) = sums(store)
    assert (row.key, row.price_book, row.runs, row.requests) == ("f", "aws-lambda-x86", 2, 3)
    assert (row.billed_ms, row.mb_ms) == (111, 111 * 512)
    assert (row.wasted_requests, row.wasted_mb_ms) == (1, 70 * 512)
    assert (row.cpu_ms, row.bytes_read, row.bytes_written) == (6.0, 30, 3)


def test_all_attempts_of_a_dead_run_are_wasted(store):
    (run,) = store.admit("a")
    store.end(store.claim(run), State.DEAD, billed_ms=5)
    (row,) = sums(store)
    assert (row.requests, row.wasted_requests, row.wasted_mb_ms) == (1, 1, 5 * 512)


def test_a_success_whose_files_could_not_be_put_in_place_is_wasted(store):
    (run,) = store.admit("a")
    won = store.ending(store.claim(run), State.SUCCEEDED, billed_ms=9)
    publishing = won.after.replace(state=State.PUBLISHING, ended=None)
    store.write(runs.apply, [Change(before=won.before, after=publishing, attempt=won.attempt)], 1.0)
    assert sums(store)[0].wasted_requests == 0
    store.change(publishing, state=State.DEAD)
    assert sums(store)[0].wasted_requests == 1


def test_attempts_under_way_and_lost_ones_are_no_requests(store):
    one, two = store.admit("a", "b")
    store.claim(one)
    held = store.claim(two)
    lost = Attempt(
        run_id=two.id, number=1, token=1, worker="w1", started=1.0, ended=2.0, state="lost", usage=Usage(), billed_ms=0
    )
    store.write(runs.apply, [Change(before=held, after=held.replace(state=State.QUEUED, lost=1), attempt=lost)], 2.0)
    (row,) = sums(store)
    assert (row.runs, row.requests, row.wasted_requests) == (2, 0, 0)


def test_skipped_events_are_no_runs(store):
    store.admit("a")
    store.admit("b", state=State.SKIPPED)
    assert sums(store)[0].runs == 1


def test_rows_are_by_what_was_asked(store):
    store.publish("g", tags=(("team", "a"), ("env", "prod")))
    store.publish("g", digest="d2", tags=(("team", "b"),))
    store.listen("tg", name="g")
    store.admit("a", now=10.0)
    store.admit("b", now=DAY + 1)
    store.admit("c", name="g", trigger="tg", now=DAY - 0.001)
    store.admit("d", name="g", trigger="tg", now=DAY, version=2)

    def counts(by, **options):
        return {row.key: row.runs for row in sums(store, by, **options)}

    assert counts("function") == {"f": 2, "g": 2}
    assert counts("trigger") == {"t": 2, "tg": 2}
    assert counts("version") == {"f:1": 2, "g:1": 1, "g:2": 1}
    assert counts("day") == {"1970-01-01": 2, "1970-01-02": 2}
    assert counts("tag") == {"(no tag)": 2, "env=prod": 1, "team=a": 1, "team=b": 1}
    assert counts("function", function="g") == {"g": 2}
    assert counts("function", since=DAY) == {"f": 1, "g": 1}
    assert counts("function", function="unknown") == {}


def test_runs_of_different_price_books_stand_in_different_rows(store):
    store.admit("a")
    store.admit("b", price_book="free")
    assert [(row.key, row.price_book) for row in sums(store)] == [("f", "aws-lambda-x86"), ("f", "free")]


def test_an_unknown_grouping_names_the_nearest(store):
    with pytest.raises(BadValue) as wrong:
        sums(store, "functions")
    assert "'function'" in wrong.value.remedy


def total(store, by):
    return Decimal(summarise(sums(store, by), books=PRICE_BOOKS, active=AWS_X86)["total_usd"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(billed=st.lists(st.integers(1, 10**7), min_size=1, max_size=8), memory_mb=st.integers(1, 10_240))
def test_the_price_of_the_sums_is_the_sum_of_the_prices(store, billed, memory_mb):
    wanted = total(store, "function")  # what earlier examples left
    for run, billed_ms in zip(store.admit(*(new_id() for _ in billed), memory_mb=memory_mb), billed, strict=True):
        cost = price_attempts(AWS_X86, requests=1, billed_ms=billed_ms, memory_mb=memory_mb)
        store.end(store.claim(run), billed_ms=billed_ms, cost_usd=cost)
        wanted += Decimal(cost)
    assert {by: total(store, by) for by in GROUPS} == dict.fromkeys(GROUPS, wanted)


# --- the workers' time ---


def test_workers_cost_from_joining_to_leaving(store):
    store.write(costs.worker_joined, "w1", "one", 4, 100.0)
    store.write(costs.worker_joined, "w2", "two", 4, 150.0)
    store.write(costs.worker_left, "w1", 160.0)
    assert store.read(costs.cluster, None, 200.0).worker_s == 60 + 50
    assert store.read(costs.cluster, 155.0, 200.0).worker_s == 5 + 45
    assert store.read(costs.cluster, 300.0, 310.0).worker_s == 10


def test_joining_and_leaving_twice_count_once(store):
    for at in (100.0, 150.0):
        store.write(costs.worker_joined, "w1", "one", 4, at)
    for at in (160.0, 170.0):
        store.write(costs.worker_left, "w1", at)
    assert store.read(costs.cluster, None, 200.0).worker_s == 60


def test_busy_time_is_kept_by_the_minute(store):
    store.write(costs.worker_joined, "w1", "one", 4, 0.0)
    store.write(costs.add_busy, "w1", 150.0, 200.0)  # from 50 to 200
    store.write(costs.add_busy, "w1", 20.0, 230.0)  # in the minute from 180 to 240
    assert store.read(costs.cluster, None, 300.0).busy_s == pytest.approx(170.0)
    assert store.read(costs.cluster, 120.0, 300.0).busy_s == pytest.approx(100.0)
    assert store.read(costs.cluster, 240.0, 300.0).busy_s == 0.0


def test_no_worker_is_busier_than_it_is_there(store):
    store.write(costs.worker_joined, "w1", "one", 4, 10.0)
    store.write(costs.add_busy, "w1", 50.0, 60.0)
    time = store.read(costs.cluster, None, 55.0)
    assert (time.worker_s, time.busy_s) == (45.0, 45.0)


def test_no_busy_time_is_none(store):
    store.write(costs.add_busy, "w1", 0.0, 60.0)
    assert store.read(costs.cluster, None, 100.0).busy_s == 0.0


def test_workers_nobody_saw_leave_left_after_their_last_busy_minute(store):
    store.write(costs.worker_joined, "w1", "one", 4, 100.0)
    store.write(costs.worker_joined, "w2", "two", 4, 1000.0)
    store.write(costs.worker_joined, "w3", "three", 4, 100.0)
    store.write(costs.worker_left, "w3", 110.0)
    store.write(costs.add_busy, "w1", 5.0, 130.0)
    store.write(costs.close_workers)
    assert store.read(costs.cluster, None, 9000.0).worker_s == 80 + 0 + 10
