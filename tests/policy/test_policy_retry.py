"""When a failed attempt is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.policy.retry import EXPONENTIAL, Backoff, delay_s, parse_backoff, retry_delay_s


@pytest.mark.parametrize(
    ("text", "backoff"),
    [
        ("exponential", EXPONENTIAL),
        ("exponential()", EXPONENTIAL),
        ("exponential(base=2s,cap=1m)", Backoff(base_s=2, factor=2, cap_s=60, jitter=True)),
        (" exponential( factor=3 ) ", Backoff(base_s=1, factor=3, cap_s=300, jitter=True)),
        ("fixed(10s)", Backoff(base_s=10, cap_s=10)),
        ("fixed(1h)", Backoff(base_s=3600, cap_s=3600)),
        ("lambda", Backoff(base_s=60, factor=2, cap_s=120)),
        ("none", Backoff(base_s=0)),
    ],
)
def test_specs_that_can_be_written(text: str, backoff: Backoff) -> None:
    assert parse_backoff(text) == backoff


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("exponental", "Did you mean 'exponential'?"),
        ("", "Known: exponential, fixed, lambda, none."),
        ("exponential(bse=1s)", "Did you mean 'base'?"),
        ("exponential(5s)", "Known: base, cap, factor."),
        ("exponential(factor=0)", "Write such as factor=2."),
        ("exponential(factor=two)", "Write such as factor=2."),
        ("fixed", "Write such as fixed(10s)."),
        ("fixed(wait=10s)", "Write such as fixed(10s)."),
        ("fixed(soon)", "Write a number and a unit, such as 30s, 5m or 1h30m."),
        ("none(1s)", "It takes no arguments."),
    ],
)
def test_specs_that_cannot_be_read_say_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_backoff(text)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("text", "delays"),
    [
        ("fixed(10s)", [10, 10, 10]),
        ("lambda", [60, 120, 120]),
        ("none", [0, 0, 0]),
    ],
)
def test_delays_without_jitter_follow_the_spec(text: str, delays: list[float]) -> None:
    assert [delay_s(parse_backoff(text), failures, seed="r") for failures in (1, 2, 3)] == delays


@given(st.integers(1, 10**6), st.text(max_size=50))
def test_full_jitter_stays_below_the_exponential_and_the_cap(failures: int, seed: str) -> None:
    delay = delay_s(EXPONENTIAL, failures, seed=seed)
    assert 0 <= delay < min(300.0, 2.0 ** min(failures - 1, 20))
    assert delay == delay_s(EXPONENTIAL, failures, seed=seed)


def test_jitter_spreads_over_the_whole_range() -> None:
    delays = [delay_s(EXPONENTIAL, 1, seed=f"run-{number}:1") for number in range(1000)]
    assert min(delays) < 0.05
    assert max(delays) > 0.95
    assert 0.45 < sum(delays) / len(delays) < 0.55


@pytest.mark.parametrize(
    ("asked", "expected"), [(2.5, 2.5), (0, 0.0), (-1, 10), (float("nan"), 10), ("5", 10), (None, 10)]
)
def test_what_the_handler_asks_for_wins_when_it_is_a_number_of_seconds(asked: object, expected: float) -> None:
    assert retry_delay_s(parse_backoff("fixed(10s)"), 1, seed="r", error={"retry_after": asked}) == expected
