"""Gives bills, invoices, lots, returns and payments the dates of their stays."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

from admissions.enums import EventKind
from admissions.models import AdmissionEvent, EventDelivery, Stay
from billing.enums import FileDirection, FileKind
from billing.models import Bill, Engagement, ExchangeFile, ExchangeRecord, Invoice, Payment
from worklists.demo.ageing import Ageing, move

_PAYS_AGAIN_AFTER = timedelta(days=6)


class MoneyAgeing:
    """Runs after the stays have aged. `paid_at`: lot → when its money came."""

    def __init__(self, stays: Ageing, paid_at: dict[int, datetime], rng: Random, now: datetime) -> None:
        self._stays = stays
        self._paid_at = dict(paid_at)
        self._rng = rng
        self._now = now
        self._invoiced: dict[int, datetime] = {}
        self._sent: dict[int, datetime] = {}

    def run(self) -> None:
        self._lots = self._invoices_of_lots()
        self._age_bills()
        self._age_lots()
        self._age_returns()
        self._age_payments()
        self._age_closings()

    def _invoices_of_lots(self) -> dict[int, list[int]]:
        lots: dict[int, list[int]] = defaultdict(list)
        out = ExchangeRecord.objects.filter(file__direction=FileDirection.OUT, invoice__isnull=False)
        for file_id, invoice_id in out.order_by("file_id", "pk").values_list("file_id", "invoice_id"):
            lots[file_id].append(invoice_id)
        return lots

    def _age_bills(self) -> None:
        left = self._discharges()
        engaged = dict(Engagement.objects.values_list("pk", "engaged_at"))
        billed: dict[int, datetime] = {}
        first: dict[int, datetime] = {}
        for invoice in Invoice.objects.select_related("bill").order_by("pk"):
            at = engaged.get(invoice.engagement_id or 0) or left.get(invoice.stay_id, self._now)
            billed[invoice.bill_id] = max(billed.get(invoice.bill_id, at), at)
        for invoice in Invoice.objects.order_by("pk"):
            first[invoice.pk] = billed[invoice.bill_id] + timedelta(milliseconds=30)
        self._invoiced = first
        move(Bill, "created_at", billed)
        move(Invoice, "created_at", first)

    def _discharges(self) -> dict[int, datetime]:
        found = AdmissionEvent.objects.filter(kind=EventKind.STAY_DISCHARGED).values_list("stay_id", "created_at")
        return dict(found)

    def _age_lots(self) -> None:
        """A lot leaves seconds after its last invoice. Corrected invoices come days after their rejection."""
        corrected = dict(Invoice.objects.filter(corrected_by__isnull=False).values_list("pk", "replaces_id"))
        lot_of = {invoice: lot for lot, invoices in self._lots.items() for invoice in invoices}
        instants: dict[int, datetime] = {}
        for lot, invoices in sorted(self._lots.items()):
            for invoice in invoices:
                if (rejected := corrected.get(invoice)) is not None:
                    rejected_at = self._paid_at[lot_of[rejected]]
                    delay = timedelta(hours=self._rng.randrange(5, 60))
                    self._invoiced[invoice] = min(rejected_at + delay, self._now)
            instants[lot] = max(self._invoiced[invoice] for invoice in invoices) + timedelta(seconds=9)
            if lot not in self._paid_at:
                self._paid_at[lot] = min(instants[lot] + _PAYS_AGAIN_AFTER, self._now)
            # Money never comes before the claim.
            self._paid_at[lot] = max(self._paid_at[lot], instants[lot] + timedelta(days=2))
        move(Invoice, "created_at", {pk: self._invoiced[pk] for pk in corrected})
        self._sent = instants
        move(ExchangeFile, "created_at", instants)
        by_invoice = {invoice: instants[lot] for lot, invoices in self._lots.items() for invoice in invoices}
        move(Invoice, "sent_at", by_invoice)
        received = {lot: at + timedelta(minutes=self._rng.randrange(2, 25)) for lot, at in instants.items()}
        known = ExchangeFile.objects.filter(acknowledged_at__isnull=False).values_list("pk", flat=True)
        move(ExchangeFile, "acknowledged_at", {pk: min(received[pk], self._now) for pk in known if pk in received})
        acknowledged = Invoice.objects.filter(acknowledged_at__isnull=False).values_list("pk", flat=True)
        move(Invoice, "acknowledged_at", {pk: min(received[lot_of[pk]], self._now) for pk in acknowledged})
        rejected_ones = Invoice.objects.filter(rejected_at__isnull=False).values_list("pk", flat=True)
        move(Invoice, "rejected_at", {pk: self._returned(lot_of[pk], received) for pk in rejected_ones})
        self._received = received

    def _returned(self, lot: int, received: dict[int, datetime]) -> datetime:
        refused = ExchangeFile.objects.filter(pk=lot, status="refused").exists()
        return min(received[lot] if refused else self._paid_at[lot], self._now)

    def _age_returns(self) -> None:
        """A file received comes when the lot that it speaks of was acknowledged, or paid."""
        numbers = dict(ExchangeFile.objects.filter(direction=FileDirection.OUT).values_list("lot_number", "pk"))
        lot_of = {invoice: lot for lot, invoices in self._lots.items() for invoice in invoices}
        instants: dict[int, datetime] = {}
        found = ExchangeRecord.objects.filter(file__direction=FileDirection.IN).select_related("file").order_by("pk")
        for record in found:
            lot = lot_of.get(record.invoice_id or 0) or numbers.get(record.reference.zfill(9))
            if lot is None:
                continue
            is_arl = record.file.kind == FileKind.ARL
            instants[record.file_id] = min(self._received[lot] if is_arl else self._paid_at[lot], self._now)
        move(ExchangeFile, "created_at", instants)
        self._files = instants

    def _age_payments(self) -> None:
        received: dict[int, datetime] = {}
        days = {}
        for payment in Payment.objects.select_related("record"):
            if payment.record is not None:
                received[payment.pk] = self._files.get(payment.record.file_id, self._now)
                days[payment.pk] = timezone.localdate(received[payment.pk])
            else:
                at = timezone.make_aware(datetime.combine(payment.received_on, datetime.min.time()))
                received[payment.pk] = min(at + timedelta(minutes=self._rng.randrange(560, 1000)), self._now)
        move(Payment, "created_at", received)
        move(Payment, "received_on", days)
        settled: dict[int, datetime] = {}
        paid = Payment.objects.filter(invoice__settled_at__isnull=False).values_list("pk", "invoice_id")
        for pk, invoice in paid:
            settled[invoice] = max(settled.get(invoice, received[pk]), received[pk])
        move(Invoice, "settled_at", settled)

    def _age_closings(self) -> None:
        last: dict[int, datetime] = {}
        for stay, at in Invoice.objects.filter(settled_at__isnull=False).values_list("stay_id", "settled_at"):
            if at is not None:
                last[stay] = max(last.get(stay, at), at)
        found = AdmissionEvent.objects.filter(kind=EventKind.STAY_CLOSED).values_list("pk", "stay_id")
        closings = {pk: last[stay] for pk, stay in found if stay in last}
        for field in ("created_at", "occurred_at"):
            move(AdmissionEvent, field, closings)
        delivered = EventDelivery.objects.filter(event__in=closings).values_list("pk", "event_id")
        for field in ("not_before", "done_at"):
            move(EventDelivery, field, {pk: closings[event] for pk, event in delivered})
        move(Stay, "updated_at", {stay: last[stay] for _, stay in found if stay in last})
