"""What comes back: ARL, 578R, 908R. Each fact is applied once, whatever file brings it, however often.

A file cut in the middle is put in quarantine and its whole records are applied; sent again whole, only the rest is.
A file that is whole but altered (its totals disagree) is put in quarantine and nothing of it is applied.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import partial

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from admissions.models import Stay
from billing import services
from billing.enums import FileDirection, FileKind, FileStatus, InvoiceStatus, PaymentMeans, RecordStatus
from billing.exchange import (
    FileVerdict,
    InvoiceAnomaly,
    InvoicePayment,
    InvoiceRejection,
    LotAcknowledgement,
    RecordError,
    Remittance,
    ReturnHeader,
    read_return,
)
from billing.models import ExchangeFile, ExchangeRecord, Invoice, Payment
from gap import incidents
from gap.faults import no_room
from gap.locks import hold_for_transaction

log = structlog.get_logger(__name__)

Item = LotAcknowledgement | InvoiceAnomaly | Remittance | InvoicePayment | InvoiceRejection

_ON_ITS_WAY = (InvoiceStatus.SENT, InvoiceStatus.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Imported:
    """The file as kept, and one French sentence on what was done."""

    file: ExchangeFile
    sentence: str


def import_returns() -> int:
    """Take every file of the incoming folder. Returns how many. A file is removed from it once it is kept.

    Without room to keep one, it and the next ones stay where they are, whole, until there is some.
    """
    storage = storages["exchange"]
    if not storage.exists("in"):
        return 0
    names = sorted(name for name in storage.listdir("in")[1] if not name.endswith(".tmp"))
    for count, name in enumerate(names):
        with storage.open(f"in/{name}", "rb") as incoming:
            content = incoming.read()
        try:
            import_file(name, content)
        except OSError as problem:
            if not no_room(problem):
                raise
            log.warning("returns_wait_for_room", waiting=len(names) - count)
            incidents.report("room", well=False)
            return count
        storage.delete(f"in/{name}")
    return len(names)


def import_file(name: str, content: bytes) -> Imported:
    """Keep a file and apply what it says, in one transaction. The same content again does nothing, and says so."""
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        hold_for_transaction("returns")
        if already := ExchangeFile.objects.filter(direction=FileDirection.IN, content_digest=digest).first():
            already.resent_count += 1
            already.save(update_fields=["resent_count"])
            return Imported(
                already,
                f"Ce fichier a déjà été reçu le {timezone.localtime(already.created_at):%d/%m/%Y à %H:%M} "
                f"sous le nom {already.name} : rien n’a été appliqué de nouveau.",
            )
        return _take(name, content, digest)


def _take(name: str, content: bytes, digest: str) -> Imported:
    items = list(read_return(io.BytesIO(content)))
    verdict = items[-1]
    assert isinstance(verdict, FileVerdict)
    header = verdict.header if isinstance(verdict.header, ReturnHeader) else None
    file = ExchangeFile(
        direction=FileDirection.IN,
        kind=verdict.kind if verdict.kind in FileKind.values else FileKind.UNKNOWN,
        name=name[:120],
        content_digest=digest,
        recipient=header.amc_number if header else "",
        status=FileStatus.IMPORTED if verdict.complete else FileStatus.QUARANTINED,
        amount=verdict.total,
        problem=" ".join(verdict.reasons_fr)[:300],
    )
    file.file.save(f"received/{digest[:16]}-{name[:80]}", ContentFile(content), save=False)
    file.save()
    if not verdict.complete and _has_trailer(content):
        return Imported(file, "Fichier altéré, mis en quarantaine : rien n’en a été appliqué. Demandez-le de nouveau.")
    amc_number = header.amc_number if header else ""
    counts = dict.fromkeys(RecordStatus.values, 0)
    for item in items:
        if isinstance(item, RecordError):
            ExchangeRecord.objects.create(
                file=file, line=item.line, status=RecordStatus.INVALID, problem=item.message_fr[:300]
            )
            counts[RecordStatus.INVALID] += 1
        elif isinstance(item, Item):
            counts[_apply(file, amc_number, item)] += 1
    file.invoice_count = counts[RecordStatus.APPLIED] + counts[RecordStatus.ALREADY_APPLIED]
    file.save(update_fields=["invoice_count"])
    return Imported(file, _sentence(verdict, counts))


def _has_trailer(content: bytes) -> bool:
    last = content.rstrip(b"\r\n").rpartition(b"\n")[2]
    return last.startswith(b"999")


def _sentence(verdict: FileVerdict, counts: dict[str, int]) -> str:
    done = f"{counts[RecordStatus.APPLIED]} enregistrements appliqués"
    parts = [done]
    if counts[RecordStatus.ALREADY_APPLIED]:
        parts.append(f"{counts[RecordStatus.ALREADY_APPLIED]} l’étaient déjà")
    if counts[RecordStatus.UNMATCHED]:
        parts.append(f"{counts[RecordStatus.UNMATCHED]} à rapprocher")
    if counts[RecordStatus.INVALID]:
        parts.append(f"{counts[RecordStatus.INVALID]} illisibles")
    if verdict.complete:
        return ", ".join(parts) + "."
    return "Fichier incomplet, mis en quarantaine : " + ", ".join(parts) + ". Le reste viendra avec le fichier entier."


def _apply(file: ExchangeFile, amc_number: str, item: Item) -> RecordStatus:
    record = ExchangeRecord(file=file, line=item.line, record_key=_key(amc_number, item))
    for name in ("invoice_number", "engagement_number", "reference", "code", "label", "amount"):
        if value := getattr(item, name, ""):
            setattr(record, name, value if name == "amount" else str(value)[: _limit(name)])
    if ExchangeRecord.objects.filter(record_key=record.record_key).exists():
        record.record_key, record.status = None, RecordStatus.ALREADY_APPLIED
        record.save()
        return RecordStatus.ALREADY_APPLIED
    if isinstance(item, Remittance):
        record.status = RecordStatus.APPLIED
        record.save()
    elif isinstance(item, LotAcknowledgement):
        _acknowledge(record, item)
    else:
        _apply_to_invoice(record, item)
    return RecordStatus(record.status)


def _limit(name: str) -> int:
    return {"invoice_number": 9, "engagement_number": 30, "reference": 40, "code": 10, "label": 200}[name]


def _key(amc_number: str, item: Item) -> str:
    """The name of the fact, the same in every file that tells it."""
    if isinstance(item, LotAcknowledgement):
        parts = ["ARL", amc_number, item.lot_number]
    elif isinstance(item, InvoiceAnomaly):
        parts = ["ARL", amc_number, item.lot_number, item.invoice_number, item.code]
    elif isinstance(item, Remittance):
        parts = ["578R", amc_number, item.reference]
    elif isinstance(item, InvoicePayment):
        parts = ["578R", amc_number, item.reference, item.invoice_number, str(item.amount)]
    else:
        parts = ["908R", amc_number, item.lot_number, item.invoice_number]
    return "|".join(parts)


def _acknowledge(record: ExchangeRecord, item: LotAcknowledgement) -> None:
    lot = (
        ExchangeFile.objects.select_for_update()
        .filter(direction=FileDirection.OUT, lot_number=item.lot_number.zfill(9))
        .first()
    )
    record.reference = item.lot_number
    if lot is None:
        _unmatched(record, f"Le lot {item.lot_number} n’est pas de chez nous.")
        return
    now = timezone.now()
    lot.status = FileStatus.ACKNOWLEDGED if item.accepted else FileStatus.REFUSED
    lot.acknowledged_at = now
    lot.problem = "" if item.accepted else f"{item.code} {item.label}".strip()[:300]
    lot.save(update_fields=["status", "acknowledged_at", "problem"])
    # Received: what a transport may have left at the point of hand-over, in clear, has no more reason to be there.
    transaction.on_commit(partial(storages["exchange"].delete, f"out/{lot.name}"))
    invoices = Invoice.objects.filter(exchange_records__file=lot, status__in=_ON_ITS_WAY)
    if item.accepted:
        invoices.update(status=InvoiceStatus.ACKNOWLEDGED, acknowledged_at=now)
    else:
        invoices.update(
            status=InvoiceStatus.REJECTED,
            rejected_at=now,
            rejection_code=item.code[:10],
            rejection_label=(item.label or "Lot refusé")[:200],
        )
    record.status = RecordStatus.APPLIED
    record.save()


def _apply_to_invoice(record: ExchangeRecord, item: InvoiceAnomaly | InvoicePayment | InvoiceRejection) -> None:
    found = Invoice.objects.filter(number=item.invoice_number).values_list("pk", "stay_id").first()
    if found is None:
        _unmatched(record, f"Aucune facture ne porte le n° {item.invoice_number}.")
        return
    Stay.objects.select_for_update().get(pk=found[1])
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("engagement").get(pk=found[0])
    record.invoice = invoice
    engagement = getattr(item, "engagement_number", "")
    if engagement and invoice.engagement and invoice.engagement.number != engagement:
        _unmatched(record, "Le n° d’engagement n’est pas celui de cette facture.")
    elif isinstance(item, InvoicePayment):
        _pay(record, invoice, item)
    else:
        _reject(record, invoice, item)


def _pay(record: ExchangeRecord, invoice: Invoice, item: InvoicePayment) -> None:
    payable = (*_ON_ITS_WAY, InvoiceStatus.PARTLY_PAID, InvoiceStatus.REJECTED)
    if invoice.status not in payable:
        _unmatched(record, f"Cette facture est {invoice.get_status_display()} : aucun paiement n’était attendu.")
        return
    if item.amount <= 0 or invoice.paid_amount + item.amount > invoice.amount:
        _unmatched(record, "Le montant n’est pas celui qui reste dû : à rapprocher à la main.")
        return
    record.status = RecordStatus.APPLIED
    record.save()
    Payment.objects.create(
        invoice=invoice,
        amount=item.amount,
        means=PaymentMeans.TRANSFER,
        reference=item.reference[:40],
        received_on=item.paid_on,
        record=record,
    )
    services.settle(invoice)


def _reject(record: ExchangeRecord, invoice: Invoice, item: InvoiceAnomaly | InvoiceRejection) -> None:
    if invoice.status not in (*_ON_ITS_WAY, InvoiceStatus.REJECTED):
        _unmatched(record, f"Cette facture est {invoice.get_status_display()} : elle ne peut plus être rejetée.")
        return
    invoice.status = InvoiceStatus.REJECTED
    invoice.rejected_at = timezone.now()
    invoice.rejection_code, invoice.rejection_label = item.code[:10], item.label[:200]
    invoice.version += 1
    invoice.save(update_fields=["status", "rejected_at", "rejection_code", "rejection_label", "version"])
    record.status = RecordStatus.APPLIED
    record.save()


def _unmatched(record: ExchangeRecord, problem: str) -> None:
    record.status, record.problem = RecordStatus.UNMATCHED, problem[:300]
    record.save()
