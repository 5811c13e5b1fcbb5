"""DRE-ES: a lot of invoices to one AMC, each for exactly the amount that the AMC engaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO, Final, cast

from billing.exchange import envelope
from billing.exchange.envelope import Reader, Writer, amount, day, number, text
from billing.exchange.records import DreInvoice, DreLine, FileVerdict, LotHeader, LotSummary, RecordError
from gap.fixedwidth import DecodedRecord, EncodeError, FieldError, Value
from gap.identifiers import InvalidIdentifier, parse_finess
from gap.money import ZERO

DreItem = LotHeader | DreInvoice | RecordError | FileVerdict

_LAYOUT: Final = "DRE-ES"
_KINDS: Final = {"EXTERNE": "E", "SEJOUR": "S"}
_KIND_NAMES: Final = {code: name for name, code in _KINDS.items()}
_LINE_FIELDS: Final = (
    "service_code", "quantity", "unit_price", "total", "amo_base", "rate", "amo_amount", "amc_amount",
    "start", "end", "treatment_mode", "dmt",
)  # fmt: skip
_INVOICE_FIELDS: Final = (
    "stay_number", "amo_regime", "amo_fund", "amo_centre", "nature_assurance", "exemption", "birth", "birth_rank",
    "entry", "exit", "contract_type", "amc_number",
)  # fmt: skip
_ENGAGEMENT_FIELDS: Final = ("engagement_number", "member_number", "convention", "csr", "domain", "engaged_amount")


# ---- writing ----


def write_dre(header: LotHeader, invoices: Iterable[DreInvoice], file: BinaryIO) -> LotSummary:
    """Write a lot, invoice by invoice, in constant memory.

    Raises EncodeError with every fault of the first invoice that can't be written (the file is then to be thrown
    away): a field that doesn't fit, an AMC total that is not the engaged amount, an invoice of another AMC.
    """
    writer = Writer(file, envelope.layout(_LAYOUT))
    _write_header(writer, header)
    count, total = 0, ZERO
    for invoice in invoices:
        _check(invoice, header, writer.lines + 1)
        _write_invoice(writer, invoice)
        count += 1
        total += invoice.engaged_amount
    records = writer.lines - 2
    writer.write("999", {"invoice_count": count, "record_count": records, "total": total, "control": writer.control})
    return LotSummary(count, records, total, writer.lines * (envelope.RECORD_LENGTH + 1))


def _write_header(writer: Writer, header: LotHeader) -> None:
    writer.write(
        "000",
        {
            "lot_number": header.number,
            "amc_number": header.amc_number,
            "finess_legal": header.finess_legal,
            "finess_site": header.finess_site,
            "test": "T" if header.test else "",
            **envelope.instant_fields(header.created_at),
        },
    )
    writer.write("001", {"dre_address": header.dre_address, "dre_recipient": header.dre_recipient})


def _check(invoice: DreInvoice, header: LotHeader, line: int) -> None:
    """Raise EncodeError when the invoice contradicts itself or its lot."""
    errors = []

    def fault(name: str, reason: str, message_fr: str) -> None:
        errors.append(FieldError(line, 0, name, reason, message_fr))

    if sum((item.amc_amount for item in invoice.lines), ZERO) != invoice.engaged_amount:
        fault("engaged_amount", "not_engaged", "le total de la facture n’est pas le montant engagé par l’AMC.")
    if invoice.amc_number != header.amc_number:
        fault("amc_number", "other_amc", "la facture s’adresse à une autre AMC que le lot.")
    if len(invoice.nir) != 15:
        fault("nir", "length", "le numéro de sécurité sociale compte 15 caractères.")
    if invoice.kind not in _KINDS:
        fault("kind", "unknown", "la nature du dossier est EXTERNE ou SEJOUR.")
    if not invoice.lines:
        fault("lines", "missing", "une facture a au moins une ligne.")
    try:
        _ = parse_finess(invoice.finess_site).digits
    except InvalidIdentifier as invalid:
        fault("finess", invalid.reason, invalid.message_fr)
    if errors:
        raise EncodeError(errors)


def _write_invoice(writer: Writer, invoice: DreInvoice) -> None:
    prefix: dict[str, Value] = {
        "finess": parse_finess(invoice.finess_site).digits,
        "nir": invoice.nir[:13],
        "nir_key": invoice.nir[13:],
        "beneficiary_rank": invoice.beneficiary_rank,
        "invoice_number": invoice.number,
    }
    general = _named(invoice, _INVOICE_FIELDS)
    general |= {"hospitalised_on": invoice.entry, "exit_hour": str(invoice.exit_hour)}
    writer.write("2", prefix | general)
    writer.write("2R", prefix | _named(invoice, _ENGAGEMENT_FIELDS) | {"kind": _KINDS[invoice.kind]})
    for line in invoice.lines:
        writer.write("3", prefix | _named(line, _LINE_FIELDS) | {"line_number": line.number})
    totals = {
        name: sum((getattr(line, name) for line in invoice.lines), ZERO)
        for name in ("total", "amo_amount", "amc_amount")
    }
    writer.write("5", prefix | totals | {"line_count": len(invoice.lines)})


def _named(source: DreInvoice | DreLine, names: Iterable[str]) -> dict[str, Value]:
    return {name: getattr(source, name) for name in names}


# ---- reading (control before sending, mirror AMC, tests) ----


@dataclass(slots=True)
class _Block:
    """The records of one invoice, gathered until its record 5."""

    general: DecodedRecord
    engagement: DecodedRecord | None = None
    lines: list[DecodedRecord] = field(default_factory=list)


def read_dre(file: BinaryIO) -> Iterator[DreItem]:
    """Read a lot, line by line: its header, its invoices and errors in order, and last its verdict. Raises nothing.

    Stricter than for returns: a lot with one unusable line is not complete, since it is ours.
    """
    first_line = file.readline(envelope.RECORD_LENGTH + 1)
    record = envelope.layout(_LAYOUT).decode(first_line.removesuffix(b"\n"))
    moment = None if record.errors or record.record_type != "000" else envelope.instant(record.values)
    if moment is None or not first_line.endswith(b"\n"):
        reason = "Le fichier est vide." if not first_line else "Ce fichier n’est pas un lot DRE-ES, ou il est coupé."
        yield FileVerdict(False, "", None, 0, 0, ZERO, (reason,))
        return
    reader = Reader(file, envelope.layout(_LAYOUT), first_line)
    header: LotHeader | None = None
    block: _Block | None = None
    invoices, total = 0, ZERO
    for item in reader.records():
        if isinstance(item, RecordError):
            block = None
            yield item
            continue
        if item.record_type == "001" and header is None:
            header = _lot_header(record.values, item.values, moment)
            yield header
            continue
        block, invoice = _gather(block, item)
        if invoice is not None:
            invoices += 1
            total += invoice.engaged_amount
            yield invoice
        elif block is None:
            yield reader.error(item.line, "order", "cet enregistrement n’est pas à sa place, ou contredit sa facture.")
    if header is None:
        reader.reasons.append("L’enregistrement du destinataire manque.")
    records = reader.details - (header is not None)
    reader.check_end(
        {
            "invoice_count": (invoices, "Le nombre de factures annoncé n’est pas celui lu."),
            "record_count": (records, "Le nombre d’enregistrements annoncé n’est pas celui lu."),
            "total": (total, "Le total annoncé n’est pas celui des factures."),
        }
    )
    yield FileVerdict(not reader.reasons, _LAYOUT, header, records, reader.errors, total, tuple(reader.reasons))


def _lot_header(values: Mapping[str, Value], recipient: Mapping[str, Value], created_at: datetime) -> LotHeader:
    return LotHeader(
        number=text(values, "lot_number"),
        amc_number=text(values, "amc_number"),
        finess_legal=text(values, "finess_legal"),
        finess_site=text(values, "finess_site"),
        created_at=created_at,
        dre_address=text(recipient, "dre_address"),
        dre_recipient=text(recipient, "dre_recipient"),
        test=values["test"] == "T",
    )


def _gather(block: _Block | None, record: DecodedRecord) -> tuple[_Block | None, DreInvoice | None]:
    """The block after this record, and the invoice when this record ends it. A record out of place ends the block."""
    if record.record_type == "2":
        return _Block(record), None
    if block is None or not _same_invoice(block.general, record):
        return None, None
    if record.record_type == "2R" and block.engagement is None:
        block.engagement = record
        return block, None
    if record.record_type == "3" and block.engagement is not None:
        block.lines.append(record)
        return block, None
    if record.record_type == "5" and block.engagement is not None:
        return None, _invoice(block, block.engagement, record)
    return None, None


def _same_invoice(one: DecodedRecord, other: DecodedRecord) -> bool:
    names = ("finess", "nir", "nir_key", "beneficiary_rank", "invoice_number")
    return all(one.values[name] == other.values.get(name) for name in names)


def _invoice(block: _Block, engagement: DecodedRecord, end: DecodedRecord) -> DreInvoice | None:
    """The invoice, or None when its totals are not those of its lines."""
    lines = tuple(_line(record.values) for record in block.lines)
    sums = {name: sum((getattr(line, name) for line in lines), ZERO) for name in ("total", "amo_amount", "amc_amount")}
    engaged = amount(engagement.values, "engaged_amount")
    if (
        any(end.values[name] != value for name, value in sums.items())
        or end.values["line_count"] != len(lines)
        or sums["amc_amount"] != engaged
        or engagement.values["kind"] not in _KIND_NAMES
    ):
        return None
    general, more = block.general.values, engagement.values
    return DreInvoice(
        number=text(general, "invoice_number"),
        engagement_number=text(more, "engagement_number"),
        engaged_amount=engaged,
        finess_site=text(general, "finess"),
        stay_number=text(general, "stay_number"),
        nir=text(general, "nir") + text(general, "nir_key"),
        birth=text(general, "birth"),
        amc_number=text(general, "amc_number"),
        entry=day(general, "entry"),
        exit=day(general, "exit"),
        domain=text(more, "domain"),
        kind=_KIND_NAMES[text(more, "kind")],
        lines=lines,
        member_number=text(more, "member_number"),
        convention=text(more, "convention"),
        csr=text(more, "csr"),
        amo_regime=text(general, "amo_regime"),
        amo_fund=text(general, "amo_fund"),
        amo_centre=text(general, "amo_centre"),
        nature_assurance=text(general, "nature_assurance"),
        exemption=text(general, "exemption"),
        beneficiary_rank=text(general, "beneficiary_rank"),
        birth_rank=number(general, "birth_rank"),
        exit_hour=int(text(general, "exit_hour")),
        contract_type=text(general, "contract_type"),
    )


def _line(values: Mapping[str, Value]) -> DreLine:
    return DreLine(
        number=number(values, "line_number"),
        service_code=text(values, "service_code"),
        quantity=number(values, "quantity"),
        unit_price=_exact(values, "unit_price"),
        total=_exact(values, "total"),
        amo_base=_exact(values, "amo_base"),
        rate=number(values, "rate"),
        amo_amount=_exact(values, "amo_amount"),
        amc_amount=_exact(values, "amc_amount"),
        start=day(values, "start"),
        end=day(values, "end"),
        treatment_mode=text(values, "treatment_mode"),
        dmt=text(values, "dmt"),
    )


def _exact(values: Mapping[str, Value], name: str) -> Decimal:
    return cast(Decimal, values[name])
