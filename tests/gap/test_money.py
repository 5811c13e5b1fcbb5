"""Amounts: two places, half up, never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap.money import euros, from_cents, percent, to_cents


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1.005"), "1.01"),
        (Decimal("-1.005"), "-1.01"),
        (Decimal("2.675"), "2.68"),
        (Decimal("0.004"), "0.00"),
        (Decimal("-0.004"), "0.00"),
        (3, "3.00"),
        ("1 234,5", "1234.50"),
        ("1\u202f234,50\u00a0€", "1234.50"),
        ("0.1", "0.10"),
    ],
)
def test_euros_have_two_places_rounded_half_up(value: Decimal | int | str, expected: str) -> None:
    assert str(euros(value)) == expected


@pytest.mark.parametrize("value", ["", "abc", "NaN", "Infinity", "1,2,3", Decimal("NaN"), Decimal("1e40")])
def test_what_is_not_a_finite_number_is_refused(value: Decimal | str) -> None:
    with pytest.raises(ValueError):
        euros(value)


@pytest.mark.parametrize("value", [1.1, True])
def test_a_float_is_never_money(value: object) -> None:
    with pytest.raises(TypeError):
        euros(value)  # type: ignore[arg-type]


@given(st.integers(-(10**12), 10**12))
def test_cents_make_the_round_trip(cents: int) -> None:
    assert to_cents(from_cents(cents)) == cents
    assert from_cents(cents) == euros(from_cents(cents))
    assert -from_cents(cents).as_tuple().exponent == 2  # type: ignore[operator]


def test_a_fraction_of_a_cent_is_never_rounded_silently() -> None:
    with pytest.raises(ValueError):
        to_cents(Decimal("1.005"))
    assert to_cents(Decimal("1.0")) == 100


def test_percentages_are_rounded_once() -> None:
    assert percent(Decimal("23.00"), 70) == Decimal("16.10")
    assert percent(Decimal("0.05"), 70) == Decimal("0.04")
    assert percent(Decimal("10.01"), Decimal("65.5")) == Decimal("6.56")
