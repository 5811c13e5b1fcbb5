"""Questions put to a national service about many patients: one batch, a line for each of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Establishment
from admissions.models import Stay
from teleservices.enums import BatchKind, BatchState, LineState
from teleservices.models.calls import TeleserviceCall

LIVE = (BatchState.RUNNING, BatchState.PAUSED)


class NationalBatch(models.Model):
    """By day, somebody asked for it; by night, nobody did. `cursor`: how far its lines are listed, `listed` when they all are.

    What it asks are calls like any others: what is answered serves at once, and a process that dies loses nothing.
    """

    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="national_batches")
    kind = models.CharField("nature", max_length=6, choices=BatchKind.choices)
    state = models.CharField("état", max_length=8, choices=BatchState.choices, default=BatchState.RUNNING)
    night_of = models.DateField("nuit du", null=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    until = models.DateField("venues jusqu’au")
    most = models.PositiveIntegerField("lignes au plus")
    cursor = models.BigIntegerField(default=0)
    listed = models.BooleanField("liste faite", default=False)
    total = models.PositiveIntegerField("lignes", default=0)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    finished_at = models.DateTimeField("terminé le", null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "lot national"
        verbose_name_plural = "lots nationaux"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["establishment", "kind"], condition=Q(state__in=LIVE), name="one_live_batch_a_kind"
            ),
            models.UniqueConstraint(
                fields=["establishment", "kind", "night_of"],
                condition=Q(night_of__isnull=False),
                name="one_batch_a_night",
            ),
            models.CheckConstraint(
                condition=Q(night_of__isnull=True, asked_by__isnull=False)
                | Q(night_of__isnull=False, asked_by__isnull=True),
                name="a_batch_is_of_a_person_or_of_a_night",
            ),
            models.CheckConstraint(
                condition=Q(state__in=LIVE, finished_at__isnull=True)
                | (~Q(state__in=LIVE) & Q(finished_at__isnull=False)),
                name="an_ended_batch_says_when",
            ),
        ]
        indexes = [models.Index(fields=["establishment", "-created_at"], name="batch_of_establishment")]

    def __str__(self) -> str:
        return f"lot {self.pk}"

    @property
    def live(self) -> bool:
        return self.state in LIVE


class NationalBatchLine(models.Model):
    """One stay of a batch. Asked: it has its call; spared: there was no need, and why."""

    batch = models.ForeignKey(NationalBatch, on_delete=models.CASCADE, related_name="lines", db_index=False)
    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="+")
    state = models.CharField("état", max_length=8, choices=LineState.choices, default=LineState.WAITING)
    cause = models.CharField("cause", max_length=30, blank=True)
    call = models.OneToOneField(TeleserviceCall, on_delete=models.CASCADE, null=True, related_name="batch_line")

    class Meta:
        verbose_name = "ligne de lot"
        verbose_name_plural = "lignes de lot"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "stay"], name="one_line_a_stay"),
            models.CheckConstraint(
                condition=Q(call__isnull=False) | ~Q(state__in=[LineState.ASKED, LineState.ANSWERED]),
                name="an_asked_line_has_its_call",
            ),
        ]
        indexes = [models.Index(fields=["batch", "state", "id"], name="line_of_batch")]

    def __str__(self) -> str:
        return f"ligne {self.pk}"
