"""The bill of a stay and its invoices, one a payer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from admissions.models import Coverage, Stay
from billing.enums import LIVE, BillStatus, InvoiceStatus, Payer
from billing.models.pec import Agreement
from billing.models.rights import Engagement
from debtors.models import Debtor


class NumberSeries(models.Model):
    """The last number given in a series. The row is locked while a number is taken: no gap, no double."""

    name = models.CharField(max_length=30, unique=True)
    last = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = "série de numéros"
        verbose_name_plural = "séries de numéros"

    def __str__(self) -> str:
        return self.name


class Bill(models.Model):
    """What a stay costs and who owes which part. The three shares add up to the total: PostgreSQL says so."""

    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="bills")
    total = models.DecimalField(max_digits=12, decimal_places=2)
    amo_share = models.DecimalField(max_digits=12, decimal_places=2)
    amc_share = models.DecimalField(max_digits=12, decimal_places=2)
    patient_share = models.DecimalField(max_digits=12, decimal_places=2)
    status = models.CharField(max_length=10, choices=BillStatus.choices, default=BillStatus.CURRENT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "facturation de séjour"
        verbose_name_plural = "facturations de séjours"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(total=F("amo_share") + F("amc_share") + F("patient_share")), name="bill_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(amo_share__gte=0, amc_share__gte=0, patient_share__gte=0), name="shares_are_not_negative"
            ),
            models.UniqueConstraint(fields=["stay"], condition=Q(status=BillStatus.CURRENT), name="one_current_bill"),
        ]

    def __str__(self) -> str:
        return f"facturation {self.pk}"


class Invoice(models.Model):
    """Facture-tiers: what one payer owes of one bill. Numbers (YY + 7 digits) are never reused."""

    number = models.CharField("n° de facture", max_length=9, unique=True)
    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="invoices")
    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="invoices")
    payer = models.CharField("payeur", max_length=7, choices=Payer.choices)
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.PROTECT, null=True)
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT, null=True)
    engagement = models.ForeignKey(Engagement, on_delete=models.PROTECT, null=True, related_name="invoices")
    #: Outside ROC: what the payer's share stands on, in place of an engagement.
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, null=True, related_name="invoices")
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2)
    paid_amount = models.DecimalField("payé", max_digits=12, decimal_places=2, default=0)
    status = models.CharField("état", max_length=13, choices=InvoiceStatus.choices, default=InvoiceStatus.READY)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")
    rejection_code = models.CharField("code de rejet", max_length=10, blank=True)
    rejection_label = models.CharField("motif de rejet", max_length=200, blank=True)
    # Why it can't leave yet (a NIR is missing…): it is tried again at each sending.
    blocked_reason = models.CharField("ne peut pas partir", max_length=200, blank=True)
    created_at = models.DateTimeField("émise le", auto_now_add=True)
    sent_at = models.DateTimeField("envoyée le", null=True)
    acknowledged_at = models.DateTimeField("reçue le", null=True)
    settled_at = models.DateTimeField("soldée le", null=True)
    rejected_at = models.DateTimeField("rejetée le", null=True)
    corrected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    correction_note = models.CharField("correction", max_length=200, blank=True)
    version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "facture"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["bill", "payer"], condition=Q(status__in=LIVE), name="one_live_invoice_a_payer"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="an_invoice_claims_something"),
            models.CheckConstraint(condition=Q(number__regex=r"^\d{9}$"), name="invoice_number_format"),
            models.CheckConstraint(
                condition=~Q(payer=Payer.AMC) | Q(debtor__isnull=False), name="amc_invoice_has_a_debtor"
            ),
            models.CheckConstraint(
                condition=Q(agreement__isnull=True) | Q(payer=Payer.AMC, engagement__isnull=True),
                name="an_agreement_or_an_engagement",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "payer", "created_at"], name="invoice_by_status"),
            models.Index(fields=["stay"], name="invoice_of_stay"),
            models.Index(fields=["-created_at"], name="invoice_recent"),
            models.Index(
                fields=["debtor", "created_at"], condition=Q(status=InvoiceStatus.READY), name="invoice_to_send"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class InvoiceLine(models.Model):
    """One line of an invoice: this payer's part of one service."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=10)
    label = models.CharField(max_length=120)
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    amo_share = models.DecimalField(max_digits=12, decimal_places=2)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    starts_on = models.DateField()
    ends_on = models.DateField()
    derivation = models.CharField(max_length=300)

    class Meta:
        verbose_name = "ligne de facture"
        verbose_name_plural = "lignes de facture"
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["invoice", "number"], name="one_line_a_number")]

    def __str__(self) -> str:
        return f"ligne {self.pk}"
