"""What runs cost: AWS's formula in exact decimals, and sums that are sums."""

import math
from collections import defaultdict
from decimal import Decimal, localcontext

import pytest

PER_REQUEST = Decimal("0.20") / 1_000_000
PER_GB_S = Decimal("0.0000166667")
MODULE = """
import time

@fn(memory="256MB", retries=2, backoff="fixed(20ms)", tag={"team": "etl"}, on="cost-in/*.txt settle=50ms")
def cheap(event):
    if event.attempt < event.get("succeeds", 1):
        raise ValueError("try again")
    time.sleep(0.003)
    return "x" * 10

@fn(memory="1777MB", tag={"team": "ml"})
def dear(event):
    return sum(range(100_000))
"""


def exact(run):
    """CONTRACT's formula; every attempt is a request."""
    with localcontext() as context:
        context.prec = 60
        gb_s = Decimal(run["billed_ms"]) / 1000 * Decimal(run["memory_mb"]) / 1024
        return run["attempts"] * PER_REQUEST + gb_s * PER_GB_S


@pytest.fixture(scope="module")
def runs(house):
    house.publish(MODULE)
    house.publish(MODULE.replace("100_000", "10_000"))
    for succeeds in (1, 2, 3, 9):
        house.invoke("cheap", {"succeeds": succeeds})
    for version in (1, 2, 2):
        house.invoke(f"dear:{version}")
    house.write("cost-in/a.txt", "x")
    house.until(lambda: len(house.runs("cheap")) == 5, "the run of the file")
    return house.all_ended("cheap", 5) + house.all_ended("dear", 3)


def test_every_run_costs_what_the_formula_says_to_the_last_digit(runs):
    assert [run["attempts"] for run in runs[1:5]] == [3, 3, 2, 1]
    for run in runs:
        assert Decimal(run["cost_usd"]) == exact(run)
        assert "E" not in run["cost_usd"].upper()


def test_an_attempt_is_billed_by_the_millisecond_rounded_up(house, runs):
    for run in runs:
        attempts = house.get(f"runs/{run['id']}")["attempts_list"]
        assert sum(attempt["billed_ms"] for attempt in attempts) == run["billed_ms"]
    for run in (run for run in runs if run["attempts"] == 1):
        assert run["billed_ms"] == math.ceil(run["duration_ms"])


def test_the_total_is_the_sum_of_the_runs_however_it_is_parted(house, runs):
    total = sum(Decimal(run["cost_usd"]) for run in runs)
    for words in ("", "--by function", "--by version", "--by trigger", "--by day", "--by tag"):
        cost = house.ok(f"cost {words} --json").json
        assert Decimal(cost["total_usd"]) == total
        assert sum(Decimal(line["cost_usd"]) for line in cost["by"]) == total
        assert sum(line["runs"] for line in cost["by"]) == len(runs)
        assert sum(line["billed_ms"] for line in cost["by"]) == sum(run["billed_ms"] for run in runs)


def test_each_line_is_the_sum_of_its_runs(house, runs):
    sums = defaultdict(Decimal)
    for run in runs:
        sums[run["function"]] += Decimal(run["cost_usd"])
    lines = house.ok("cost --by function --json").json["by"]
    assert {line["key"]: Decimal(line["cost_usd"]) for line in lines} == sums
    (dear,) = house.ok("cost dear --json").json["by"]
    assert Decimal(dear["cost_usd"]) == sums["dear"]
    assert {line["key"] for line in house.ok("cost --by tag --json").json["by"]} == {"team=etl", "team=ml"}
    assert len(house.ok("cost dear --by version --json").json["by"]) == 2


def test_attempts_that_led_nowhere_are_waste(house, runs):
    lines = {line["key"]: line for line in house.ok("cost --by function --json").json["by"]}
    assert Decimal(lines["dear"]["waste_usd"]) == 0
    assert 0 < Decimal(lines["cheap"]["waste_usd"]) < Decimal(lines["cheap"]["cost_usd"])


def test_the_clusters_own_time_is_busy_or_idle(house, runs):
    cluster = house.ok("cost --json").json["cluster"]
    assert cluster["worker_s"] > 0
    assert cluster["worker_s"] == pytest.approx(cluster["busy_s"] + cluster["idle_s"], abs=0.002)


def test_nothing_has_cost_anything_before_it_began(house, runs):
    assert house.ok("cost --since 2090-01-01 --json").json["total_usd"] == "0"
    assert Decimal(house.ok("cost --since 1h --json").json["total_usd"]) > 0


def test_people_see_the_total_and_the_price_book(house, runs):
    text = house.ok("cost").out
    assert "Total $" in text
    assert "aws-lambda-x86" in text
