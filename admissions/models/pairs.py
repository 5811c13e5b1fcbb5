"""Two dossiers that look like one person's, until a référent says what they are."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from admissions.models.patients import Patient


class PatientPair(models.Model):
    """Found by the score of `admissions.rules.matching`. Merged dossiers leave by themselves; told different, it stays so
    until a strict trait of one changes (`about`: a keyed digest of both)."""

    first = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="pairs_first", db_index=False)
    second = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="pairs_second")
    score = models.PositiveSmallIntegerField("sur 100")
    reasons = ArrayField(models.CharField(max_length=80), default=list, verbose_name="parce que")
    about = models.CharField(max_length=64, editable=False)
    found_at = models.DateTimeField("trouvée le")
    decided_at = models.DateTimeField("décidée le", null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField("deux personnes parce que", max_length=200, blank=True)

    class Meta:
        verbose_name = "doublon possible"
        verbose_name_plural = "doublons possibles"
        ordering = ["-score", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="one_row_a_pair_of_patients"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="a_pair_of_patients_is_ordered"),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, reason="") | (Q(decided_at__isnull=False) & ~Q(reason="")),
                name="two_people_have_a_reason",
            ),
        ]
        indexes = [models.Index(fields=["-score"], condition=Q(decided_at__isnull=True), name="patient_pair_open")]

    def __str__(self) -> str:
        return f"doublon possible {self.pk}"


class PairSweep(models.Model):
    """How far the night has compared the dossiers: one row. It goes on from there the next night, and begins again."""

    cursor = models.BigIntegerField(default=0)
    rounds = models.PositiveIntegerField("tours", default=0)
    moved_at = models.DateTimeField("avancé le", auto_now=True)

    class Meta:
        verbose_name = "balayage des doublons"
        verbose_name_plural = "balayages des doublons"

    def __str__(self) -> str:
        return f"balayage {self.cursor}"
