"""What a payer outside ROC owes by the contract lines of its agreement."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.rules.agreements import Clause, Terms, amc_by_line
from billing.rules.split import Extra, Line, split_without_nights

DAY = date(2026, 3, 2)


def line(number: int, code: str, quantity: int, share: str, first: int = 2, last: int = 2) -> Line:
    left = Decimal(share)
    return Line(
        number,
        code,
        code,
        quantity,
        left,
        left,
        Decimal(0),
        date(2026, 3, first),
        date(2026, 3, last),
        "pour l’épreuve",
    )


NIGHTS = line(1, "11", 5, "500.00", 2, 6)
EXIT = line(2, "FJH", 1, "20.00", 7, 7)
ROOM = line(3, "CHP", 5, "325.00", 2, 7)
MEALS = line(4, "REP", 2, "24.00", 3, 4)
STAY = [NIGHTS, EXIT, ROOM, MEALS]
ALL_TM = Clause("TM", Decimal(100))

CASES = {
    "whole co-payment, nothing else": ([ALL_TM], {}, {1: "500.00"}),
    "a percentage is rounded half up": ([Clause("TM", Decimal("33.33"))], {}, {1: "166.65"}),
    "daily charge of the exit": ([Clause("FJ", Decimal(100))], {}, {2: "20.00"}),
    "a room within its cap a night": ([Clause("CHP", Decimal(100), daily_cap=Decimal(45))], {}, {3: "225.00"}),
    "a room that costs less than its cap": ([Clause("CHP", Decimal(100), daily_cap=Decimal(90))], {}, {3: "325.00"}),
    "half of a room, within its cap": ([Clause("CHP", Decimal(50), daily_cap=Decimal(45))], {}, {3: "162.50"}),
    "a ceiling of the line": ([Clause("CHP", Decimal(100), ceiling=Decimal(100))], {}, {3: "100.00"}),
    "waiting days count from the entry": (
        [Clause("CHP", Decimal(100), daily_cap=Decimal(45), waiting_days=2)],
        {},
        {3: "135.00"},
    ),
    "waiting longer than the stay": ([Clause("TM", Decimal(100), waiting_days=30)], {}, {}),
    "nights before the agreement": ([ALL_TM], {"valid_from": date(2026, 3, 4)}, {1: "300.00"}),
    "nights after the agreement": ([ALL_TM], {"valid_until": date(2026, 3, 3)}, {1: "200.00"}),
    "an agreement that ended before": ([ALL_TM], {"valid_from": date(2026, 1, 1), "valid_until": date(2026, 1, 9)}, {}),
    "the ceiling of the agreement is used up in the order of the lines": (
        [
            ALL_TM,
            Clause("FJ", Decimal(100)),
            Clause("CHP", Decimal(100), daily_cap=Decimal(45)),
            Clause("REP", Decimal(100)),
        ],
        {"ceiling": Decimal("600.00")},
        {1: "500.00", 2: "20.00", 3: "80.00"},
    ),
    "nothing is agreed": ([], {}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_contract_line_pays_its_part(case) -> None:
    clauses, terms, expected = CASES[case]
    found = amc_by_line(STAY, Terms(clauses, **{"valid_from": DAY, **terms}))
    assert found == {number: Decimal(amount) for number, amount in expected.items()}


def test_no_line_is_ever_paid_more_than_what_the_amo_leaves() -> None:
    acts = split_without_nights(
        [Extra("CS", "Consultation", DAY, DAY, 3, Decimal("30.00"), True)], tm_percent=Decimal(30)
    )
    generous = Terms(
        [Clause("TM", Decimal(100), daily_cap=Decimal(1000), ceiling=Decimal(1000))], DAY, ceiling=Decimal(5000)
    )
    assert amc_by_line(acts, generous) == {1: Decimal("27.00")} == {1: acts[0].share}
