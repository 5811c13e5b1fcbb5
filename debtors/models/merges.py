"""Records that may be the same payer, and those that were put together."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from debtors.enums import PairState
from debtors.models.records import Debtor


class DebtorPair(models.Model):
    """Two records that look like one payer: how much (0 to 100), why, and what a person said of it."""

    first = models.ForeignKey(Debtor, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Debtor, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField("ressemblance")
    reasons = ArrayField(models.CharField(max_length=80), verbose_name="parce que")
    state = models.CharField("état", max_length=10, choices=PairState.choices, default=PairState.PROPOSED)
    found_at = models.DateTimeField("vus ensemble le")
    decided_at = models.DateTimeField("décidé le", null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "doublon possible"
        verbose_name_plural = "doublons possibles"
        ordering = ["-score", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="a_pair_is_seen_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="a_pair_is_in_order"),
            models.CheckConstraint(condition=Q(score__lte=100), name="score_out_of_a_hundred"),
        ]
        indexes = [
            models.Index(fields=["-score", "id"], condition=Q(state=PairState.PROPOSED), name="pair_proposed"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} {self.second_id}"


class DebtorMerge(models.Model):
    """A record put together with another, which stands for both. It may be undone for 30 days."""

    source = models.ForeignKey(Debtor, verbose_name="fiche retirée", on_delete=models.PROTECT, related_name="merges")
    target = models.ForeignKey(Debtor, verbose_name="fiche gardée", on_delete=models.PROTECT, related_name="absorbed")
    merged_at = models.DateTimeField("fusionnées le")
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField("séparées le", null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "fusion de débiteurs"
        verbose_name_plural = "fusions de débiteurs"
        ordering = ["-merged_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(undone_at__isnull=True), name="merged_once_at_a_time"
            ),
            models.CheckConstraint(condition=~Q(source=F("target")), name="merged_with_another"),
        ]
        indexes = [models.Index(fields=["target", "-merged_at"], name="merge_target")]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"


class DebtorMove(models.Model):
    """What a merge moved, to move it back: rows by their keys, and what they were where that cannot be told from them."""

    merge = models.ForeignKey(DebtorMerge, on_delete=models.CASCADE, related_name="moves")
    what = models.CharField("quoi", max_length=30)
    keys = ArrayField(models.BigIntegerField(), verbose_name="clés")
    before = models.JSONField("avant", default=dict, blank=True)

    class Meta:
        verbose_name = "déplacement d’une fusion"
        verbose_name_plural = "déplacements d’une fusion"
        constraints = [models.UniqueConstraint(fields=["merge", "what"], name="one_move_a_kind")]

    def __str__(self) -> str:
        return f"{self.merge_id} {self.what}"
