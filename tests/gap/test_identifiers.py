"""NIR, FINESS and AMC numbers: what is accepted, what is refused and with which sentence, what is never shown."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap.identifiers import InvalidIdentifier, Nir, nir_key, parse_amc_number, parse_finess, parse_nir

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "vectors"


def vectors(name: str) -> list[dict[str, str]]:
    path = VECTORS / name
    if not path.exists():
        pytest.skip("reference vectors are not on this machine")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


#: Invented: number, key worked out by the offset formula (2A: −1 000 000, 2B: −2 000 000 once the letter is a 0).
OWN_NIRS = [
    ("2840535238117", "78"),  # mainland
    ("2840597238117", None),  # overseas
    ("284052A238117", None),
    ("284052B238117", None),
    ("7840535238117", None),  # temporary
    ("3840535238117", None),
    ("2849935238117", None),  # fictitious month
]


def independent_key(number: str) -> str:
    offset = {"2A": 1_000_000, "2B": 2_000_000}.get(number[5:7], 0)
    return f"{97 - (int(number.replace('A', '0').replace('B', '0')) - offset) % 97:02d}"


@pytest.mark.parametrize(("number", "key"), OWN_NIRS)
def test_every_family_of_nir_is_read_with_its_key(number: str, key: str | None) -> None:
    key = key or independent_key(number)
    nir = parse_nir(number + key)
    assert (nir.number, nir.key, nir.value) == (number, key, number + key)
    assert nir_key(number) == key


def test_reference_nirs_are_judged_as_published() -> None:
    for row in vectors("nir_keys.csv"):
        if row["valid"] == "yes":
            assert parse_nir(row["nir"] + row["key"]).value == row["nir"] + row["key"]
        else:
            with pytest.raises(InvalidIdentifier) as refusal:
                parse_nir(row["nir"] + row["key"])
            assert refusal.value.reason == "key"


@given(st.from_regex(r"[1-8][0-9]{4}(?:[0-9]{2}|2A|2B)[0-9]{6}", fullmatch=True))
def test_two_formulas_of_the_key_agree_on_any_number(number: str) -> None:
    assert nir_key(number) == independent_key(number)


@given(st.integers(0, 12), st.integers(1, 9))
def test_any_single_wrong_digit_is_caught(position: int, shift: int) -> None:
    good = "284053523811778"
    wrong = good[:position] + str((int(good[position]) + shift) % 10) + good[position + 1 :]
    with pytest.raises(InvalidIdentifier):
        parse_nir(wrong)


@pytest.mark.parametrize(
    "typed",
    [
        "2 84 05 35 238 117 78",
        " 2.84.05.35.238.117.78 ",
        "2\u00a084\u202f05 35 238 117-78",
        "２８４０５３５２３８１１７７８",
    ],
)
def test_spaces_and_separators_do_not_matter(typed: str) -> None:
    assert parse_nir(typed).value == "284053523811778"


def test_corsican_letters_may_be_typed_in_lower_case() -> None:
    key = independent_key("284052A238117")
    assert parse_nir(f"2 84 05 2a 238 117 {key}").department == "2A"


@pytest.mark.parametrize(
    ("typed", "reason", "words"),
    [
        ("", "empty", "Saisissez"),
        ("   ", "empty", "Saisissez"),
        ("2840535238117", "missing_key", "clé"),
        ("28405352381171", "length", "14 saisis"),
        ("2840535238117130", "length", "16 saisis"),
        ("28405352381171X", "format", "caractère"),
        ("2840535B3811713", "format", "caractère"),
        ("084053523811713", "format", "caractère"),
        ("284053523811779", "key", "inversés"),
        ("284052C23811713", "format", "caractère"),
        ("28405352381171²", "key", "inversés"),
    ],
)
def test_a_refused_nir_says_why_in_french_and_never_repeats_it(typed: str, reason: str, words: str) -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        parse_nir(typed)
    assert refusal.value.reason == reason
    assert words in refusal.value.message_fr
    assert not typed.strip() or typed.strip() not in str(refusal.value)


def test_a_nir_never_shows_itself_unasked() -> None:
    nir = parse_nir("284053523811778")
    for shown in (repr(nir), str(nir), f"{nir}", repr([nir]), repr({"nir": nir})):
        assert "238" not in shown and "117" not in shown
    assert nir.masked == "2 84 •• •• ••• ••• ••"
    assert nir.formatted == "2 84 05 35 238 117 78"


def test_what_a_nir_tells() -> None:
    assert parse_nir("284053523811778").sex == "F"
    assert Nir("7850199999994", "82").is_temporary and not Nir("2840535238117", "78").is_temporary
    assert Nir("1850197100999", "47").department == "971"
    assert Nir("1850199999001", "17").department == "99"
    assert Nir("2555555751333", "24").is_anonymous and not Nir("2840535238117", "78").is_anonymous


# ---- FINESS ----


def test_reference_finess_numbers_are_judged_as_published() -> None:
    for row in vectors("finess_luhn.csv"):
        if row["luhn_valid"] == "yes" and row["finess"] != "000000000":
            assert parse_finess(row["finess"]).value == row["finess"]
        else:
            with pytest.raises(InvalidIdentifier):
                parse_finess(row["finess"])


def test_reference_corsican_numbers_convert_to_the_digits_of_b2() -> None:
    for row in vectors("finess_corsica.csv"):
        finess = parse_finess(row["finess_alpha"])
        assert finess.digits == row["finess_b2"]
        assert finess.warning_fr == ""


def test_finess_is_read_with_spaces_and_its_key_checked() -> None:
    assert parse_finess("60 010 071 3").value == "600100713"
    assert parse_finess("600100713").digits == "600100713"
    with pytest.raises(InvalidIdentifier) as refusal:
        parse_finess("600100714")
    assert refusal.value.reason == "key"


def test_a_doubtful_corsican_key_is_a_warning_not_a_refusal() -> None:
    assert parse_finess("2A0002689").warning_fr == ""
    assert "vérifier" in parse_finess("2A0002688").warning_fr


def test_a_corsican_number_outside_the_rule_refuses_to_convert() -> None:
    finess = parse_finess("2B0102689")
    assert finess.warning_fr
    with pytest.raises(InvalidIdentifier) as refusal:
        _ = finess.digits
    assert refusal.value.reason == "conversion"


@pytest.mark.parametrize(
    ("typed", "reason"), [("", "empty"), ("60010071", "length"), ("60010071X", "format"), ("000000000", "unreal")]
)
def test_refused_finess_has_a_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        parse_finess(typed)
    assert refusal.value.reason == reason


# ---- AMC ----


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("77567227", "0077567227"),
        ("775 672 27", "0077567227"),
        ("775672271", "0775672271"),
        ("0077567227", "0077567227"),
        ("77 567 22 7\u00a0", "0077567227"),
    ],
)
def test_amc_numbers_of_cards_become_ten_digits(typed: str, expected: str) -> None:
    assert parse_amc_number(typed) == expected


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "empty"), ("1234567", "length"), ("12345678901", "length"), ("7756722A", "format"), ("00000000", "unreal")],
)
def test_refused_amc_number_has_a_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        parse_amc_number(typed)
    assert refusal.value.reason == reason
