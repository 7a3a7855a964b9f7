"""Sizes, durations, times and money as texts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.units import (
    format_bytes,
    format_duration,
    iso,
    money,
    parse_duration_s,
    parse_size_mb,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "mb"),
    [
        ("512MB", 512),
        ("2GB", 2048),
        ("0.5 GiB", 512),
        ("1g", 1024),
        ("2048k", 2),
        ("300", 300),
        (128, 128),
        ("1048576b", 1),
    ],
)
def test_sizes(text: str | int, mb: int) -> None:
    assert parse_size_mb(text) == mb


@pytest.mark.parametrize("text", ["", "big", "12 parsecs", "-5MB", "1.2.3MB", "5b", 0, "0MB"])
def test_what_is_no_size_is_refused(text: str | int) -> None:
    with pytest.raises(BadValue) as caught:
        parse_size_mb(text)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60.0),
        ("250ms", 0.25),
        ("1m30s", 90.0),
        ("1h 30m", 5400.0),
        ("5 minutes", 300.0),
        ("1 day", 86_400.0),
        ("2 Hours", 7200.0),
        ("0.5s", 0.5),
        ("10", 10.0),
        (2.5, 2.5),
    ],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5 months", "5x", "-5s", -1, "s", "1m30x"])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(BadValue) as caught:
        parse_duration_s(text)
    assert caught.value.remedy


@given(st.integers(0, 10**7), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]))
def test_any_number_of_any_unit_is_a_duration(number: int, unit: tuple[str, float]) -> None:
    assert parse_duration_s(f"{number}{unit[0]}") == pytest.approx(number * unit[1])


def test_durations_for_people() -> None:
    shown = [format_duration(s) for s in (0.0, 0.25, 1.5, 59.94, 125, 3600 * 2 + 61)]
    assert shown == ["0 ms", "250 ms", "1.5 s", "59.9 s", "2 m 5 s", "2 h 1 m"]


def test_bytes_for_people() -> None:
    shown = [format_bytes(size) for size in (0, 12, 3_400, 1_200_000_000, 5e15)]
    assert shown == ["0 B", "12 B", "3.4 kB", "1.2 GB", "5e+03 TB"]


@given(st.floats(0, 4e9))
def test_times_survive_their_text_to_the_microsecond(moment: float) -> None:
    text = iso(moment)
    assert text is not None
    assert text.endswith("Z")
    assert parse_time(text) == pytest.approx(moment, abs=1e-6)


def test_times_without_an_offset_are_utc() -> None:
    assert (
        parse_time("2026-12-01T06:00:00") == parse_time("2026-12-01T06:00:00Z") == parse_time("2026-12-01T07:00+01:00")
    )
    assert parse_time(12.5) == 12.5
    assert iso(None) is None
    with pytest.raises(BadValue):
        parse_time("yesterday")


@given(st.decimals(0, 10**6, places=12))
def test_money_is_exact_and_has_no_ornament(amount: Decimal) -> None:
    text = money(amount)
    assert Decimal(text) == amount
    assert "E" not in text
    assert text == "0" or not ("." in text and text.endswith("0"))


def test_money_of_nothing_is_zero() -> None:
    assert [money(Decimal(text)) for text in ("0", "0.000", "1E-10", "1E+2")] == ["0", "0", "0.0000000001", "100"]
