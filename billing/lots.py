"""DRE-ES: invoices ready for an AMC leave by themselves, in lots, for exactly the amounts engaged."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from admissions.enums import EXTERNAL_KINDS, CoverageKind
from admissions.querysets import care_date, coverages_on
from billing.enums import FileDirection, FileKind, FileStatus, InvoiceStatus, Payer, RecordStatus
from billing.exchange import DreInvoice, DreLine, LotHeader, write_dre
from billing.models import ExchangeFile, ExchangeRecord, Invoice, NumberSeries
from billing.restored import RESTORED
from gap import incidents
from gap.faults import no_room
from gap.fixedwidth import EncodeError
from gap.identifiers import InvalidIdentifier
from gap.locks import hold_for_transaction
from gap.text import unaccented
from teleservices.webhooks import kinds, telling
from teleservices.webhooks.telling import Fact

log = structlog.get_logger(__name__)

# One lot stays small enough to be read again by a person, and to be sent again.
LOT_LIMIT = 500


def send_lots() -> int:
    """Write a lot for each AMC that has invoices ready, then deposit every prepared file. Returns how many lots."""
    count = 0
    waiting = (
        Invoice.objects.filter(status=InvoiceStatus.READY, payer=Payer.AMC, engagement__isnull=False)
        .exclude(blocked_reason=RESTORED)
        .order_by("debtor", "stay__establishment")
        .values_list("debtor", "stay__establishment", "engagement__dre_address")
        .distinct()
    )
    try:
        for debtor_id, establishment_id, dre_address in list(waiting):
            if _prepare(debtor_id, establishment_id, dre_address):
                count += 1
        deposit_prepared()
    except OSError as problem:
        if not no_room(problem):
            raise
        # Nothing was written by halves: invoices stay ready, lots stay prepared, and leave once there is room.
        log.warning("lots_wait_for_room")
        incidents.report("room", well=False)
    return count


@transaction.atomic
def _prepare(debtor_id: int, establishment_id: int, dre_address: str) -> ExchangeFile | None:
    """One lot: its file, its records and the new state of its invoices are one transaction."""
    if not hold_for_transaction("lots"):
        return None
    invoices = list(
        Invoice.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("stay__patient", "stay__establishment", "coverage", "debtor", "engagement")
        .prefetch_related("lines")
        .filter(
            status=InvoiceStatus.READY,
            payer=Payer.AMC,
            debtor=debtor_id,
            stay__establishment=establishment_id,
            engagement__dre_address=dre_address,
        )
        .exclude(blocked_reason=RESTORED)
        .order_by("pk")[:LOT_LIMIT]
    )
    ready = _writable(invoices)
    if not ready:
        return None
    number = _next_lot_number()
    now = timezone.now()
    header = _header(number, ready[0][0])
    content = io.BytesIO()
    summary = write_dre(header, (dre for _, dre in ready), content)
    body = content.getvalue()
    file = ExchangeFile(
        direction=FileDirection.OUT,
        kind=FileKind.DRE_ES,
        name=f"DRE-ES-{header.amc_number}-{number}.txt",
        content_digest=hashlib.sha256(body).hexdigest(),
        lot_number=number,
        recipient=(header.dre_address or header.amc_number)[:80],
        status=FileStatus.PREPARED,
        invoice_count=summary.invoice_count,
        amount=summary.total,
    )
    file.file.save(f"kept/{file.name}", ContentFile(body), save=False)
    file.save()
    ExchangeRecord.objects.bulk_create(
        ExchangeRecord(
            file=file,
            line=position,
            invoice=invoice,
            invoice_number=invoice.number,
            engagement_number=dre.engagement_number,
            amount=invoice.amount,
            status=RecordStatus.APPLIED,
        )
        for position, (invoice, dre) in enumerate(ready, start=1)
    )
    Invoice.objects.filter(pk__in=[invoice.pk for invoice, _ in ready]).update(
        status=InvoiceStatus.SENT, sent_at=now, blocked_reason=""
    )
    telling.tell(
        kinds.INVOICE_SENT,
        (
            Fact(one.stay, f"invoices/{one.number}", {"invoice": one.number, "payer": Payer.AMC.value})
            for one, _ in ready
        ),
    )
    return file


def deposit_prepared() -> int:
    """Put prepared lots where the transport takes them. A crash in between deposits the same lot again, same number."""
    count = 0
    waiting = ExchangeFile.objects.filter(direction=FileDirection.OUT, status=FileStatus.PREPARED)
    waiting = waiting.exclude(problem=RESTORED)
    for file_id in list(waiting.order_by("pk").values_list("pk", flat=True)):
        count += _deposit(file_id)
    return count


@transaction.atomic
def _deposit(file_id: int) -> bool:
    # The row's lock, not the folder, says who deposits: the transport may take the file at once.
    file = (
        ExchangeFile.objects.select_for_update(skip_locked=True).filter(pk=file_id, status=FileStatus.PREPARED).first()
    )
    if file is None:
        return False
    storage = storages["exchange"]
    target = f"out/{file.name}"
    if not storage.exists(target):
        with file.file.open("rb") as kept:
            storage.save(target, ContentFile(kept.read()))
    file.status = FileStatus.WRITTEN
    file.save(update_fields=["status"])
    return True


def _writable(invoices: Iterable[Invoice]) -> list[tuple[Invoice, DreInvoice]]:
    """The invoices that can be written as they are; the others keep the reason, for the worklist."""
    ready = []
    for invoice in invoices:
        try:
            dre = _dre_invoice(invoice)
            write_dre(_header("1", invoice), [dre], io.BytesIO())
        except (EncodeError, InvalidIdentifier) as problem:
            reason = problem.errors[0].message_fr if isinstance(problem, EncodeError) else problem.message_fr
            Invoice.objects.filter(pk=invoice.pk).update(blocked_reason=reason[:200])
            continue
        ready.append((invoice, dre))
    return ready


def _next_lot_number() -> str:
    NumberSeries.objects.get_or_create(name="lots")
    series = NumberSeries.objects.select_for_update().get(name="lots")
    series.last += 1
    series.save(update_fields=["last"])
    return f"{series.last:09d}"


def _header(number: str, invoice: Invoice) -> LotHeader:
    assert invoice.debtor is not None and invoice.engagement is not None
    establishment = invoice.stay.establishment
    return LotHeader(
        number=number,
        amc_number=invoice.debtor.amc_number,
        finess_legal=establishment.finess_legal,
        finess_site=establishment.finess_site,
        created_at=timezone.localtime(),
        dre_address=invoice.engagement.dre_address,
        # A name, in a record that has no accents; the address above is an identifier, written as it came or not at all.
        dre_recipient=unaccented(invoice.engagement.dre_recipient)[:20],
    )


def _dre_invoice(invoice: Invoice) -> DreInvoice:
    stay, patient, coverage, engagement = invoice.stay, invoice.stay.patient, invoice.coverage, invoice.engagement
    assert invoice.debtor is not None and coverage is not None and engagement is not None
    assert stay.ended_at is not None
    amo = coverages_on(patient.pk, care_date(stay), CoverageKind.AMO).first()
    left = timezone.localtime(stay.ended_at)
    return DreInvoice(
        number=invoice.number,
        engagement_number=engagement.number,
        engaged_amount=engagement.amount,
        finess_site=stay.establishment.finess_site,
        stay_number=stay.iep,
        nir=patient.nir or "",
        birth=patient.birth_date,
        amc_number=invoice.debtor.amc_number,
        entry=care_date(stay),
        exit=left.date(),
        domain=stay.domain,
        kind="EXTERNE" if stay.kind in EXTERNAL_KINDS else "SEJOUR",
        lines=tuple(
            DreLine(
                number=line.number,
                service_code=line.code,
                quantity=line.quantity,
                unit_price=line.unit_price,
                total=line.total,
                amo_base=line.total,
                rate=round(100 * line.amo_share / line.total) if line.total else 0,
                amo_amount=line.amo_share,
                amc_amount=line.amount,
                start=line.starts_on,
                end=line.ends_on,
            )
            for line in invoice.lines.all()
        ),
        member_number=coverage.member_number or "",
        convention=coverage.convention,
        csr=coverage.csr,
        amo_regime=amo.debtor.amo_regime if amo else "",
        amo_fund=amo.debtor.amo_fund if amo else "",
        amo_centre=amo.debtor.amo_centre if amo else "",
        birth_rank=patient.birth_rank,
        exit_hour=left.hour,
    )
