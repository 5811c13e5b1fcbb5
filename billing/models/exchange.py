"""Files that leave and come back, each record's fate, and the money that arrives."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import storages
from django.db import models
from django.db.models import Q

from accounts.models import ApiClient
from billing.enums import FileDirection, FileKind, FileStatus, PaymentMeans, RecordStatus
from billing.models.invoices import Invoice


def _exchange_storage():  # type: ignore[no-untyped-def]
    return storages["exchange"]


class ExchangeFile(models.Model):
    """One file of the exchange folder. A file received is known by its content: renamed or sent again, it is the same."""

    direction = models.CharField("sens", max_length=3, choices=FileDirection.choices)
    kind = models.CharField("nature", max_length=6, choices=FileKind.choices)
    name = models.CharField("nom", max_length=120)
    file = models.FileField("fichier", storage=_exchange_storage, max_length=200, blank=True)
    content_digest = models.CharField("empreinte", max_length=64)
    lot_number = models.CharField("n° de lot", max_length=9, blank=True)
    recipient = models.CharField("destinataire", max_length=80, blank=True)
    status = models.CharField("état", max_length=12, choices=FileStatus.choices)
    invoice_count = models.PositiveIntegerField("factures", default=0)
    amount = models.DecimalField("montant", max_digits=14, decimal_places=2, default=0)
    problem = models.CharField("incident", max_length=300, blank=True)
    created_at = models.DateTimeField("le", auto_now_add=True)
    acknowledged_at = models.DateTimeField("acquitté le", null=True)
    resent_count = models.PositiveSmallIntegerField("reçu de nouveau", default=0)

    class Meta:
        verbose_name = "fichier d’échange"
        verbose_name_plural = "fichiers d’échange"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["content_digest"], condition=Q(direction=FileDirection.IN), name="a_file_is_received_once"
            ),
            models.UniqueConstraint(
                fields=["lot_number"], condition=Q(direction=FileDirection.OUT), name="one_lot_a_number"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="exchange_recent"),
            models.Index(fields=["kind", "status", "created_at"], name="exchange_by_status"),
        ]

    def __str__(self) -> str:
        return self.name


class ExchangeRecord(models.Model):
    """One business record of a file received, or one invoice of a lot sent, and what was done of it.

    `record_key` names the fact itself (kind, payment or rejection reference, invoice): the same fact in a file that
    was cut and sent again whole is applied once.
    """

    file = models.ForeignKey(ExchangeFile, on_delete=models.CASCADE, related_name="records")
    line = models.PositiveIntegerField("ligne")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="exchange_records")
    invoice_number = models.CharField("n° de facture", max_length=9, blank=True)
    engagement_number = models.CharField("n° d’engagement", max_length=30, blank=True)
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2, null=True)
    reference = models.CharField("référence", max_length=40, blank=True)
    code = models.CharField("code", max_length=10, blank=True)
    label = models.CharField("libellé", max_length=200, blank=True)
    status = models.CharField("état", max_length=15, choices=RecordStatus.choices)
    record_key = models.CharField(max_length=120, null=True, unique=True)
    problem = models.CharField("incident", max_length=300, blank=True)

    class Meta:
        verbose_name = "enregistrement d’échange"
        verbose_name_plural = "enregistrements d’échange"
        ordering = ["file", "line"]
        constraints = [models.UniqueConstraint(fields=["file", "line"], name="one_record_a_line")]
        indexes = [
            models.Index(
                fields=["status", "id"],
                condition=Q(status__in=[RecordStatus.UNMATCHED, RecordStatus.INVALID]),
                name="record_to_settle",
            ),
            models.Index(fields=["invoice"], name="record_of_invoice"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} l. {self.line}"


class Payment(models.Model):
    """Money received for an invoice: read in a 578R, or seen by a person who says how and under which reference."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2)
    means = models.CharField("moyen", max_length=10, choices=PaymentMeans.choices)
    reference = models.CharField("référence", max_length=40)
    received_on = models.DateField("reçu le")
    record = models.OneToOneField(ExchangeRecord, on_delete=models.PROTECT, null=True, related_name="payment")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, null=True, related_name="+")
    creation_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        verbose_name = "paiement"
        ordering = ["-received_on", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="a_payment_is_something"),
            models.UniqueConstraint(fields=["invoice", "reference"], name="one_payment_a_reference"),
        ]

    def __str__(self) -> str:
        return f"paiement {self.pk}"
