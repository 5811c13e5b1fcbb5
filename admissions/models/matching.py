"""Where to look for people who may be the same."""

from __future__ import annotations

from django.db import models

from admissions.models.patients import Patient


class PatientMatchKey(models.Model):
    """One way in which a patient's name and first name are said together (`rules.matching.match_keys`)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="match_keys")
    key = models.BigIntegerField()

    class Meta:
        verbose_name = "clé de rapprochement"
        verbose_name_plural = "clés de rapprochement"
        # By key first: a block is read from the index alone.
        constraints = [models.UniqueConstraint(fields=["key", "patient"], name="one_match_key_a_patient")]

    def __str__(self) -> str:
        return f"clé {self.pk}"
