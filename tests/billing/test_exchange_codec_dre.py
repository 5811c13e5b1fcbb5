"""DRE-ES lots: exact records, the engaged amount and nothing else, read back whole or not at all."""

from __future__ import annotations

import dataclasses
import io
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.exchange import DreInvoice, DreLine, FileVerdict, LotHeader, RecordError, read_dre, write_dre
from gap.fixedwidth import EncodeError
from gap.identifiers import nir_key

NUMBER = "2840535238117"
NIR = NUMBER + nir_key(NUMBER)
HEADER = LotHeader(
    "000000042",
    "0077567227",
    "600100713",
    "600000194",
    datetime(2026, 5, 3, 14, 5, 6),
    "dre-es.box@amc.example",
    "MUT-01",
)


def line(number: int, amc: str = "20.00") -> DreLine:
    return DreLine(
        number=number,
        service_code="FJ",
        quantity=1,
        unit_price=Decimal(amc),
        total=Decimal(amc),
        amo_base=Decimal("0.00"),
        rate=0,
        amo_amount=Decimal("0.00"),
        amc_amount=Decimal(amc),
        start=date(2026, 5, 1),
        end=date(2026, 5, 2),
    )


def invoice(number: int = 1, lines: tuple[DreLine, ...] = (line(1), line(2, "3.50")), **changes: object) -> DreInvoice:
    values = dict(
        number=f"26{number:07d}",
        engagement_number=f"E6722726{number:010d}",
        engaged_amount=sum((item.amc_amount for item in lines), Decimal("0.00")),
        finess_site="600000194",
        stay_number="260000123",
        nir=NIR,
        birth=date(1984, 5, 12),
        amc_number="0077567227",
        entry=date(2026, 5, 1),
        exit=date(2026, 5, 2),
        domain="MCO",
        kind="SEJOUR",
        lines=lines,
        member_number="adh/12-34",
        convention="AC",
        csr="123",
        amo_regime="01",
        amo_fund="601",
        amo_centre="0000",
    )
    return DreInvoice(**(values | changes))  # type: ignore[arg-type]


def as_read(source: DreInvoice) -> DreInvoice:
    """What the record keeps: a birth date without century, defaults written out."""
    birth = source.birth if isinstance(source.birth, str) else f"{source.birth:%y%m%d}"
    return dataclasses.replace(source, birth=birth, contract_type=source.contract_type or "00")


def lot(*invoices: DreInvoice) -> bytes:
    file = io.BytesIO()
    summary = write_dre(HEADER, invoices, file)
    assert summary.size == len(file.getvalue())
    assert summary.invoice_count == len(invoices)
    return file.getvalue()


def read(content: bytes) -> tuple[list[object], FileVerdict]:
    items = list(read_dre(io.BytesIO(content)))
    verdict = items.pop()
    assert isinstance(verdict, FileVerdict)
    return items, verdict


def test_a_lot_is_made_of_128_character_records() -> None:
    content = lot(invoice(1), invoice(2))
    lines = content.splitlines()
    assert {len(text) for text in lines} == {128}
    assert [text[:3] for text in (lines[0], lines[1], lines[-1])] == [b"000", b"001", b"999"]
    assert [text[:1] for text in lines[2:-1]] == [b"2", b"2", b"3", b"3", b"5"] * 2


def test_the_invoice_records_keep_the_positions_of_b2() -> None:
    record = lot(invoice()).splitlines()[2].decode()
    assert record[1:10] == "600000194"
    assert record[11:26] == NIR
    assert record[29:38] == "260000001"
    assert record[48:57] == "016010000"
    assert record[95:101] == "840512"
    assert record[102:114] == "260501260502"
    assert record[118:128] == "0077567227"


def test_a_lot_reads_as_it_was_written() -> None:
    invoices = [invoice(n) for n in (1, 2, 3)]
    items, verdict = read(lot(*invoices))
    assert items == [HEADER, *map(as_read, invoices)]
    assert verdict.complete and verdict.total == Decimal("70.50") and verdict.record_count == 15


def test_an_invoice_for_another_amount_than_the_engagement_is_never_written() -> None:
    with pytest.raises(EncodeError) as refusal:
        lot(invoice(engaged_amount=Decimal("23.51")))
    assert [error.reason for error in refusal.value.errors] == ["not_engaged"]
    assert "engagé" in str(refusal.value)


def test_every_contradiction_of_an_invoice_is_told_at_once() -> None:
    with pytest.raises(EncodeError) as refusal:
        lot(invoice(amc_number="0012345678", nir=NIR[:13], kind="AUTRE", finess_site="600000195", lines=()))
    assert {error.field for error in refusal.value.errors} == {"amc_number", "nir", "kind", "finess", "lines"}
    assert NIR[:13] not in str(refusal.value)


def test_an_amount_that_does_not_fit_is_refused_with_its_line() -> None:
    with pytest.raises(EncodeError) as refusal:
        lot(invoice(lines=(line(1, "10000000.00"),)))
    assert {(error.line, error.reason) for error in refusal.value.errors} == {(5, "too_long")}


def test_a_corsican_site_travels_in_digits() -> None:
    assert lot(invoice(finess_site="2A0002689")).splitlines()[2][1:10] == b"200102689"


def test_a_lunar_birth_date_travels() -> None:
    items, _ = read(lot(invoice(birth="531300")))
    assert items[1].birth == "531300"  # type: ignore[attr-defined]


def test_a_lot_cut_at_any_byte_is_never_complete() -> None:
    content = lot(invoice(1), invoice(2))
    for size in range(len(content)):
        _, verdict = read(content[:size])
        assert not verdict.complete and verdict.reasons_fr, size


@given(st.data())
def test_a_lot_with_lines_lost_doubled_or_moved_is_never_complete(data: st.DataObject) -> None:
    lines = lot(invoice(1), invoice(2)).splitlines(keepends=True)
    shuffled = (
        data.draw(st.permutations(lines))
        if data.draw(st.booleans())
        else data.draw(st.lists(st.sampled_from(lines), max_size=14))
    )
    if shuffled != lines:
        assert not read(b"".join(shuffled))[1].complete


@given(st.binary(max_size=500))
def test_any_content_ends_with_a_verdict(content: bytes) -> None:
    assert not read(content)[1].complete
    assert not read(lot(invoice())[: 129 * 3] + content)[1].complete


def test_an_invoice_whose_totals_are_wrong_is_an_error() -> None:
    lines = lot(invoice()).splitlines(keepends=True)
    lines[6] = lines[6].replace(b"0000002350", b"0000002351")
    items, verdict = read(b"".join(lines))
    assert not verdict.complete and any(isinstance(item, RecordError) for item in items)


def test_nobody_is_named_in_a_repr() -> None:
    assert NIR not in repr(invoice()) and "1984" not in repr(invoice()) and "adh" not in repr(invoice())


CENTS = st.integers(0, 99_999_999).map(lambda cents: Decimal(cents).scaleb(-2))


@given(st.lists(CENTS, min_size=1, max_size=30), st.sampled_from(["EXTERNE", "SEJOUR"]), st.booleans())
def test_any_invoice_makes_the_round_trip(amounts: list[Decimal], kind: str, rich: bool) -> None:
    lines = tuple(line(n, str(amount)) for n, amount in enumerate(amounts, start=1))
    source = invoice(lines=lines, kind=kind, exemption="3" if rich else "", csr="" if rich else "999999999")
    items, verdict = read(lot(source))
    assert verdict.complete and items[1] == as_read(source)
