"""Refusals that no hospital can lift alone: one row a cause, whatever its number of dossiers, until it is solved."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Establishment
from debtors.models import Debtor
from teleservices.enums import ANOMALY_OVER, AnomalyState, Recipient
from teleservices.models.calls import OPERATIONS


class Anomaly(models.Model):
    """A return code, of one operation, from one AMC. Its dossiers are the live refusals that say the same."""

    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="anomalies")
    code = models.CharField("code", max_length=20)
    operation = models.CharField("opération", max_length=8, choices=OPERATIONS)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="anomalies")
    state = models.CharField("état", max_length=12, choices=AnomalyState.choices, default=AnomalyState.TO_REPORT)
    recipient = models.CharField("signalée à", max_length=8, choices=Recipient.choices, blank=True)
    reference = models.CharField("n° de demande", max_length=60, blank=True)
    opened_at = models.DateTimeField("vue le", auto_now_add=True)
    state_at = models.DateTimeField("dans cet état depuis", auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = "anomalie"
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["establishment", "code", "operation", "debtor"],
                condition=~Q(state__in=ANOMALY_OVER),
                name="one_open_anomaly_a_cause",
            ),
            models.CheckConstraint(
                condition=Q(state=AnomalyState.TO_REPORT) | Q(state__in=ANOMALY_OVER) | ~Q(recipient=""),
                name="a_reported_anomaly_says_to_whom",
            ),
        ]
        indexes = [
            models.Index(fields=["establishment", "state", "opened_at"], name="anomaly_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.operation}"

    @property
    def is_over(self) -> bool:
        return self.state in ANOMALY_OVER


class AnomalyStep(models.Model):
    """What was done of an anomaly: reported, answered, solved, and what was written then. Never a patient's data."""

    anomaly = models.ForeignKey(Anomaly, on_delete=models.CASCADE, related_name="steps")
    state = models.CharField("état", max_length=12, choices=AnomalyState.choices)
    recipient = models.CharField("destinataire", max_length=8, choices=Recipient.choices, blank=True)
    note = models.CharField("note", max_length=500, blank=True)
    dossiers = models.PositiveIntegerField("dossiers alors")
    at = models.DateTimeField("le", auto_now_add=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "suite donnée à une anomalie"
        verbose_name_plural = "suites données à une anomalie"
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.anomaly_id} {self.state}"
