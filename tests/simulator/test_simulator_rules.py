"""How the simulated payer computes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.catalogue import load_catalogue
from simulator.rules import Line, compute_shares, inconsistency

CATALOGUE = load_catalogue()
DAY = date(2026, 5, 4)


def line(code: str, quantity: int, price: str, amo: str = "0.00", number: int = 1, days: int = 0) -> Line:
    unit = Decimal(price)
    return Line(number, code, quantity, unit, unit * quantity, Decimal(amo), DAY, DAY + timedelta(days=days))


@pytest.mark.parametrize(
    ("contract", "one", "expected"),
    [
        ("STANDARD", line("GHS", 1, "1000.00", "800.00"), "200.00"),
        ("STANDARD", line("FJ", 4, "20.00"), "80.00"),
        ("STANDARD", line("CP", 3, "70.00"), "150.00"),
        ("STANDARD", line("CP", 3, "40.00"), "120.00"),
        ("ESSENTIEL", line("CP", 3, "70.00"), "0.00"),
        ("PREMIUM", line("CP", 3, "170.00"), "510.00"),
        ("CONFORT", line("ACC", 2, "30.00"), "50.00"),
        ("STANDARD", line("TV", 3, "6.00"), "0.00"),
        ("STANDARD", line("NEVER-SEEN", 1, "100.00", "70.00"), "30.00"),
        ("STANDARD", line("GHS", 1, "100.00", "100.00"), "0.00"),
    ],
)
def test_the_payer_pays_what_the_amo_leaves_within_the_contract(contract, one, expected):
    shares = compute_shares([one], "SEJOUR", CATALOGUE.contracts[contract], CATALOGUE)
    assert shares.amc_total == Decimal(expected)
    assert shares.patient_share == one.total - one.amo_amount - Decimal(expected)


cents = st.integers(0, 10_000_000).map(lambda value: Decimal(value).scaleb(-2))


@given(
    st.sampled_from(sorted(CATALOGUE.contracts)),
    st.lists(st.tuples(st.sampled_from(sorted(CATALOGUE.families)), st.integers(1, 60), cents, cents), max_size=8),
)
def test_amo_amc_and_patient_always_make_the_total(contract, drawn):
    lines = [
        Line(n, code, quantity, price, price * quantity, min(amo, price * quantity), DAY, DAY)
        for n, (code, quantity, price, amo) in enumerate(drawn, 1)
    ]
    shares = compute_shares(lines, "SEJOUR", CATALOGUE.contracts[contract], CATALOGUE)
    paid_by_amo = sum((one.amo_amount for one in lines), Decimal(0))
    assert shares.amc_total + shares.patient_share + paid_by_amo == sum((one.total for one in lines), Decimal(0))
    assert shares.patient_share >= 0
    assert all(0 <= amount <= one.total for (_, amount), one in zip(shares.amounts, lines, strict=True))


def test_sound_lines_are_accepted():
    assert inconsistency([line("GHS", 1, "10.00"), line("FJ", 2, "20.00", number=2)], DAY, DAY) is None


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("GHS", 1, "10.00"), line("FJ", 1, "10.00")], "RC06"),
        ([line("GHS", 1, "10.00", "11.00")], "RC06"),
        ([Line(1, "GHS", 2, Decimal("10.00"), Decimal("10.00"), Decimal(0), DAY, DAY)], "RC06"),
        ([line("GHS", 1, "10.00", days=1)], "RC07"),
        ([line("GHS", 1, "10.00", days=-1)], "RC07"),
    ],
    ids=["same number twice", "more than all from the AMO", "wrong total", "after the exit", "end before start"],
)
def test_inconsistent_lines_have_their_code(lines, code):
    assert inconsistency(lines, DAY, DAY) == code
