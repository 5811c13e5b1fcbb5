"""What the AMO's answer makes of a stay, by the table of its codes."""

from __future__ import annotations

import csv
from datetime import date

import pytest

from admissions.reference import DATA
from admissions.rules.amo import Applied, Effect, Facts, Period, applied, differences, rights_open

DAY = date(2026, 11, 23)


def table() -> list[Effect]:
    with (DATA / "amo_effects.csv").open(newline="", encoding="utf-8") as file:
        return [
            Effect(
                row["list"], row["code"], int(row["precedence"]), row["nature"], row["exemption"], row["situation"],
                row["label"], date.fromisoformat(row["valid_from"]),
                date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "held"),
    [(date(2026, 11, 22), False), (DAY, True), (date(2026, 12, 31), True), (date(2027, 1, 1), False)],
    ids=["the day before", "the first day", "the last day", "the day after"],
)
def test_rights_hold_on_both_their_ends(day, held) -> None:
    assert rights_open(DAY, date(2026, 12, 31), day) is held


def test_an_answer_without_rights_says_nothing_of_them() -> None:
    assert rights_open(None, None, DAY) is None
    assert rights_open(None, DAY, DAY) is True


@pytest.mark.parametrize(
    ("periods", "nature", "exemption", "situations"),
    [
        ([], "10", "", ()),
        ([Period("ETM", "8")], "10", "4", ()),
        ([Period("ETM", "8"), Period("ETM", "6")], "30", "0", ()),
        ([Period("ETM", "14"), Period("ETM", "9")], "10", "5", ()),
        ([Period("MTM", "9"), Period("SP", "1")], "13", "0", ("LOCAL", "C2S")),
        ([Period("SP", "10"), Period("ETM", "8")], "10", "0", ("AME",)),
        ([Period("ETM", "99")], "10", "", ()),
    ],
    ids=[
        "nothing",
        "ALD",
        "maternity before ALD",
        "invalidity before ALD",
        "local scheme and C2S",
        "AME first",
        "unknown",
    ],
)
def test_the_strongest_code_applies_and_every_situation_is_kept(periods, nature, exemption, situations) -> None:
    said = applied(periods, table(), DAY)
    assert (said.nature, said.exemption, said.situations) == (nature, exemption, situations)


def test_the_more_favourable_of_prescription_and_care_applies() -> None:
    over = Period("ETM", "8", date(2026, 1, 1), date(2026, 11, 1))
    assert applied([over], table(), DAY) == Applied("10", "", (), "", DAY)
    prescribed = date(2026, 11, 1)
    assert applied([over], table(), DAY, prescribed).exemption == "4"
    assert applied([over], table(), DAY, prescribed).day == prescribed
    begun = Period("ETM", "8", DAY)
    assert applied([begun], table(), DAY, prescribed).day == DAY


def test_what_the_amo_says_otherwise_is_told_field_by_field() -> None:
    had = Facts("01", "351", "0000", "", (), date(2026, 1, 1), None)
    got = Facts("02", "351", "", "4", ("C2S",), date(2025, 1, 1), date(2026, 12, 31))
    assert differences(had, got) == {
        "regime": ("01", "02"),
        "exemption": ("", "4"),
        "situations": ("", "C2S"),
        "rights_until": ("", "2026-12-31"),
    }
    assert differences(had, had) == {}
