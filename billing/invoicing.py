"""The bill of a stay, and its invoices."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone

from accounts.models import User
from admissions.enums import CoverageKind
from admissions.models import Stay
from admissions.querysets import care_date, coverages_on
from billing.enums import LIVE, BillStatus, InvoiceStatus, Payer
from billing.models import Agreement, Bill, Engagement, Invoice, InvoiceLine, NumberSeries
from billing.pec.following import terms_of
from billing.rules.agreements import amc_by_line
from billing.rules.split import Line, NotDecided, share_out

ZERO = Decimal("0.00")


def next_invoice_number() -> str:
    """YY + 7 digits. The series' row stays locked until the transaction ends: no gap, no double."""
    year = f"{timezone.localdate():%y}"
    NumberSeries.objects.get_or_create(name=f"factures-{year}")
    series = NumberSeries.objects.select_for_update().get(name=f"factures-{year}")
    series.last += 1
    series.save(update_fields=["last"])
    return f"{year}{series.last:07d}"


def make_bill(
    stay: Stay, lines: list[Line], engagement: Engagement | None, agreement: Agreement | None = None
) -> Bill | None:
    """Bill a discharged stay, once: one invoice for each payer that owes something. Needs the stay's lock.

    The AMC's part is what it engaged, or outside ROC what the contract lines of its agreement come to. None when it is
    already billed, or when something is missing (then a worklist shows it).
    """
    current = stay.bills.filter(status=BillStatus.CURRENT).first()
    if current and not (engagement and _made_without(current, engagement) and withdraw_bill(stay)):
        return None
    amo = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMO).first()
    if amo is None:
        return None
    engaged = {
        int(number): Decimal(amount) for number, amount in (engagement.line_amounts if engagement else {}).items()
    }
    if agreement:
        engaged = amc_by_line(lines, terms_of(agreement))
    try:
        shared = share_out(lines, engaged)
    except NotDecided:
        return None
    amc_share = sum((amc for _, amc, _ in shared), ZERO)
    if engagement and amc_share != engagement.amount:
        return None  # the AMC's lines and its total disagree: «À décider»
    bill = Bill.objects.create(
        stay=stay,
        total=sum((line.total for line in lines), ZERO),
        amo_share=sum((line.amo for line in lines), ZERO),
        amc_share=amc_share,
        patient_share=sum((patient for _, _, patient in shared), ZERO),
    )
    _invoice(bill, Payer.AMO, [(line, line.amo) for line in lines], debtor=amo.debtor, coverage=amo)
    if engagement:
        _invoice(
            bill,
            Payer.AMC,
            [(line, amc) for line, amc, _ in shared],
            debtor=engagement.debtor,
            coverage=engagement.coverage,
            engagement=engagement,
        )
    if agreement:
        _invoice(
            bill,
            Payer.AMC,
            [(line, amc) for line, amc, _ in shared],
            debtor=agreement.debtor,
            coverage=agreement.coverage,
            agreement=agreement,
        )
    _invoice(bill, Payer.PATIENT, [(line, patient) for line, _, patient in shared])
    return bill


def _invoice(bill: Bill, payer: Payer, parts: list[tuple[Line, Decimal]], **links: object) -> Invoice | None:
    parts = [(line, amount) for line, amount in parts if amount]
    if not parts:
        return None
    before = (
        Invoice.objects.filter(
            stay=bill.stay,
            payer=payer,
            status__in=[InvoiceStatus.CANCELLED, InvoiceStatus.REPLACED],
            replaced_by__isnull=True,
        )
        .order_by("-pk")
        .first()
    )
    invoice = Invoice.objects.create(
        number=next_invoice_number(),
        bill=bill,
        stay=bill.stay,
        payer=payer,
        amount=sum((amount for _, amount in parts), ZERO),
        replaces=before,
        **links,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            number=number,
            code=line.code,
            label=line.label,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=line.total,
            amo_share=line.amo,
            amount=amount,
            starts_on=line.first,
            ends_on=line.last,
            derivation=line.derivation,
        )
        for number, (line, amount) in enumerate(parts, start=1)
    )
    return invoice


def _made_without(bill: Bill, engagement: Engagement) -> bool:
    """Whether a bill stands that does not count on an engagement that has come since."""
    return engagement.amount > 0 and not bill.invoices.filter(engagement=engagement).exists()


def bill_again(stay: Stay, lines: list[Line], agreement: Agreement | None = None) -> None:
    """Bill without engagement; a bill of which nothing left yet, and whose figures are no longer these, is withdrawn."""
    bill = stay.bills.filter(status=BillStatus.CURRENT).first()
    if bill:
        paid = sum(amc_by_line(lines, terms_of(agreement)).values(), ZERO) if agreement else ZERO
        now = (sum((line.total for line in lines), ZERO), sum((line.amo for line in lines), ZERO), paid)
        if now == (bill.total, bill.amo_share, bill.amc_share) or not withdraw_bill(stay):
            return
    make_bill(stay, lines, None, agreement)


def withdraw_bill(stay: Stay, *, force: bool = False) -> bool:
    """Take back the current bill before anything of it left; with `force`, one whose sent invoice was rejected.

    False when an invoice is on its way or paid: then nothing changes, and a person is shown the stay.
    """
    bill = stay.bills.filter(status=BillStatus.CURRENT).first()
    if bill is None:
        return True
    invoices = list(bill.invoices.select_for_update().filter(status__in=LIVE))
    movable = {InvoiceStatus.READY, InvoiceStatus.REJECTED} if force else {InvoiceStatus.READY}
    if any(invoice.status not in movable for invoice in invoices):
        return False
    for invoice in invoices:
        invoice.status = InvoiceStatus.REPLACED if invoice.status == InvoiceStatus.REJECTED else InvoiceStatus.CANCELLED
        invoice.version += 1
        invoice.save(update_fields=["status", "version"])
    bill.status = BillStatus.REPLACED
    bill.save(update_fields=["status"])
    return True


def replace(invoice: Invoice, note: str, user: User | None) -> Invoice:
    """The same claim under a new number, chained to the rejected one. Needs the invoice's lock."""
    lines = list(invoice.lines.all())
    invoice.status = InvoiceStatus.REPLACED
    invoice.version += 1
    invoice.save(update_fields=["status", "version"])
    following = Invoice.objects.create(
        number=next_invoice_number(),
        bill=invoice.bill,
        stay=invoice.stay,
        payer=invoice.payer,
        debtor=invoice.debtor,
        coverage=invoice.coverage,
        engagement=invoice.engagement,
        agreement=invoice.agreement,
        amount=invoice.amount,
        replaces=invoice,
        corrected_by=user,
        correction_note=note,
    )
    for line in lines:
        line.pk, line.invoice = None, following
    InvoiceLine.objects.bulk_create(lines)
    return following
