"""What runs cost, to the last digit."""

import re
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.cost import AWS_ARM, AWS_X86, FREE, MACHINE, PRICE_BOOKS, PriceBook
from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.run import Run, State, Usage
from jupyter_fn.policy.pricing import (
    ClusterTime,
    Sums,
    billed_attempts,
    billed_ms,
    book_from_dict,
    book_named,
    book_to_dict,
    price_attempts,
    price_run,
    report_line,
    report_run,
    summarise,
)


def make_run(**changes: object) -> Run:
    base = {"id": "r1", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e1"}
    return Run(**{**base, "created": 0.0, "memory_mb": 512, **changes})


# --- one run


def test_a_millisecond_begun_is_billed() -> None:
    assert [billed_ms(ms) for ms in (0.0, 0.01, 1.0, 15.74, 16.0)] == [0, 1, 1, 16, 16]


def test_the_formula_is_awss() -> None:
    million = price_attempts(AWS_X86, requests=1_000_000, billed_ms=0, memory_mb=128)
    gb_second = price_attempts(AWS_X86, requests=0, billed_ms=1000, memory_mb=1024)
    assert (million, gb_second) == ("0.2", "0.0000166667")
    assert price_attempts(AWS_ARM, requests=0, billed_ms=1000, memory_mb=1024) == "0.0000133334"
    assert price_attempts(AWS_X86, requests=1, billed_ms=16, memory_mb=512) == "0.0000003333336"
    assert price_attempts(FREE, requests=5, billed_ms=99, memory_mb=512) == "0"


@pytest.mark.parametrize(
    ("state", "attempts", "lost", "billed"),
    [
        (State.QUEUED, 0, 0, 0),
        (State.CLAIMED, 1, 0, 0),
        (State.RUNNING, 3, 1, 1),
        (State.WAITING, 1, 0, 1),
        (State.PUBLISHING, 1, 0, 1),
        (State.DEAD, 3, 3, 0),
    ],
)
def test_attempts_under_way_and_lost_ones_are_not_billed(state: State, attempts: int, lost: int, billed: int) -> None:
    run = make_run(state=state, attempts=attempts, lost=lost, billed_ms=10)
    assert billed_attempts(run) == billed
    assert price_run(run, AWS_X86) == price_attempts(AWS_X86, requests=billed, billed_ms=10, memory_mb=512)


# --- the REPORT line

AWS_LINE = re.compile(  # what tools that read CloudWatch logs look for
    r"REPORT RequestId: (\S+)\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\t"
    r"Memory Size: (\d+) MB\tMax Memory Used: (\d+) MB(?:\tInit Duration: ([\d.]+) ms)?"
)


def test_the_report_line_is_awss() -> None:
    usage = Usage(duration_ms=15.74, max_memory_mb=56, init_ms=9.12, cold=True)
    assert report_line("abc", usage, billed_ms=16, memory_mb=512) == (
        "REPORT RequestId: abc\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 512 MB\t"
        "Max Memory Used: 56 MB\tInit Duration: 9.12 ms"
    )


def test_init_is_only_reported_when_cold() -> None:
    run = make_run(duration_ms=3.0, billed_ms=3, init_ms=9.0, max_memory_mb=1)
    assert "Init" not in report_run(run)
    assert report_run(run.replace(cold=True)).endswith("\tInit Duration: 9.00 ms")


@given(st.floats(0, 1e7))
def test_the_shown_duration_rounded_up_is_the_billed_one(duration_ms: float) -> None:
    line = report_line("r", Usage(duration_ms=duration_ms), billed_ms=billed_ms(duration_ms), memory_mb=512)
    found = AWS_LINE.fullmatch(line)
    assert found
    assert abs(float(found[2]) - duration_ms) <= 0.0101
    assert billed_ms(float(found[2])) == int(found[3])


# --- price books


def test_books_have_names() -> None:
    assert book_named("aws-lambda-arm") is AWS_ARM
    with pytest.raises(BadValue) as caught:
        book_named("aws-lamda-arm")
    assert caught.value.remedy.startswith("Did you mean 'aws-lambda-arm'?")


def test_a_book_of_ones_own_takes_texts_and_numbers() -> None:
    book = book_from_dict({"per_worker_hour": 0.1, "per_gb_s": "0.00001", "since": "2026-01-01"}, name="ours")
    assert book == PriceBook(
        name="ours", per_worker_hour=Decimal("0.1"), per_gb_s=Decimal("0.00001"), since="2026-01-01"
    )
    assert book_from_dict({"name": "theirs"}, name="ours").name == "theirs"
    assert book_from_dict(book_to_dict(book), name="again") == book


@pytest.mark.parametrize(
    "data", [{"per_gbs": 1}, {"per_gb_s": "cheap"}, {"per_gb_s": -1}, {"per_gb_s": "NaN"}, {"per_gb_s": "Infinity"}]
)
def test_a_book_that_cannot_be_read_is_refused(data: dict) -> None:
    with pytest.raises(BadValue) as caught:
        book_from_dict(data, name="ours")
    assert caught.value.remedy


# --- the summary


def test_the_summary_has_the_contracts_keys() -> None:
    row = Sums(
        key="daily",
        price_book="aws-lambda-x86",
        runs=2,
        requests=3,
        billed_ms=48,
        mb_ms=48 * 512,
        wasted_requests=1,
        wasted_mb_ms=16 * 512,
        cpu_ms=31.5,
        bytes_read=10,
        bytes_written=20,
    )
    summary = summarise([row], books=PRICE_BOOKS, active=AWS_X86, cluster=ClusterTime(worker_s=7.5, busy_s=2.25))
    assert summary == {
        "total_usd": "0.0000010000008",
        "by": [
            {
                "key": "daily",
                "runs": 2,
                "billed_ms": 48,
                "gb_s": 0.024,
                "cpu_s": 0.0315,
                "bytes_read": 10,
                "bytes_written": 20,
                "cost_usd": "0.0000010000008",
                "waste_usd": "0.0000003333336",
            }
        ],
        "cluster": {"worker_s": 7.5, "busy_s": 2.25, "idle_s": 5.25, "cost_usd": "0"},
        "prices": {"active": "aws-lambda-x86", "books": [book_to_dict(AWS_X86)]},
    }


def test_nothing_costs_nothing() -> None:
    summary = summarise([], books=PRICE_BOOKS, active=FREE)
    assert (summary["total_usd"], summary["by"], summary["cluster"]["cost_usd"]) == ("0", [], "0")


def test_worker_time_costs_by_the_hour() -> None:
    summary = summarise([], books=PRICE_BOOKS, active=MACHINE, cluster=ClusterTime(worker_s=5400, busy_s=100))
    assert summary["cluster"]["cost_usd"] == "0.15"


def test_the_dearest_key_comes_first_and_runs_keep_the_prices_of_their_day() -> None:
    old = PriceBook(name="old", per_million_requests=Decimal(5))
    rows = [
        Sums(key="a", price_book="free", runs=1, requests=9),
        Sums(key="b", price_book="aws-lambda-x86", runs=1, requests=1),
        Sums(key="b", price_book="old", runs=1, requests=1),
    ]
    summary = summarise(rows, books={**PRICE_BOOKS, "old": old}, active=AWS_X86)
    assert [(line["key"], line["runs"], line["cost_usd"]) for line in summary["by"]] == [
        ("b", 2, "0.0000052"),
        ("a", 1, "0"),
    ]
    assert [book["name"] for book in summary["prices"]["books"]] == ["aws-lambda-x86", "free", "old"]


RUNS = st.lists(
    st.builds(
        make_run,
        function=st.sampled_from("abc"),
        state=st.just(State.SUCCEEDED),
        attempts=st.integers(0, 9),
        billed_ms=st.integers(0, 10**9),
        memory_mb=st.integers(1, 10_240),
        price_book=st.sampled_from(["aws-lambda-x86", "aws-lambda-arm", "free"]),
    ),
    max_size=30,
)


@given(RUNS)
def test_the_total_is_the_sum_of_the_runs_to_the_last_digit(runs: list[Run]) -> None:
    groups = defaultdict(list)
    for run in runs:
        groups[run.function, run.price_book].append(run)
    rows = [
        Sums(
            key=key,
            price_book=book,
            runs=len(group),
            requests=sum(billed_attempts(run) for run in group),
            billed_ms=sum(run.billed_ms for run in group),
            mb_ms=sum(run.billed_ms * run.memory_mb for run in group),
        )
        for (key, book), group in groups.items()
    ]
    summary = summarise(rows, books=PRICE_BOOKS, active=AWS_X86)
    each = [Decimal(price_run(run, PRICE_BOOKS[run.price_book])) for run in runs]
    assert Decimal(summary["total_usd"]) == sum(each, Decimal(0))
    assert Decimal(summary["total_usd"]) == sum((Decimal(line["cost_usd"]) for line in summary["by"]), Decimal(0))
    assert sum(line["runs"] for line in summary["by"]) == len(runs)
