"""ARL, 578R, 908R: read as written, recognised by content; a file cut or altered anywhere is never taken as whole."""

from __future__ import annotations

import io
import itertools
import time
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.exchange import (
    FileVerdict,
    InvoiceAnomaly,
    InvoicePayment,
    InvoiceRejection,
    LotAcknowledgement,
    Record,
    RecordError,
    Remittance,
    ReturnHeader,
    ReturnKind,
    read_return,
    write_return,
)

WRITTEN = datetime(2026, 5, 3, 14, 5, 6)


def header(kind: ReturnKind) -> ReturnHeader:
    return ReturnHeader(kind, "000000012", "0077567227", "600100713", WRITTEN)


def payment(invoice: int, amount: str, reference: str = "VIR2026-0001") -> InvoicePayment:
    return InvoicePayment(
        0, 0, reference, date(2026, 5, 2), "000000001", f"26{invoice:07d}", f"E7722726{invoice:010d}", Decimal(amount)
    )


def remittance(amount: str, count: int, reference: str = "VIR2026-0001") -> Remittance:
    return Remittance(0, 0, reference, date(2026, 5, 2), Decimal(amount), count)


RECORDS: dict[ReturnKind, list[Record]] = {
    ReturnKind.ARL: [
        LotAcknowledgement(0, 0, "000000001", True, 12, Decimal("1234.56")),
        LotAcknowledgement(0, 0, "000000002", False, 2, Decimal("20.00"), "LOT-KO", "Factures en anomalie"),
        InvoiceAnomaly(0, 0, "000000002", "260000007", "ENG-INC", "Engagement inconnu"),
        InvoiceAnomaly(0, 0, "000000002", "", "LOT-DBL"),
    ],
    ReturnKind.PAYMENT: [remittance("120.50", 2), payment(1, "100.50"), payment(2, "20.00")],
    ReturnKind.REJECTION: [
        InvoiceRejection(
            0, 0, "000000001", "260000003", "E772272600001", date(2026, 5, 4), "MNT-DIF", "Montant different"
        )
    ],
}


def written(kind: ReturnKind, records: list[Record] | None = None) -> bytes:
    file = io.BytesIO()
    write_return(header(kind), RECORDS[kind] if records is None else records, file)
    return file.getvalue()


def read(content: bytes) -> tuple[list[object], FileVerdict]:
    items = list(read_return(io.BytesIO(content)))
    verdict = items.pop()
    assert isinstance(verdict, FileVerdict)
    return items, verdict


def placed(records: list[Record]) -> list[Record]:
    """The same records with the line and number that a file gives them."""
    fields = [{name: getattr(r, name) for name in r.__dataclass_fields__} for r in records]
    return [
        type(r)(**{**f, "line": n + 1, "number": n})  # type: ignore[arg-type]
        for n, (r, f) in enumerate(zip(records, fields, strict=True), start=1)
    ]


@pytest.mark.parametrize("kind", list(ReturnKind))
def test_each_kind_of_return_reads_as_it_was_written(kind: ReturnKind) -> None:
    content = written(kind)
    assert all(len(line) == 128 for line in content.splitlines()) and content.endswith(b"\n")
    items, verdict = read(content)
    assert items == [header(kind), *placed(RECORDS[kind])]
    assert verdict.complete and verdict.reasons_fr == () and verdict.errors == 0
    assert (verdict.kind, verdict.record_count) == (kind, len(RECORDS[kind]))


def test_totals_count_lots_and_invoices_not_transfers() -> None:
    assert read(written(ReturnKind.PAYMENT))[1].total == Decimal("120.50")
    assert read(written(ReturnKind.ARL))[1].total == Decimal("1254.56")
    assert read(written(ReturnKind.REJECTION))[1].total == Decimal("0.00")


