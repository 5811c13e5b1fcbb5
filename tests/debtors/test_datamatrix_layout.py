"""Cards typed by scanners: every way they have of spoiling a content, and what is told when nothing can be done."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debtors.datamatrix import (
    CardFields,
    Convention,
    DatamatrixContext,
    InvalidCard,
    canonical_content,
    context,
    encode,
    fingerprint,
    parse,
)
from debtors.datamatrix.layout import GS

FIELDS = CardFields(
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    amc_number="0077567227",
    conventions=(Convention("AC", "MCO"), Convention("CM", "MCO", "S"), Convention("RO", "SMR"), Convention("VM")),
    csr="12A?????9",
    member_number="ADH-0042/7",
    responsible=True,
)
CONTENT = "ATP1|20260101|20261231|0077567227|MCO:AC,MCO.S:CM,SMR:RO,VM|12A?????9|ADH-0042/7|R".replace("|", GS)
KEY = b"k" * 32


def test_a_card_is_written_in_the_order_of_the_normalised_block() -> None:
    assert encode(FIELDS) == CONTENT


def test_a_card_is_read_back() -> None:
    card = parse(CONTENT)
    assert card.recognised and card.layout == "ATP1" and card.problems == ()
    assert card.fields == FIELDS
    assert card.content == CONTENT
    assert (card.amc_number, card.csr, card.responsible) == ("0077567227", "12A?????9", True)


def test_every_value_may_be_empty() -> None:
    card = parse("ATP1" + GS * 7)
    assert card.recognised and card.fields == CardFields()
    assert parse(encode(CardFields())).fields == CardFields()


def test_the_eight_or_ten_digits_of_a_printed_amc_number_are_the_same_amc() -> None:
    assert parse(CONTENT.replace("0077567227", "77567227")).amc_number == "0077567227"


SUBSTITUTES = [
    "^]", "\\x1d", "\\u001d", "<GS>", "{GS}", "[GS]", "(GS)", "␝", "|", "~", "~029", "%1D", "[F8]", "<F8>", "¦",
    "&#29;",
]  # fmt: skip


@pytest.mark.parametrize("substitute", SUBSTITUTES)
def test_a_scanner_that_types_something_else_for_the_separator_is_understood(substitute: str) -> None:
    card = parse(CONTENT.replace(GS, substitute))
    assert card.fields == FIELDS and card.content == CONTENT


@pytest.mark.parametrize(
    "typed",
    [
        "]d2" + CONTENT,
        "]d1" + CONTENT,
        CONTENT + "\r\n",
        "\ufeff \t" + CONTENT + " \n",
        CONTENT * 2,
        CONTENT * 3,
        CONTENT + "\r" + CONTENT + "\r",
        CONTENT + "\n\n" + CONTENT,
        ("]d2" + CONTENT) * 2,
        "]d2" + CONTENT + "\r\n]d2" + CONTENT + "\r\n",
        (CONTENT.replace(GS, "<GS>") + "\n") * 2,
        CONTENT.replace(GS, "|") * 2,
        CONTENT.swapcase(),
        CONTENT[:40] + "\n" + CONTENT[40:],
    ],
)
def test_what_scanners_add_repeat_or_invert_changes_nothing(typed: str) -> None:
    card = parse(typed)
    assert card.content == CONTENT and card.fields == FIELDS


def azerty(text: str) -> str:
    """What a French keyboard shows when a scanner set for a US keyboard types: worked out key by key."""
    us = "1234567890-" + "aqzw" + "AQZW" + "m,./" + "M<>?" + ";:" + "_|]"
    fr = "&é\"'(-è_çà)" + "qawz" + "QAWZ" + ",;:!" + "?./§" + "mM" + "°µ$"
    return text.translate(str.maketrans(us, fr))


@pytest.mark.parametrize("separator", [GS, "|", "<GS>"])
def test_a_scanner_set_for_another_keyboard_is_understood(separator: str) -> None:
    typed = azerty(CONTENT.replace(GS, separator))
    assert typed.startswith("QTP&")
    assert parse(typed).fields == FIELDS
    assert parse(azerty("]d2" + CONTENT.replace(GS, separator)) + "\n").content == CONTENT


def test_lost_separators_are_told_as_a_setting_of_the_scanner() -> None:
    card = parse(CONTENT.replace(GS, ""))
    assert not card.recognised and "réglage" in card.problems[0]


def test_a_card_cut_anywhere_is_not_recognised_before_its_last_field() -> None:
    for size in range(len("ATP1"), CONTENT.rindex(GS)):
        card = parse(CONTENT[:size])
        assert not card.recognised and card.problems, size


def test_two_different_cards_scanned_in_a_row_are_not_mixed() -> None:
    other = CONTENT.replace("ADH-0042/7", "ADH-0043/8")
    for typed in (CONTENT + other, CONTENT + "\n" + other):
        card = parse(typed)
        assert not card.recognised and "Deux cartes" in card.problems[0]


@pytest.mark.parametrize(
    ("wrong", "by", "words"),
    [
        ("20260101", "20260231", "début de la période"),
        ("20260101", "2026011", "début de la période"),
        ("20260101", "２０２６0101", "début de la période"),
        ("20261231", "20251231", "avant de commencer"),
        ("0077567227", "007756722X", "n° AMC"),
        ("0077567227", "0000000000", "n° AMC"),
        ("MCO:AC", "XYZ:AC", "types de convention"),
        ("MCO:AC", "MCO:ACX", "types de convention"),
        ("12A?????9", "12A?????99", "CSR"),
        ("12A?????9", "12a", "CSR"),
        ("ADH-0042/7", "A" * 21, "adhérent"),
        ("ADH-0042/7", "A\x07B", "adhérent"),
        (GS + "R", GS + "X", "responsable"),
    ],
)
def test_a_zone_that_makes_no_sense_is_named_and_the_raw_content_kept(wrong: str, by: str, words: str) -> None:
    typed = CONTENT.replace(wrong, by)
    card = parse(typed)
    assert not card.recognised and card.content == typed
    assert words in " ".join(card.problems)
    assert by not in " ".join(card.problems) or by in ("12a",)


@pytest.mark.parametrize("typed", ["https://exemple.invalid/x?y=1|2", "3400930000012", "DC04FR00", "12~34", "A|B"])
def test_a_code_of_an_unknown_layout_is_kept_as_it_is(typed: str) -> None:
    card = parse(typed)
    assert not card.recognised and card.content == typed and card.problems == ()
    assert context(card, "MCO", "SEJOUR") == DatamatrixContext()


def test_an_unknown_card_has_one_content_whatever_the_scanner() -> None:
    raw = GS.join(["XAMC", "77567227", "AC", "0042"])
    contents = {canonical_content(t) for t in (raw, "]d2" + raw, raw.replace(GS, "<GS>"), raw * 2, raw + "\r\n")}
    assert contents == {raw}


def test_nothing_typed_is_nothing_read() -> None:
    card = parse(" \r\n")
    assert not card.recognised and card.content == "" and card.problems


@pytest.mark.parametrize(
    ("domain", "kind", "convention"),
    [
        ("MCO", "EXTERNE", "AC"),
        ("MCO", "SEJOUR", "CM"),
        ("SMR", "SEJOUR", "RO"),
        ("SMR", "EXTERNE", "RO"),
        ("PSY", "EXTERNE", "VM"),
        ("HAD", "SEJOUR", "VM"),
    ],
)
def test_the_most_precise_convention_applies(domain: str, kind: str, convention: str) -> None:
    assert context(parse(CONTENT), domain, kind) == DatamatrixContext("0077567227", convention, "12A?????9")


def test_a_convention_for_one_domain_says_nothing_of_the_others() -> None:
    card = parse(encode(dataclasses.replace(FIELDS, conventions=(Convention("RO", "SMR"),))))
    assert context(card, "MCO", "SEJOUR").convention == ""


def test_an_unknown_domain_or_kind_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError):
        context(parse(CONTENT), "SSR", "SEJOUR")
    with pytest.raises(ValueError):
        context(parse(CONTENT), "MCO", "ACE")


def test_the_period_of_a_card_holds_both_its_ends() -> None:
    card = parse(CONTENT)
    assert card.is_valid_on(date(2026, 1, 1)) and card.is_valid_on(date(2026, 12, 31))
    assert card.is_valid_on(date(2025, 12, 31)) is False and card.is_valid_on(date(2027, 1, 1)) is False
    assert parse("ATP1" + GS * 7).is_valid_on(date(2026, 1, 1)) is None
    half = parse(encode(dataclasses.replace(FIELDS, valid_from=None)))
    assert half.is_valid_on(date(1990, 1, 1)) is True


def test_the_fingerprint_depends_on_the_whole_card_and_on_the_key() -> None:
    mark = parse(CONTENT).fingerprint(KEY)
    assert len(mark) == 64 and int(mark, 16)
    assert mark == parse("]d2" + CONTENT.replace(GS, "^]") * 2 + "\n").fingerprint(KEY)
    assert mark != parse(CONTENT).fingerprint(b"K" * 32)
    assert mark != fingerprint(CONTENT[:-1], KEY)
    with pytest.raises(ValueError):
        fingerprint(CONTENT, b"short")


def test_a_card_never_shows_its_holder_unasked() -> None:
    shown = repr(parse(CONTENT)) + repr(FIELDS)
    assert "ADH" not in shown and "\\x1d" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"amc_number": "77567227"},
        {"amc_number": "X"},
        {"member_number": "A" + GS + "B"},
        {"member_number": "A" * 21},
        {"csr": "abc"},
        {"conventions": (Convention("ABC"),)},
        {"valid_until": date(2025, 1, 1)},
    ],
)
def test_fields_that_no_card_can_hold_are_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidCard):
        encode(dataclasses.replace(FIELDS, **changes))  # type: ignore[arg-type]


CODES = st.from_regex(r"[A-Z]{2}", fullmatch=True)
CONVENTIONS = st.builds(
    Convention, CODES, st.sampled_from(["MCO", "SMR", "PSY", "HAD"]), st.sampled_from(["", "E", "S"])
)
CARDS = st.builds(
    CardFields,
    valid_from=st.none() | st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    valid_until=st.none() | st.dates(date(2030, 1, 1), date(2099, 1, 1)),
    amc_number=st.just("") | st.integers(1, 10**10 - 1).map(lambda n: f"{n:010d}"),
    conventions=st.lists(CONVENTIONS, max_size=6).map(tuple),
    csr=st.from_regex(r"[A-Z0-9?]{0,9}", fullmatch=True),
    member_number=st.from_regex(r"[A-Z0-9/-]{0,20}", fullmatch=True),
    responsible=st.booleans(),
)


@given(
    CARDS, st.sampled_from(["", *SUBSTITUTES]), st.booleans(), st.integers(1, 3), st.sampled_from(["", "\n", "\r\n"])
)
def test_any_card_survives_any_scanner(card: CardFields, substitute: str, prefix: bool, times: int, end: str) -> None:
    content = encode(card)
    typed = content.replace(GS, substitute) if substitute else content
    typed = (("]d2" if prefix else "") + typed + end) * times
    assert parse(typed).content == content
    assert parse(typed).fields == card


@given(CARDS)
def test_any_card_survives_a_foreign_keyboard(card: CardFields) -> None:
    assert parse(azerty(encode(card))).fields == card


@given(st.text(max_size=300))
def test_no_text_at_all_can_make_the_reader_fail(text: str) -> None:
    card = parse(text)
    assert not card.recognised or card.layout
    assert parse(card.content).content == card.content
