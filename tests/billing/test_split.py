"""Who owes what of a stay: the worked cases of the field's table, and what must hold whatever the figures."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.split import Extra, Nights, NotDecided, share_out, split_full_stay, split_without_nights

ENTRY = date(2026, 6, 1)


def full_stay(nights: int, price: str, fj: str = "23.00", exit_charged: bool = True, extras=()):
    return split_full_stay(
        [Nights("11", "Médecine", ENTRY, nights, Decimal(price))],
        list(extras),
        ENTRY + timedelta(days=nights),
        tm_percent=Decimal(20),
        tm_max_days=30,
        daily_charge=lambda _day: Decimal(fj),
        daily_charge_code="FJH",
        exit_charged=exit_charged,
    )


def amo(lines) -> Decimal:
    return sum((line.amo for line in lines), Decimal(0))


def left(lines) -> Decimal:
    return sum((line.share for line in lines), Decimal(0))


@pytest.mark.parametrize(
    ("nights", "price", "exit_charged", "expected_amo", "expected_left"),
    [
        (5, "1000.00", True, "4000.00", "1023.00"),
        (5, "1000.00", False, "4000.00", "1000.00"),
        (10, "100.00", True, "770.00", "253.00"),
        (4, "115.00", True, "368.00", "115.00"),
    ],
)
def test_worked_cases_of_the_common_law(nights, price, exit_charged, expected_amo, expected_left) -> None:
    lines = full_stay(nights, price, exit_charged=exit_charged)
    assert (amo(lines), left(lines)) == (Decimal(expected_amo), Decimal(expected_left))


def test_the_shared_vectors_of_full_stays_under_the_common_law(shared) -> None:
    done = 0
    with (shared / "data" / "vectors" / "tm_fjh_cases.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            plain = (row["tm_exempt"], row["fjh_exempt"], row["psychiatric"]) == ("no", "no", "no")
            if row["mode"] != "HC" or not plain or Decimal(row["pf_amount"]) or int(row["length_of_stay"]) > 30:
                continue
            first = date.fromisoformat(row["entry_date"])
            if row["fjh_unit_first_day"] != "23.00" or first < date(2026, 3, 1):
                continue
            lines = full_stay(
                int(row["length_of_stay"]),
                row["daily_tariff"],
                exit_charged=row["exit_mode"] not in ("death", "transfer"),
            )
            assert amo(lines) == Decimal(row["expected_amo_share"]), row["case_id"]
            assert left(lines) == Decimal(row["expected_patient_side_total"]), row["case_id"]
            done += 1
    assert done >= 5


def test_a_change_of_the_daily_charge_in_mid_stay_counts_each_night_at_its_date() -> None:
    lines = split_full_stay(
        [Nights("11", "Médecine", date(2026, 2, 26), 4, Decimal("50.00"))],
        [],
        date(2026, 3, 2),
        tm_percent=Decimal(20),
        tm_max_days=30,
        daily_charge=lambda day: Decimal("20.00") if day < date(2026, 3, 1) else Decimal("23.00"),
        daily_charge_code="FJH",
        exit_charged=True,
    )
    # Nights of 26, 27, 28 February at 20, of 1 March at 23, exit day at 23: the TM (40.00) is absorbed.
    assert left(lines) == Decimal("106.00")
    assert amo(lines) == Decimal("117.00")


def test_a_stay_longer_than_the_days_under_tm_is_refused_with_its_reason() -> None:
    with pytest.raises(NotDecided, match="30 jours"):
        full_stay(31, "1000.00")


def test_an_amc_that_pays_more_than_what_is_left_is_not_guessed_with() -> None:
    with pytest.raises(NotDecided, match="il ne reste que"):
        share_out(full_stay(2, "1000.00"), {1: Decimal("5000.00")})


PRICES = st.decimals(min_value="30", max_value="3000", places=2)


@given(
    nights=st.lists(st.tuples(st.integers(1, 10), PRICES), min_size=1, max_size=3),
    fj=st.decimals(min_value="0", max_value="23", places=2),
    room=st.integers(0, 9),
    exit_charged=st.booleans(),
)
def test_shares_are_never_negative_and_always_add_up_to_the_cent(nights, fj, room, exit_charged) -> None:
    day, parts = ENTRY, []
    for count, price in nights:
        parts.append(Nights(str(len(parts)), "Service", day, count, price))
        day += timedelta(days=count)
    extras = [Extra("CHP", "Chambre", ENTRY, day, room, Decimal("65.00"), reimbursable=False)] if room else []
    lines = split_full_stay(
        parts,
        extras,
        day,
        tm_percent=Decimal(20),
        tm_max_days=30,
        daily_charge=lambda _day: fj,
        daily_charge_code="FJH",
        exit_charged=exit_charged,
    )
    assert all(line.amo >= 0 and line.share >= 0 and line.amo + line.share == line.total for line in lines)
    base = sum((part.price * part.count for part in parts), Decimal(0))
    count = sum(part.count for part in parts)
    side = left(lines) - sum((extra.price * extra.count for extra in extras), Decimal(0))
    tm = round(base * 20 / 100, 2)
    assert abs(side - (max(tm, fj * count) + fj * exit_charged)) <= Decimal("0.01")
    shared = share_out(lines, {line.number: line.share for line in lines})
    assert all(amc + patient == line.share for line, amc, patient in shared)


@given(items=st.lists(st.tuples(st.integers(1, 20), PRICES, st.booleans()), max_size=12))
def test_what_has_no_night_adds_up_whatever_the_order(items) -> None:
    extras = [
        Extra(str(index), "Acte", ENTRY, ENTRY, count, price, reimbursable)
        for index, (count, price, reimbursable) in enumerate(items)
    ]
    one = split_without_nights(extras, tm_percent=Decimal(30))
    other = split_without_nights(list(reversed(extras)), tm_percent=Decimal(30))
    assert (amo(one), left(one)) == (amo(other), left(other))
    assert all(line.amo + line.share == line.total for line in one)
