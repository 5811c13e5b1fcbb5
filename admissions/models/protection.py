"""Who opened a protected dossier, why, and what was thought of it afterwards."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Establishment
from admissions.enums import GlassReason, Protection, Verdict
from admissions.models.patients import Patient


class BrokenGlass(models.Model):
    """One person may open one protected dossier, from an instant until another, for a reason that they gave."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="+")
    protection = models.CharField("protection", max_length=10, choices=Protection.choices)
    reason = models.CharField("motif", max_length=10, choices=GlassReason.choices)
    words = models.CharField("précision", max_length=300, blank=True)
    at = models.DateTimeField("ouvert le")
    until = models.DateTimeField("jusqu’à")
    verdict = models.CharField("avis", max_length=10, choices=Verdict.choices, blank=True)
    remark = models.CharField("remarque", max_length=300, blank=True)
    reviewed_at = models.DateTimeField("relu le", null=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "bris de glace"
        verbose_name_plural = "bris de glace"
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("at")), name="glass_ends_after"),
            models.CheckConstraint(condition=~Q(reason=GlassReason.OTHER) | ~Q(words=""), name="glass_says_why"),
            models.CheckConstraint(
                condition=Q(verdict="", reviewed_at__isnull=True, reviewed_by__isnull=True)
                | (~Q(verdict="") & Q(reviewed_at__isnull=False, reviewed_by__isnull=False)),
                name="glass_reviewed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("user")), name="glass_reviewed_by_another"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "patient", "until"], name="glass_open"),
            models.Index(F("establishment"), F("at").desc(), F("id").desc(), name="glass_of_establishment"),
            models.Index(
                F("establishment"),
                F("at").desc(),
                F("id").desc(),
                condition=Q(reviewed_at=None),
                name="glass_to_review",
            ),
        ]

    def __str__(self) -> str:
        return f"bris de glace {self.pk}"
