"""Rules of the calls as rows: what each return code asks for, and when a failed call is made again."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from teleservices.enums import Disposition, Family, LimitName


class Dated(models.Model):
    """A version of a rule: in force from a day to another, both included; who wrote it, and when."""

    valid_from = models.DateField("valable du")
    valid_until = models.DateField("au", null=True, blank=True)
    changed_at = models.DateTimeField("écrit le", default=timezone.now, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )

    class Meta:
        abstract = True


class ReturnCode(Dated):
    """One business return code and what is done of it (data file teleservices/data/return_codes.csv)."""

    code = models.CharField("code", max_length=20)
    operations = ArrayField(models.CharField(max_length=8), verbose_name="opérations")
    family = models.CharField("famille", max_length=30, choices=Family.choices)
    automatic = models.BooleanField("traité sans personne")
    agent_can_act = models.BooleanField("un agent peut agir")
    disposition = models.CharField("traitement", max_length=30, choices=Disposition.choices)
    rearm_on = models.CharField("réarmé par", max_length=40, blank=True)
    label = models.CharField("libellé", max_length=200)
    agent_message = models.CharField("ce que lit l’agent", max_length=300)
    source = models.CharField("source", max_length=200)

    class Meta:
        verbose_name = "code retour"
        verbose_name_plural = "codes retour"
        ordering = ["code", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="one_code_a_date"),
            models.UniqueConstraint(fields=["code"], condition=Q(valid_until__isnull=True), name="one_code_in_force"),
        ]

    def __str__(self) -> str:
        return self.code


class RetryPolicy(Dated):
    """When to try again, for one family of causes: first delay, factor, cap, and the age that shows it to a person."""

    cause = models.CharField("cause", max_length=30)
    first_delay_s = models.PositiveIntegerField("premier délai (s)")
    factor = models.DecimalField("facteur", max_digits=4, decimal_places=2)
    cap_s = models.PositiveIntegerField("délai maximal (s)")
    jitter_percent = models.PositiveSmallIntegerField("dispersion (%)")
    show_after_s = models.PositiveIntegerField("montré après (s)")

    class Meta:
        verbose_name = "règle de nouvel essai"
        verbose_name_plural = "règles de nouvel essai"
        ordering = ["cause"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause"], condition=Q(valid_until__isnull=True), name="one_retry_policy_in_force"
            ),
            models.UniqueConstraint(fields=["cause", "valid_from"], name="one_retry_policy_a_date"),
            models.CheckConstraint(condition=Q(cap_s__gte=F("first_delay_s")), name="retry_cap_above_first_delay"),
        ]

    def __str__(self) -> str:
        return self.cause


class CallLimit(Dated):
    """A delay or a cap of the calls (data file teleservices/data/call_limits.csv)."""

    name = models.CharField("limite", max_length=30, choices=LimitName.choices)
    value = models.PositiveIntegerField("valeur")

    class Meta:
        verbose_name = "limite des appels"
        verbose_name_plural = "limites des appels"
        ordering = ["name", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["name", "valid_from"], name="one_call_limit_a_date"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(valid_until__isnull=True), name="one_call_limit_in_force"
            ),
            models.CheckConstraint(condition=Q(value__gte=1), name="a_call_limit_lets_something_through"),
        ]

    def __str__(self) -> str:
        return self.name
