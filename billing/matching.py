"""A return that found no invoice by itself, and that a person recognises."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.enums import Action
from accounts.models import User
from accounts.sight import seen
from admissions.errors import Refused
from admissions.models import Stay
from billing import services
from billing.enums import FileKind, InvoiceStatus, PaymentMeans, RecordStatus
from billing.models import ExchangeRecord, Invoice, Payment
from gap.locks import hold_for_transaction

ZERO: Final = Decimal("0.00")
_EXPECTING: Final = (InvoiceStatus.SENT, InvoiceStatus.ACKNOWLEDGED, InvoiceStatus.PARTLY_PAID, InvoiceStatus.REJECTED)
_REJECTABLE: Final = (InvoiceStatus.SENT, InvoiceStatus.ACKNOWLEDGED, InvoiceStatus.REJECTED)


@transaction.atomic
def match_record(record_id: int, number: str, user: User) -> ExchangeRecord:
    """This return is about this invoice: apply it as if it had said so. Raises Refused. Done once, however often asked."""
    # No import at the same time: the whole file may be arriving again.
    hold_for_transaction("returns")
    record = ExchangeRecord.objects.select_for_update(of=("self",)).select_related("file").get(pk=record_id)
    if record.status == RecordStatus.APPLIED and record.invoice and record.invoice.number == number:
        return record
    if record.status != RecordStatus.UNMATCHED:
        raise Refused(
            f"Cette ligne est « {record.get_status_display()} » : il n’y a plus rien à rapprocher.",
            todo="Rechargez la page.",
        )
    invoice = _invoice(number, user)
    if record.file.kind == FileKind.PAYMENT and record.amount:
        _pay(record, invoice)
    elif record.file.kind in (FileKind.REJECTION, FileKind.ARL) and record.invoice_number:
        _reject(record, invoice)
    else:
        raise Refused(
            "Cette ligne ne parle pas d’une facture.", todo="Voyez avec l’organisme ce que ce fichier annonce."
        )
    record.invoice, record.status = invoice, RecordStatus.APPLIED
    record.problem = f"Rapproché à la main par {user.short_name} le {timezone.localtime():%d/%m/%Y à %H:%M}."
    record.save(update_fields=["invoice", "status", "problem"])
    return record


def _invoice(number: str, user: User) -> Invoice:
    """The invoice, locked after its stay, as every writer does."""
    mine = Invoice.objects.filter(seen(user.sight(Action.CORRECT_INVOICE), "stay__"), number=number)
    found = mine.values_list("pk", "stay_id").first()
    if found is None:
        raise Refused(
            "Aucune facture de l’établissement ne porte ce numéro.", todo="Vérifiez les neuf chiffres.", field="number"
        )
    Stay.objects.select_for_update().get(pk=found[1])
    return Invoice.objects.select_for_update().get(pk=found[0])


def _pay(record: ExchangeRecord, invoice: Invoice) -> None:
    assert record.amount is not None
    if invoice.status not in _EXPECTING:
        raise Refused(
            f"La facture {invoice.number} est « {invoice.get_status_display()} » : aucun paiement n’était attendu.",
            todo="Choisissez une autre facture.",
            field="number",
        )
    if not ZERO < record.amount <= invoice.amount - invoice.paid_amount:
        raise Refused(
            "Le montant reçu dépasse ce qui reste dû sur cette facture.",
            todo="Choisissez une autre facture, ou voyez avec l’organisme.",
            field="number",
        )
    reference = record.reference or f"{record.file.name[:30]} l{record.line}"
    if invoice.payments.filter(reference=reference[:40]).exists():
        raise Refused(
            "Un paiement de la même référence est déjà sur cette facture.",
            todo="Ce retour est sans doute déjà pris.",
            field="number",
        )
    record.invoice = invoice
    record.save(update_fields=["invoice"])
    Payment.objects.create(
        invoice=invoice,
        amount=record.amount,
        means=PaymentMeans.TRANSFER,
        reference=reference[:40],
        received_on=timezone.localdate(record.file.created_at),
        record=record,
    )
    services.settle(invoice)


def _reject(record: ExchangeRecord, invoice: Invoice) -> None:
    if invoice.status not in _REJECTABLE:
        raise Refused(
            f"La facture {invoice.number} est « {invoice.get_status_display()} » : elle ne peut plus être rejetée.",
            todo="Choisissez une autre facture.",
            field="number",
        )
    invoice.status, invoice.rejected_at = InvoiceStatus.REJECTED, timezone.now()
    invoice.rejection_code, invoice.rejection_label = record.code[:10], record.label[:200]
    invoice.version += 1
    invoice.save(update_fields=["status", "rejected_at", "rejection_code", "rejection_label", "version"])
