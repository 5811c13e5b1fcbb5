"""Two dossiers of one person put together: what moved, so that it may move back."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from admissions.models.patients import Patient


class PatientMerge(models.Model):
    """A dossier put together with another, which stands for both. It may be undone."""

    source = models.ForeignKey(Patient, verbose_name="dossier retiré", on_delete=models.PROTECT, related_name="merges")
    target = models.ForeignKey(Patient, verbose_name="dossier gardé", on_delete=models.PROTECT, related_name="absorbed")
    reason = models.CharField("motif", max_length=200)
    merged_at = models.DateTimeField("fusionnés le")
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField("séparés le", null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "fusion de patients"
        verbose_name_plural = "fusions de patients"
        ordering = ["-merged_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(undone_at__isnull=True), name="a_patient_is_merged_once"
            ),
            models.CheckConstraint(condition=~Q(source=F("target")), name="a_patient_merges_with_another"),
            models.CheckConstraint(condition=~Q(reason=""), name="a_merge_of_patients_says_why"),
        ]
        indexes = [models.Index(fields=["target", "-merged_at"], name="patient_merge_target")]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"


class PatientMove(models.Model):
    """Rows that a merge moved, by their keys, and what they were where that cannot be told from them."""

    merge = models.ForeignKey(PatientMerge, on_delete=models.CASCADE, related_name="moves")
    what = models.CharField("quoi", max_length=20)
    keys = ArrayField(models.BigIntegerField(), verbose_name="clés")
    before = models.JSONField("avant", default=dict, blank=True)

    class Meta:
        verbose_name = "déplacement d’une fusion de patients"
        verbose_name_plural = "déplacements de fusions de patients"
        constraints = [models.UniqueConstraint(fields=["merge", "what"], name="one_patient_move_a_kind")]

    def __str__(self) -> str:
        return f"{self.merge_id} {self.what}"
