"""What an AMC said it would pay (estimate), then engaged itself to pay (engagement)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from admissions.models import Coverage, Stay
from billing.enums import EngagementStatus
from debtors.models import Debtor
from teleservices.models import TeleserviceCall


class Estimate(models.Model):
    """The split of a stay as known at an instant: by our rules alone, or with the AMC's answer to a SIM."""

    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="estimates")
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT, null=True)
    call = models.OneToOneField(TeleserviceCall, on_delete=models.PROTECT, null=True, related_name="estimate")
    total = models.DecimalField(max_digits=12, decimal_places=2)
    amo_share = models.DecimalField(max_digits=12, decimal_places=2)
    amc_share = models.DecimalField(max_digits=12, decimal_places=2)
    patient_share = models.DecimalField(max_digits=12, decimal_places=2)
    answered_at = models.DateTimeField("répondu le")

    class Meta:
        verbose_name = "estimation"
        ordering = ["-answered_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(total=F("amo_share") + F("amc_share") + F("patient_share")), name="estimate_adds_up"
            )
        ]
        indexes = [models.Index(fields=["stay", "-answered_at"], name="estimate_of_stay")]

    def __str__(self) -> str:
        return f"estimation {self.pk}"


class EstimateLine(models.Model):
    """One priced service of an estimate, with how each amount was found."""

    estimate = models.ForeignKey(Estimate, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=10)
    label = models.CharField(max_length=120)
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    amo_share = models.DecimalField(max_digits=12, decimal_places=2)
    amc_share = models.DecimalField(max_digits=12, decimal_places=2)
    patient_share = models.DecimalField(max_digits=12, decimal_places=2)
    derivation = models.CharField(max_length=300)

    class Meta:
        verbose_name = "ligne d’estimation"
        verbose_name_plural = "lignes d’estimation"
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["estimate", "number"], name="one_estimate_line_a_number"),
            models.CheckConstraint(
                condition=Q(total=F("amo_share") + F("amc_share") + F("patient_share")), name="estimate_line_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return f"ligne {self.pk}"


class Engagement(models.Model):
    """Engagement de paiement: an amount that the AMC guarantees, under its number."""

    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="engagements")
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT)
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.PROTECT)
    call = models.OneToOneField(TeleserviceCall, on_delete=models.PROTECT, related_name="engagement")
    number = models.CharField("n° d’engagement", max_length=30)
    amount = models.DecimalField("montant engagé", max_digits=12, decimal_places=2)
    line_amounts = models.JSONField("montants par ligne", default=dict)
    valid_until = models.DateField("valable jusqu’au", null=True)
    dre_address = models.CharField("adresse des DRE", max_length=255)
    dre_recipient = models.CharField("destinataire des DRE", max_length=80)
    status = models.CharField("état", max_length=10, choices=EngagementStatus.choices)
    engaged_at = models.DateTimeField("engagé le")
    cancelled_at = models.DateTimeField("annulé le", null=True)

    class Meta:
        verbose_name = "engagement de paiement"
        verbose_name_plural = "engagements de paiement"
        ordering = ["-engaged_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["debtor", "number"], name="one_engagement_a_number"),
            models.UniqueConstraint(
                fields=["stay", "coverage"],
                condition=Q(status=EngagementStatus.IN_FORCE),
                name="one_engagement_in_force",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="engagement_is_not_negative"),
        ]

    def __str__(self) -> str:
        return self.number
