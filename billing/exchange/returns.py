"""Return files of an AMC: ARL (lots received), 578R (payments), 908R (rejections). The content tells which one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import BinaryIO, Final

from billing.exchange import envelope
from billing.exchange.envelope import Reader, Writer, amount, day, number, optional_number, signed, text
from billing.exchange.records import (
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
)
from gap.fixedwidth import DecodedRecord, Value
from gap.money import ZERO

ReturnItem = ReturnHeader | Record | RecordError | FileVerdict


class UnusableRecord(ValueError):
    """A record whose fields are well written but contradict each other. Its text is a French sentence."""


# ---- reading ----


def read_return(file: BinaryIO) -> Iterator[ReturnItem]:
    """Read a return file, line by line: its header, its records and errors in order, and last its verdict.

    Nothing is raised on bad content. What may be applied of a file that is not complete is the caller's matter: a cut
    file's whole records once each, nothing of an altered one (`billing/returns.py`).
    """
    first_line = file.readline(envelope.RECORD_LENGTH + 1)
    header, refusal = _header(first_line)
    if header is None:
        yield FileVerdict(False, "", None, 0, 0, ZERO, (refusal,))
        return
    yield header
    reader = Reader(file, envelope.layout(header.kind), first_line)
    totals = _Totals()
    for record in reader.records():
        if isinstance(record, RecordError):
            yield record
            continue
        totals.count(record, reader.details)
        try:
            item = _READERS[record.record_type](record.line, record.values)
        except UnusableRecord as unusable:
            yield reader.error(record.line, "contradiction", str(unusable))
            continue
        totals.add(item)
        yield item
    if not reader.errors:
        for remittance in list(totals.unbalanced()):
            message = "le montant du virement diffère de la somme de ses factures."
            yield reader.error(remittance.line, "remittance_total", message)
    yield _verdict(header, reader, totals)


def _header(first_line: bytes) -> tuple[ReturnHeader | None, str]:
    """The header, or the sentence that says why this is not one of our files."""
    if not first_line:
        return None, "Le fichier est vide."
    kind = next((k for k in ReturnKind if first_line[:9] == f"000{k:<6}".encode()), None)
    if kind is None:
        return None, "Ce fichier n’est pas un retour connu (ARL, 578R ou 908R)."
    if len(first_line) != envelope.RECORD_LENGTH + 1 or not first_line.endswith(b"\n"):
        return None, f"Le fichier {kind} est coupé dans son en-tête."
    record = envelope.layout(kind).decode(first_line[:-1])
    moment = None if record.errors else envelope.instant(record.values)
    if moment is None or record.values["version"] != "01":
        return None, f"L’en-tête du fichier {kind} est illisible."
    values = record.values
    return (
        ReturnHeader(
            kind, text(values, "file_number"), text(values, "amc_number"), text(values, "finess_legal"), moment
        ),
        "",
    )


class _Totals:
    """What the trailer must agree with, and what each transfer must add up to."""

    def __init__(self) -> None:
        self.total = ZERO
        self.numbered = True
        self._transfers: dict[str, Remittance] = {}
        self._paid: dict[str, list[Decimal]] = {}

    def count(self, record: DecodedRecord, position: int) -> None:
        self.numbered = self.numbered and record.values["record_number"] == position
        if record.record_type in ("100", "210"):
            self.total += amount(record.values)

    def add(self, item: Record) -> None:
        if isinstance(item, Remittance):
            self._transfers[item.reference] = item
        elif isinstance(item, InvoicePayment):
            self._paid.setdefault(item.reference, []).append(item.amount)

    def unbalanced(self) -> Iterator[Remittance]:
        for reference, transfer in self._transfers.items():
            paid = self._paid.get(reference, [])
            if sum(paid, ZERO) != transfer.amount or len(paid) != transfer.invoice_count:
                yield transfer


def _verdict(header: ReturnHeader, reader: Reader, totals: _Totals) -> FileVerdict:
    reader.check_end(
        {
            "record_count": (
                reader.details,
                "Le nombre d’enregistrements annoncé en fin de fichier n’est pas celui lu.",
            ),
            "total": (abs(totals.total), "Le total annoncé en fin de fichier n’est pas celui des enregistrements."),
            "sign": ("-" if totals.total < 0 else "+", "Le sens du total annoncé en fin de fichier est faux."),
        }
    )
    reasons = list(reader.reasons)
    if not totals.numbered:
        reasons.append("La numérotation des enregistrements a un trou : il manque des lignes.")
    return FileVerdict(not reasons, header.kind, header, reader.details, reader.errors, totals.total, tuple(reasons))


def _read_lot(line: int, values: Mapping[str, Value]) -> Record:
    verdict = values["verdict"]
    if verdict not in ("P", "N"):
        raise UnusableRecord("l’acquittement n’est ni positif ni négatif.")
    return LotAcknowledgement(
        line=line,
        number=number(values, "record_number"),
        lot_number=text(values, "lot_number"),
        accepted=verdict == "P",
        invoice_count=number(values, "invoice_count"),
        amount=amount(values),
        code=text(values, "code"),
        label=text(values, "label"),
    )


def _read_anomaly(line: int, values: Mapping[str, Value]) -> Record:
    return InvoiceAnomaly(
        line=line,
        number=number(values, "record_number"),
        lot_number=text(values, "lot_number"),
        invoice_number=optional_number(values, "invoice_number"),
        code=text(values, "code"),
        label=text(values, "label"),
    )


def _read_remittance(line: int, values: Mapping[str, Value]) -> Record:
    _check_sign(values)
    return Remittance(
        line=line,
        number=number(values, "record_number"),
        reference=text(values, "reference"),
        paid_on=day(values, "paid_on"),
        amount=amount(values),
        invoice_count=number(values, "invoice_count"),
    )


def _read_payment(line: int, values: Mapping[str, Value]) -> Record:
    _check_sign(values)
    return InvoicePayment(
        line=line,
        number=number(values, "record_number"),
        reference=text(values, "reference"),
        paid_on=day(values, "paid_on"),
        lot_number=optional_number(values, "lot_number"),
        invoice_number=text(values, "invoice_number"),
        engagement_number=text(values, "engagement_number"),
        amount=amount(values),
    )


def _read_rejection(line: int, values: Mapping[str, Value]) -> Record:
    return InvoiceRejection(
        line=line,
        number=number(values, "record_number"),
        lot_number=optional_number(values, "lot_number"),
        invoice_number=text(values, "invoice_number"),
        engagement_number=text(values, "engagement_number"),
        rejected_on=day(values, "rejected_on"),
        code=text(values, "code"),
        label=text(values, "label"),
    )


def _check_sign(values: Mapping[str, Value]) -> None:
    if values["sign"] not in ("+", "-"):
        raise UnusableRecord("le sens du paiement n’est ni + ni −.")


_READERS: Final[Mapping[str, Callable[[int, Mapping[str, Value]], Record]]] = {
    "100": _read_lot,
    "110": _read_anomaly,
    "200": _read_remittance,
    "210": _read_payment,
    "300": _read_rejection,
}


# ---- writing (the other side's part: tests, demonstrations, mirror AMC) ----


def write_return(header: ReturnHeader, records: Iterable[Record], file: BinaryIO) -> None:
    """Write a whole return file. `line` and `number` of the records are ignored: their order numbers them.

    Raises EncodeError, and KeyError for a record that this kind of file does not carry.
    """
    writer = Writer(file, envelope.layout(header.kind))
    writer.write(
        "000",
        {
            "file_number": header.file_number,
            "amc_number": header.amc_number,
            "finess_legal": header.finess_legal,
            **envelope.instant_fields(header.created_at),
        },
    )
    count, total = 0, ZERO
    for count, record in enumerate(records, start=1):
        record_type, values = _fields(record)
        writer.write(record_type, {"record_number": count, **values})
        if isinstance(record, LotAcknowledgement | InvoicePayment):
            total += record.amount
    writer.write("999", {"record_count": count, "control": writer.control, **signed(total, "total")})


def _fields(record: Record) -> tuple[str, dict[str, Value]]:
    match record:
        case LotAcknowledgement():
            values = _named(record, "lot_number", "invoice_count", "amount", "code", "label")
            return "100", values | {"verdict": "P" if record.accepted else "N"}
        case InvoiceAnomaly():
            return "110", _named(record, "lot_number", "invoice_number", "code", "label")
        case Remittance():
            return "200", _named(record, "reference", "paid_on", "invoice_count") | signed(record.amount)
        case InvoicePayment():
            values = _named(record, "reference", "paid_on", "lot_number", "invoice_number", "engagement_number")
            return "210", values | signed(record.amount)
        case InvoiceRejection():
            names = ("lot_number", "invoice_number", "engagement_number", "rejected_on", "code", "label")
            return "300", _named(record, *names)


def _named(record: Record, *names: str) -> dict[str, Value]:
    return {name: getattr(record, name) for name in names}