def test_money_taken_back_is_negative() -> None:
    content = written(ReturnKind.PAYMENT, [remittance("-30.00", 2), payment(1, "10.00"), payment(2, "-40.00")])
    items, verdict = read(content)
    assert verdict.complete and verdict.total == Decimal("-30.00")
    assert [item.amount for item in items if isinstance(item, InvoicePayment)] == [Decimal("10.00"), Decimal("-40.00")]


@pytest.mark.parametrize("kind", list(ReturnKind))
def test_a_file_cut_at_any_byte_is_never_complete(kind: ReturnKind) -> None:
    content = written(kind)
    for size in range(len(content)):
        _, verdict = read(content[:size])
        assert not verdict.complete and verdict.reasons_fr, size


def test_a_cut_file_says_so_and_still_gives_its_whole_records() -> None:
    content = written(ReturnKind.PAYMENT)
    items, verdict = read(content[: 129 * 3 + 40])
    assert [type(item) for item in items] == [ReturnHeader, Remittance, InvoicePayment, RecordError]
    assert "coupé" in verdict.reasons_fr[0] and "ligne 4" in verdict.reasons_fr[0]


def test_a_file_without_its_last_line_end_is_not_complete() -> None:
    assert not read(written(ReturnKind.ARL)[:-1])[1].complete


@given(st.data())
def test_a_byte_changed_anywhere_is_never_taken_as_whole_or_as_another_amount(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(ReturnKind))
    content = written(kind)
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255))
    if content[place] == byte:
        return
    assert not read(content[:place] + bytes([byte]) + content[place + 1 :])[1].complete


@given(st.data())
def test_a_line_lost_doubled_or_moved_is_always_seen(data: st.DataObject) -> None:
    lines = written(ReturnKind.PAYMENT).splitlines(keepends=True)
    shuffled = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=8))
    if shuffled != lines:
        assert not read(b"".join(shuffled))[1].complete


@given(st.binary(max_size=600))
def test_any_content_ends_with_a_verdict_and_never_an_exception(content: bytes) -> None:
    for prefix in (b"", b"000ARL   01", b"000578R  01", written(ReturnKind.PAYMENT)[:129]):
        assert not read(prefix + content)[1].complete


def test_the_kind_is_told_by_content_and_other_files_are_named_for_what_they_are() -> None:
    assert read(b"")[1].reasons_fr == ("Le fichier est vide.",)
    assert "retour connu" in read(b"%PDF-1.7\n" + b"x" * 500)[1].reasons_fr[0]
    assert "en-tête" in read(written(ReturnKind.REJECTION)[:100])[1].reasons_fr[0]
    assert read(written(ReturnKind.REJECTION))[1].kind == "908R"


def test_lines_after_the_end_are_refused() -> None:
    content = written(ReturnKind.REJECTION)
    items, verdict = read(content + content)
    assert not verdict.complete and "après" not in verdict.reasons_fr[0] and "fin" in verdict.reasons_fr[0]
    assert sum(isinstance(item, RecordError) for item in items) == 3


def test_a_line_that_the_payer_wrote_badly_is_located_and_the_whole_file_stays_usable() -> None:
    lines = written(ReturnKind.PAYMENT).splitlines(keepends=True)
    lines[2] = lines[2][:78] + b"X" + lines[2][79:]
    lines[2] = lines[2].replace(b"E7722726", b"\xe97722726")
    items, verdict = read(resealed(lines))
    (error,) = [item for item in items if isinstance(item, RecordError)]
    assert (error.line, error.reason) == (3, "charset")
    assert verdict.complete and verdict.errors == 1
    assert any(isinstance(item, InvoicePayment) for item in items)


def test_an_unknown_sign_or_verdict_is_an_unusable_line() -> None:
    lines = written(ReturnKind.PAYMENT).splitlines(keepends=True)
    lines[1] = lines[1][:38] + b"?" + lines[1][39:]
    items, verdict = read(resealed(lines))
    assert [item.message_fr for item in items if isinstance(item, RecordError)] == [
        "le sens du paiement n’est ni + ni −."
    ]
    assert verdict.complete


