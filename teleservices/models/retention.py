"""How long each kind of data is kept, as rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from teleservices.enums import Kept
from teleservices.models.catalogue import Dated


class RetentionRule(Dated):
    """How many days one kind of data is kept, from which date, by which text (teleservices/data/retention.csv)."""

    name = models.CharField("données", max_length=30, choices=Kept.choices)
    days = models.PositiveIntegerField("jours")
    counted_from = models.CharField("comptés depuis", max_length=80)
    source = models.CharField("source", max_length=200)

    class Meta:
        verbose_name = "durée de conservation"
        verbose_name_plural = "durées de conservation"
        ordering = ["name", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["name", "valid_from"], name="one_retention_a_date"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(valid_until__isnull=True), name="one_retention_in_force"
            ),
            # A zero typed for a number would erase a hospital's proofs in a night: only what has ended by itself.
            models.CheckConstraint(condition=Q(days__gte=1) | Q(name=Kept.SESSIONS), name="a_retention_lasts"),
            models.CheckConstraint(
                condition=~Q(name=Kept.EXCHANGE_FILES) | Q(days__gte=3652), name="accounting_pieces_last_ten_years"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.days}"
