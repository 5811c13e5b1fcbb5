"""What money hangs on the stays of a patient: told before two dossiers are put together."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, Sum

from admissions.services.merging import PREVIEWS, Held
from billing.enums import LIVE
from billing.models import Agreement, Engagement, Invoice, Payment

_ZERO = Decimal("0.00")


def held_by(patient_id: int) -> list[Held]:
    """Invoices, engagements, prises en charge and payments of a patient's stays. Four queries."""
    invoices = Invoice.objects.filter(stay__patient=patient_id, status__in=LIVE).aggregate(
        n=Count("pk"), euros=Sum("amount")
    )
    paid = Payment.objects.filter(invoice__stay__patient=patient_id).aggregate(n=Count("pk"), euros=Sum("amount"))
    engagements = Engagement.objects.filter(stay__patient=patient_id).aggregate(n=Count("pk"), euros=Sum("amount"))
    return [
        Held("facture,factures", invoices["n"], invoices["euros"] or _ZERO),
        Held("paiement,paiements", paid["n"], paid["euros"] or _ZERO),
        Held("engagement,engagements", engagements["n"], engagements["euros"] or _ZERO),
        Held("prise en charge,prises en charge", Agreement.objects.filter(stay__patient=patient_id).count()),
    ]


def register() -> None:
    if held_by not in PREVIEWS:
        PREVIEWS.append(held_by)
