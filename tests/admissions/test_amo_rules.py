"""What the AMO's answer makes of a stay, by the table of its codes."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admissions.reference import amo_effects
from admissions.rules.amo import Applied, Facts, Period, applied, differences, favour, rights_open, slices

DAY = date(2026, 11, 23)


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
    said = applied(periods, amo_effects(), DAY)
    assert (said.nature, said.exemption, said.situations) == (nature, exemption, situations)


def test_the_more_favourable_of_prescription_and_care_applies() -> None:
    over = Period("ETM", "8", date(2026, 1, 1), date(2026, 11, 1))
    assert applied([over], amo_effects(), DAY) == Applied("10", "", (), "", DAY)
    prescribed = date(2026, 11, 1)
    assert applied([over], amo_effects(), DAY, prescribed).exemption == "4"
    assert applied([over], amo_effects(), DAY, prescribed).day == prescribed
    begun = Period("ETM", "8", DAY)
    assert applied([begun], amo_effects(), DAY, prescribed).day == DAY


def test_what_the_amo_says_otherwise_is_told_field_by_field() -> None:
    had = Facts("01 351 0000", "A", rights_from=date(2026, 1, 1))
    got = Facts("02 351 0000", "B", exemption="4", situations=("C2S",), rights_until=date(2026, 12, 31))
    assert differences(had, got, DAY) == ["fund", "insured", "exemption", "situations", "period"]
    assert differences(had, had, DAY) == []


def test_rights_that_hold_longer_are_no_difference_and_those_that_do_not_hold_are_one() -> None:
    had = Facts(rights_from=date(2026, 1, 1), rights_until=date(2026, 12, 31))
    assert differences(had, Facts(rights_from=date(2020, 1, 1), rights_until=date(2027, 6, 30)), DAY) == []
    assert differences(had, Facts(rights_from=date(2020, 1, 1), rights_until=DAY), DAY) == ["period"]
    assert differences(had, Facts(rights_from=date(2020, 1, 1), rights_until=date(2026, 11, 22)), DAY) == ["closed"]


def test_days_are_cut_where_what_applies_changes_and_nowhere_else() -> None:
    periods = [
        Period("ETM", "8", date(2026, 3, 1), date(2026, 6, 30)),
        Period("ETM", "9", date(2026, 6, 1), date(2026, 8, 31)),
        Period("ETM", "99", date(2026, 4, 1), date(2026, 4, 2)),
    ]
    cut = slices(periods, amo_effects(), date(2026, 1, 1), date(2026, 12, 31))
    assert [(start, end, said.exemption) for start, end, said in cut] == [
        (date(2026, 1, 1), date(2026, 2, 28), ""),
        (date(2026, 3, 1), date(2026, 8, 31), "4"),
        (date(2026, 9, 1), date(2026, 12, 31), ""),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(["6", "8", "14", "17"]), st.integers(0, 400), st.integers(0, 200)), max_size=5),
    st.integers(0, 400),
)
def test_what_applies_on_a_day_is_what_its_slice_says(codes, offset) -> None:
    first, last = date(2026, 1, 1), date(2027, 2, 4)
    periods = [
        Period("ETM", code, first + timedelta(start), first + timedelta(start + length))
        for code, start, length in codes
    ]
    cut = slices(periods, amo_effects(), first, last)
    assert cut[0][0] == first and cut[-1][1] == last
    assert all(one[1] + timedelta(1) == following[0] for one, following in pairwise(cut))
    day = min(first + timedelta(offset), last)
    (here,) = [said for start, end, said in cut if start <= day <= end]
    said = applied(periods, amo_effects(), day)
    assert (here.nature, here.exemption, here.situations) == (said.nature, said.exemption, said.situations)


def test_the_more_favourable_has_the_lower_rank() -> None:
    def rank(nature="10", exemption="", situations=()):
        return favour(nature, exemption, situations, amo_effects(), DAY)

    assert rank(situations=["AME"]) < rank(nature="30") < rank(exemption="5") < rank(exemption="4")
    assert rank(exemption="4") < rank(nature="13", situations=["LOCAL"]) < rank(situations=["C2S"]) < rank()
