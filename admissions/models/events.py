"""Business events as rows, and their delivery to the floors above."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import ApiClient
from admissions.enums import EventKind
from admissions.models.stays import Stay

#: Past this, an event was not typed as it happened: an outage, a night, a forgotten paper.
LATE: Final = timedelta(hours=1)


class AdmissionEvent(models.Model):
    """Something happened to a stay. Written in the transaction that made it happen; never edited.

    `detail` holds identifiers and codes only, never what names a person.
    """

    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField("événement", max_length=20, choices=EventKind.choices)
    detail = models.JSONField("détail", default=dict, blank=True)
    occurred_at = models.DateTimeField("survenu le")
    created_at = models.DateTimeField("écrit le", auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "événement"
        ordering = ["-occurred_at", "-pk"]
        indexes = [models.Index(fields=["stay", "-occurred_at"], name="event_of_stay")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def entered_late(self) -> bool:
        return self.created_at - self.occurred_at > LATE


class EventDelivery(models.Model):
    """One event is owed to one consumer: done once, in the transaction of its effects."""

    event = models.ForeignKey(AdmissionEvent, on_delete=models.CASCADE, related_name="deliveries")
    consumer = models.CharField("destinataire", max_length=30)
    done_at = models.DateTimeField("traité le", null=True)
    not_before = models.DateTimeField("pas avant", auto_now_add=False)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    problem = models.CharField("incident", max_length=200, blank=True)

    class Meta:
        verbose_name = "remise d’événement"
        verbose_name_plural = "remises d’événements"
        constraints = [models.UniqueConstraint(fields=["event", "consumer"], name="one_delivery_a_consumer")]
        indexes = [models.Index(fields=["not_before"], condition=Q(done_at__isnull=True), name="delivery_owed")]

    def __str__(self) -> str:
        return f"{self.consumer} {self.event_id}"
