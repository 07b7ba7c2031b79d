"""Numbers as people read them."""

from __future__ import annotations

import doctest

import pytest

from archspace.support import numbers
from archspace.support.numbers import amount, duration, fixed, number, significant, tick_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12_345_678, "MACs", "12.3 M MACs"), (999_999, "parameters", "1 M parameters"),
        (123_456_789, "MACs", "123 M MACs"), (512, "bytes", "512 B"), (1.5e6, "bytes", "1.5 MB"),
        (1e18, "bytes", "1 EB"),
        (61.238, "%", "61.24 %"), (4.678, "ms", "4.68 ms"), (0, "MACs", "0 MACs"), (1234.5, "ms", "1,234 ms"),
        (53, "convolutions", "53 convolutions"), (2_400_000, "operations", "2.4 M operations"),
        (float("nan"), "%", "unknown"), (None, "ms", "unknown"), (float("inf"), "MACs", "inf MACs"),
    ],
)  # fmt: skip
def test_a_number_has_its_unit(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


@pytest.mark.parametrize("unit", ["MACs", "parameters", "bytes", "ms", "%", "W", "frames/s", ""])
@pytest.mark.parametrize("value", [0.0123, 1.0, 61.2389, 999.6, 12_345.0, 7.7e8])
def test_a_number_never_has_an_exponent_and_a_cell_is_the_number_without_its_unit(
    value: float, unit: str
) -> None:
    assert "e" not in number(value, unit).removesuffix(unit).removesuffix("B")
    assert number(value, unit).startswith(amount(value, unit))


def test_columns_keep_their_decimals() -> None:
    assert [amount(v, "ms") for v in (24.81, 25.02, 0.53, 4.0)] == ["24.8", "25.0", "0.530", "4"]
    assert (number(25.02), amount(3.1e6)) == ("25", "3.1 M")
    assert [fixed(v) for v in (4.0, None, float("nan"))] == ["4.00", "-", "-"]
    assert [significant(v) for v in (0.0123, 12.345, 1234.5, float("inf"))] == [
        "0.0123",
        "12.35",
        "1234",
        "∞",
    ]
    assert (amount(None), amount(float("nan"))) == ("-", "-")


def test_ticks_and_durations() -> None:
    assert [tick_text(v) for v in (2e8, 1.5e9, 0.5)] == ["200M", "1.5G", "0.5"]
    assert [duration(v) for v in (9, 61.4, 3725)] == ["0:09", "1:01", "1:02:05"]


def test_the_examples_hold() -> None:
    assert doctest.testmod(numbers).failed == 0 < doctest.testmod(numbers).attempted
