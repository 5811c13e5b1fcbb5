"""Reads of invoices and exchanges, for the screens and for who settles what came back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, DecimalField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from accounts.enums import Action
from accounts.models import User
from accounts.sight import Here, seen
from admissions.models import Stay
from billing.enums import LIVE, FileDirection, FileStatus, InvoiceStatus, RecordStatus
from billing.models import Estimate, ExchangeFile, ExchangeRecord, Invoice
from teleservices.models import TeleserviceCall

# A number read with one wrong digit, or an amount to the cent: enough to be shown as « may be this one ».
SHOWN_CANDIDATES: Final = 8
_EXPECTING: Final = (InvoiceStatus.SENT, InvoiceStatus.ACKNOWLEDGED, InvoiceStatus.PARTLY_PAID, InvoiceStatus.REJECTED)


def invoices_for(user: User) -> QuerySet[Invoice]:
    """The invoices that this person sees."""
    return Invoice.objects.filter(seen(user.sight(Action.SEE_INVOICES), "stay__"))


def with_what_is_due(invoices: QuerySet[Invoice]) -> QuerySet[Any]:
    due = ExpressionWrapper(F("amount") - F("paid_amount"), DecimalField(max_digits=12, decimal_places=2))
    return invoices.select_related("stay__patient", "debtor").annotate(due=due)


def family_of(invoice: Invoice) -> list[Invoice]:
    """Every invoice of the same stay and payer, oldest first: a rejection and what followed it."""
    return list(
        Invoice.objects.filter(stay=invoice.stay_id, payer=invoice.payer)
        .select_related("corrected_by", "replaced_by")
        .order_by("pk")
    )


def siblings(invoice: Invoice) -> list[Invoice]:
    """The invoices of the same bill that carry its shares, one a payer."""
    rows = Invoice.objects.filter(bill=invoice.bill_id, status__in=LIVE).select_related("debtor")
    order = {"AMO": 0, "AMC": 1, "PATIENT": 2}
    return sorted(rows, key=lambda row: order[row.payer])


def files_of(here: Here) -> QuerySet[ExchangeFile]:
    """Files that speak of what is seen, and those that speak of nobody's invoice (not read, not matched)."""
    matched = ExchangeRecord.objects.filter(file=OuterRef("pk"), invoice__isnull=False)
    ours = matched.filter(seen(here, "invoice__stay__"))
    return ExchangeFile.objects.filter(Q(Exists(ours)) | ~Q(Exists(matched)))


def records_of(here: Here) -> QuerySet[ExchangeRecord]:
    """Records about what is seen, and those that nobody matched: whose they are is what is looked for."""
    return ExchangeRecord.objects.filter(Q(invoice__isnull=True) | seen(here, "invoice__stay__"))


def speaks_of_others(file: ExchangeFile, here: Here) -> bool:
    """Whether a file holds lines of an establishment that is not seen: it is then read line by line, never whole."""
    return file.records.filter(invoice__isnull=False).exclude(seen(here, "invoice__stay__")).exists()


def exchange_figures(files: QuerySet[ExchangeFile]) -> dict[str, Any]:
    """Of the lots sent: accepted, refused, awaited; of the files received: in quarantine, sent to us again."""
    sent = files.filter(direction=FileDirection.OUT).aggregate(
        total=Count("pk"),
        accepted=Count("pk", filter=Q(status=FileStatus.ACKNOWLEDGED)),
        refused=Count("pk", filter=Q(status=FileStatus.REFUSED)),
        awaited=Count("pk", filter=Q(status__in=[FileStatus.PREPARED, FileStatus.WRITTEN])),
    )
    received = files.filter(direction=FileDirection.IN).aggregate(
        received=Count("pk"),
        quarantined=Count("pk", filter=Q(status=FileStatus.QUARANTINED)),
        again=Sum("resent_count"),
    )
    return sent | received | {"again": received["again"] or 0, "at": timezone.now()}


def record_counts(records: QuerySet[ExchangeRecord]) -> list[tuple[str, str, int]]:
    """(status, label, count) of these records, every status, zeros too."""
    found = dict(records.order_by().values_list("status").annotate(count=Count("pk")))
    return [(status.value, str(status.label), found.get(status.value, 0)) for status in RecordStatus]


def candidates(record: ExchangeRecord, user: User) -> list[tuple[Invoice, list[str]]]:
    """Invoices that an unmatched return may be about, the likeliest first, each with why."""
    clues = Q(pk=record.invoice_id) if record.invoice_id else Q(pk__isnull=True)
    if record.engagement_number:
        clues |= Q(engagement__number=record.engagement_number)
    if len(record.invoice_number) == 9:
        clues |= Q(number=record.invoice_number)
        for position in range(9):
            wrong = record.invoice_number
            clues |= Q(number__startswith=wrong[:position], number__endswith=wrong[position + 1 :])
    if record.amount:
        clues |= Q(
            amount=record.amount + F("paid_amount"), status__in=_EXPECTING, debtor__amc_number=record.file.recipient
        )
    rows = with_what_is_due(invoices_for(user).filter(clues)).select_related("stay__patient", "debtor", "engagement")
    found = [(row, _why(record, row)) for row in rows[:200]]
    found = [(row, why) for row, why in found if why]
    return sorted(found, key=lambda pair: (-len(pair[1]), -pair[0].pk))[:SHOWN_CANDIDATES]


def _why(record: ExchangeRecord, invoice: Invoice) -> list[str]:
    reasons = []
    if invoice.number == record.invoice_number:
        reasons.append("même n°")
    elif len(record.invoice_number) == 9:
        differing = sum(a != b for a, b in zip(invoice.number, record.invoice_number, strict=True))
        if differing == 1:
            reasons.append("n° à un chiffre près")
    if record.engagement_number and invoice.engagement and invoice.engagement.number == record.engagement_number:
        reasons.append("même engagement")
    due: Decimal = invoice.amount - invoice.paid_amount
    if record.amount and due == record.amount:
        reasons.append("montant exact")
    if record.file.recipient and invoice.debtor and invoice.debtor.amc_number == record.file.recipient:
        reasons.append("même organisme")
    return reasons if reasons != ["même organisme"] else []


def asked_of(stay: Stay, call: TeleserviceCall) -> bool:
    """Whether a call was put about the stay as it is now: its field of activity, and care with or without a bed.

    One of before this was written in the call says nothing, and holds.
    """
    return all(call.parameters.get(name, now) == now for name, now in stay.roc_context.items())


def last_estimate(stay: Stay) -> Estimate | None:
    """The last split known of the stay; none when it was announced for what the stay no longer is."""
    last = stay.estimates.order_by("-answered_at", "-pk").select_related("call").prefetch_related("lines").first()
    return last if last is None or last.call is None or asked_of(stay, last.call) else None