def test_a_transfer_that_is_not_the_sum_of_its_invoices_is_an_error_of_the_payer() -> None:
    for head in (remittance("999.99", 2), remittance("120.50", 3)):
        items, verdict = read(written(ReturnKind.PAYMENT, [head, payment(1, "100.50"), payment(2, "20.00")]))
        assert [item.reason for item in items if isinstance(item, RecordError)] == ["remittance_total"]
        assert verdict.complete and verdict.errors == 1


def test_a_hole_in_the_numbers_is_seen_even_when_the_control_is_right() -> None:
    lines = written(ReturnKind.PAYMENT).splitlines(keepends=True)
    lines[3] = lines[3][:3] + b"0000009" + lines[3][10:]
    _, verdict = read(resealed(lines))
    assert not verdict.complete and "numérotation" in verdict.reasons_fr[0]


def resealed(lines: list[bytes]) -> bytes:
    """The same file with a right control sum: what a payer that writes a wrong line would send."""
    body, end = b"".join(lines[:-1]), lines[-1]
    return body + end[:23] + f"{zlib.crc32(body):010d}".encode() + end[33:]


def test_errors_never_repeat_what_the_line_holds() -> None:
    lines = written(ReturnKind.PAYMENT).splitlines(keepends=True)
    lines[2] = lines[2].replace(b"260000001", b"26000000X")
    items, _ = read(b"".join(lines))
    assert "26000000X" not in repr([item for item in items if isinstance(item, RecordError)])


AMOUNTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
LABELS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=69).map(lambda text: text.rstrip(" "))


@given(st.lists(st.tuples(st.integers(0, 9_999_999), AMOUNTS), max_size=20))
def test_any_list_of_payments_makes_the_round_trip(pairs: list[tuple[int, Decimal]]) -> None:
    total = sum((amount for _, amount in pairs), Decimal("0.00"))
    records: list[Record] = [remittance(str(total), len(pairs)), *(payment(n, str(a)) for n, a in pairs)]
    items, verdict = read(written(ReturnKind.PAYMENT, records))
    assert verdict.complete and verdict.errors == 0 and verdict.total == total
    assert items[1:] == placed(records)


@given(LABELS, st.booleans(), st.integers(0, 9_999_999))
def test_any_acknowledgement_makes_the_round_trip(label: str, accepted: bool, count: int) -> None:
    records: list[Record] = [LotAcknowledgement(0, 0, "000000001", accepted, count, Decimal("0.00"), "X", label)]
    items, verdict = read(written(ReturnKind.ARL, records))
    assert verdict.complete and items[1:] == placed(records)


@settings(max_examples=20)
@given(st.integers(1, 40), st.data())
def test_long_files_cut_near_a_record_edge_are_never_complete(count: int, data: st.DataObject) -> None:
    content = written(
        ReturnKind.PAYMENT, [remittance(f"{count}.00", count), *(payment(n, "1.00") for n in range(count))]
    )
    edge = data.draw(st.integers(1, count + 2)) * 129
    for size in range(edge - 3, min(edge + 4, len(content))):
        assert not read(content[:size])[1].complete


def test_reading_is_streaming() -> None:
    """A file that never ends gives its records as they come."""
    lines = written(ReturnKind.PAYMENT).splitlines(keepends=True)

    class Endless(io.RawIOBase):
        source: Iterator[bytes] = itertools.chain(lines[:2], itertools.repeat(lines[2]))

        def readline(self, size: int | None = -1, /) -> bytes:
            return next(self.source)

    items = itertools.islice(read_return(Endless()), 1000)  # type: ignore[arg-type]
    assert sum(isinstance(item, InvoicePayment) for item in items) == 998


def test_a_month_of_a_large_hospital_is_read_in_seconds() -> None:
    count = 20_000
    content = written(
        ReturnKind.PAYMENT, [remittance(f"{count}.00", count), *(payment(n, "1.00") for n in range(count))]
    )
    start = time.perf_counter()
    assert read(content)[1].complete
    assert time.perf_counter() - start < 10
