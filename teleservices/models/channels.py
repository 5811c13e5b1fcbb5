"""Whom one talks to, and how much at once: an AMC that is slow, down or in maintenance keeps nobody else waiting."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from teleservices.models.calls import CHANNEL_LENGTH, OPERATIONS


class ChannelRule(models.Model):
    """How many calls may be under way at once on a channel. The row without a channel is for those that have none."""

    channel = models.CharField("canal", max_length=CHANNEL_LENGTH, unique=True, blank=True)
    in_flight = models.PositiveSmallIntegerField("appels à la fois")
    kept_for_interactive = models.PositiveSmallIntegerField("dont jamais pris par la nuit")
    failures_to_open = models.PositiveSmallIntegerField("échecs de suite avant de suspendre")
    updated_at = models.DateTimeField("changé le", auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "règle de canal"
        verbose_name_plural = "règles de canal"
        ordering = ["channel"]
        constraints = [
            models.CheckConstraint(
                condition=Q(in_flight__gt=F("kept_for_interactive"), failures_to_open__gte=1),
                name="a_channel_lets_the_night_through",
            )
        ]

    def __str__(self) -> str:
        return self.channel or "par défaut"


class Circuit(models.Model):
    """What the last calls of a channel for one operation met. Open (`retry_at`): nothing leaves but one probe then."""

    channel = models.CharField("canal", max_length=CHANNEL_LENGTH)
    operation = models.CharField("opération", max_length=8, choices=OPERATIONS)
    failures = models.PositiveIntegerField("échecs de suite", default=0)
    openings = models.PositiveSmallIntegerField("suspensions de suite", default=0)
    opened_at = models.DateTimeField("suspendu le", null=True)
    retry_at = models.DateTimeField("prochain essai", null=True)
    last_cause = models.CharField("dernière cause", max_length=60, blank=True)
    last_failed_at = models.DateTimeField("dernier échec", null=True)

    class Meta:
        verbose_name = "disjoncteur"
        ordering = ["channel", "operation"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "operation"], name="one_circuit_a_channel_and_operation"),
            models.CheckConstraint(
                condition=Q(opened_at__isnull=True, retry_at__isnull=True, openings=0)
                | Q(opened_at__isnull=False, retry_at__isnull=False, openings__gte=1),
                name="an_open_circuit_says_when_it_tries",
            ),
        ]
        indexes = [
            models.Index(fields=["opened_at"], condition=Q(opened_at__isnull=False), name="circuit_open"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.operation}"


class MaintenanceWindow(models.Model):
    """A time announced beforehand during which nothing is sent: to one channel or to all, for one operation or all."""

    channel = models.CharField("canal", max_length=CHANNEL_LENGTH, blank=True)
    operation = models.CharField("opération", max_length=8, choices=OPERATIONS, blank=True)
    starts_at = models.DateTimeField("du")
    ends_at = models.DateTimeField("au")
    reason = models.CharField("motif", max_length=200, blank=True)
    created_at = models.DateTimeField("annoncée le", auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "maintenance annoncée"
        verbose_name_plural = "maintenances annoncées"
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="a_maintenance_ends_after_it_starts")
        ]
        indexes = [models.Index(fields=["channel", "ends_at"], name="maintenance_of_channel")]

    def __str__(self) -> str:
        return f"{self.channel or 'tous'} {self.operation}".strip()
