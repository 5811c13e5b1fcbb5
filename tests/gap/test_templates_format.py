"""What the filters write, no-break spaces included."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from gap.lists import COUNTED, Total
from gap.templatetags import gap_format as written
from gap.text import NBSP


def spaced(text: str) -> str:
    """Expected texts are typed with `_` for a no-break space, which nobody sees in a source."""
    return text.replace("_", NBSP)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1234.56"), "1_234,56_€"),
        (Decimal("1234567.5"), "1_234_567,50_€"),
        (0, "0,00_€"),
        (Decimal("-12.5"), "−12,50_€"),
        ("3,10", "3,10_€"),
        (None, "–"),
        ("", "–"),
    ],
)
def test_euros_are_written_the_french_way(value, expected):
    assert written.euros(value) == spaced(expected)


def test_a_float_is_never_an_amount():
    with pytest.raises(TypeError):
        written.euros(1.5)


def test_an_amount_without_sign_keeps_its_two_places():
    assert written.amount(Decimal("2524.8")) == spaced("2_524,80")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(8_220_000, "8,22_M€"), (118_400, "118_k€"), (7_500, "7,5_k€"), (940, "940_€"), (Decimal("26000"), "26_k€")],
)
def test_amounts_of_pictures_are_short(value, expected):
    assert written.euros_short(value) == spaced(expected)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0_dossier"), (1, "1_dossier"), (2, "2_dossiers"), (1214, "1_214_dossiers")]
)
def test_zero_and_one_are_singular(count, expected):
    assert written.counted(count, "dossier") == spaced(expected)
    assert written.counted(count, "dossier,dossiers") == spaced(expected)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0_dossier"), (1, "1_dossier"), (3, "3_dossiers"), (COUNTED + 1, "plus_de_10_000_dossiers")],
)
def test_the_total_of_a_list_agrees_with_its_noun(count, expected):
    assert written.counted(Total(count, None), "dossier").replace(" ", NBSP) == spaced(expected)


def test_numbers_and_rates():
    assert written.number(41280) == spaced("41_280")
    assert written.number(6.25, 1) == "6,3"
    assert written.percent(96.8) == spaced("96,8_%")
    assert written.percent(Decimal("0.1"), 2) == spaced("0,10_%")


def test_an_instant_is_written_in_the_zone_of_the_hospital():
    instant = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert written.short_date(instant) == "21/11/2026"
    assert written.day_month(instant) == "21/11"
    assert written.clock(instant) == "00:30"
    assert written.day_clock(instant) == spaced("21/11_00:30")
    assert written.date_clock(instant) == spaced("21/11/2026_00:30")
    assert written.long_date(instant) == spaced("samedi 21_novembre 2026")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 11, 21, 14, 5), "14:05"),
        (datetime(2026, 11, 20, 14, 5), "hier"),
        (date(2026, 11, 21), "aujourd’hui"),
        (date(2026, 11, 18), "18/11"),
        (date(2025, 11, 18), "18/11/2025"),
    ],
)
def test_a_moment_takes_its_shortest_unmistakable_form(value, expected):
    assert written.moment_text(value, date(2026, 11, 21)) == expected


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (timedelta(days=2, hours=20), "2_j"),
        (timedelta(hours=4, minutes=59), "4_h"),
        (timedelta(minutes=49), "49_min"),
        (timedelta(seconds=30), "à l’instant"),
        (timedelta(seconds=-30), "à l’instant"),
    ],
)
def test_since_says_one_unit_rounded_down(elapsed, expected):
    assert written.since_text(elapsed) == spaced(expected)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.01, "moins de 0,1_s"),
        (0.42, "0,4_s"),
        (timedelta(milliseconds=600), "0,6_s"),
        (9.96, "10_s"),
        (59.7, "1_min_00_s"),
        (125, "2_min_05_s"),
        (4320, "1_h_12_min"),
        (None, "–"),
    ],
)
def test_durations_change_unit_as_they_grow(seconds, expected):
    assert written.duration(seconds) == spaced(expected)


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        (date(1984, 5, 17), "42_ans"),
        (date(1984, 11, 22), "41_ans"),
        (date(2024, 11, 22), "23_mois"),
        (date(2024, 11, 21), "2_ans"),
        (date(2026, 10, 21), "1_mois"),
        (date(2026, 11, 9), "12_jours"),
        (date(2026, 11, 21), "0_jour"),
        (date(2026, 12, 1), "à naître"),
    ],
)
def test_age_is_in_months_then_days_for_the_youngest(birth, expected):
    assert written.age_text(birth, date(2026, 11, 21)) == spaced(expected)


def test_identifiers_keep_their_signs():
    assert written.nir("284053523811778") == spaced("2_84_05_35_238_117_78")
    assert written.nir("2840535238117") == spaced("2_84_05_35_238_117")
    assert written.nir("2 84 05 2A 238 117 78") == spaced("2_84_05_2A_238_117_78")
    assert written.nir("inconnu") == "inconnu"
    assert written.amc_number("0044817205") == spaced("0044_817_205")
    assert written.identifier("004512877") == "004512877"
    assert written.identifier(41280) == "41280"


@pytest.mark.parametrize(
    "name",
    ["euros", "amount", "euros_short", "number", "percent", "short_date", "long_date", "day_month", "clock",
     "date_clock", "day_clock", "moment", "since", "duration", "age", "nir", "amc_number", "identifier"],
)  # fmt: skip
def test_every_filter_shows_a_dash_for_nothing(name):
    assert getattr(written, name)(None) == "–"
