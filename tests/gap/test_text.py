"""Names are found however they are typed; records are plain upper case; amounts and dates read as in French."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap.text import (
    b2_text,
    format_date,
    format_datetime,
    format_euros,
    format_long_date,
    search_key,
    search_tokens,
    unaccented,
)


@pytest.mark.parametrize(
    ("typed", "tokens"),
    [
        ("Jean-Œdipe d’Ésope", ("JEAN", "OEDIPE", "ESOPE")),
        ("DE LA TOUR", ("TOUR",)),
        ("L'Hôpitalier", ("HOPITALIER",)),
        ("Strauß", ("STRAUSS",)),
        ("Łukasz Ørsted", ("LUKASZ", "ORSTED")),
        ("Lê", ("LE",)),
        ("  ", ()),
        ("N’Guyen–Ævar", ("N", "GUYEN", "AEVAR")),
        ("Nuñez\u00a0Çelik", ("NUNEZ", "CELIK")),
    ],
)
def test_names_become_the_words_people_look_for(typed: str, tokens: tuple[str, ...]) -> None:
    assert search_tokens(typed) == tokens
    assert search_key(typed) == " ".join(tokens)


def test_composed_and_decomposed_accents_are_the_same_name() -> None:
    assert search_key("Hélène") == search_key("He\u0301le\u0300ne") == "HELENE"


def test_particles_can_be_kept() -> None:
    assert search_tokens("de La Tour", keep_particles=True) == ("DE", "LA", "TOUR")


@given(st.text())
def test_a_search_key_is_stable_and_ascii(text: str) -> None:
    key = search_key(text)
    assert key.isascii() and key == key.upper()
    assert search_tokens(key, keep_particles=True) == tuple(key.split())


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_never_altered_by_removing_accents(text: str) -> None:
    assert unaccented(text) == text


def test_record_text_is_upper_case_plain_and_cut_on_request() -> None:
    assert b2_text("  Élodie   d’Août ") == "ELODIE D'AOUT"
    assert b2_text("Cœur de Bœuf", 8) == "COEUR DE"
    assert b2_text("AB CD", 3) == "AB"


def test_french_amounts_and_dates() -> None:
    assert format_euros(Decimal("1234567.5")) == "1\u202f234\u202f567,50\u00a0€"
    assert format_euros(Decimal("-12")) == "−12,00\u00a0€"
    assert format_euros(0, symbol=False) == "0,00"
    assert format_date(date(2026, 5, 3)) == "03/05/2026"
    assert format_long_date(date(2026, 3, 1)) == "1er\u00a0mars 2026"
    assert format_datetime(datetime(2026, 5, 3, 14, 5)) == "03/05/2026 à 14\u00a0h\u00a005"
