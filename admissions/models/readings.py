"""What cards were seen, month by month: what the table would gain most to learn."""

from __future__ import annotations

from django.db import models

from accounts.models import Establishment
from admissions.models.stays import Stay


class CardReading(models.Model):
    """A kind of card was read during a stay, once however often: its context, and nothing of its holder.

    A trigger adds each to the tally of its month.
    """

    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="readings")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField("mois")
    #: Of a card that nobody can parse only: its other columns are then empty.
    fingerprint = models.CharField("empreinte de la carte", max_length=64, blank=True)
    amc_number = models.CharField("n° AMC", max_length=10, blank=True)
    convention = models.CharField("type de convention", max_length=2, blank=True)
    csr = models.CharField("CSR", max_length=9, blank=True)
    domain = models.CharField("domaine", max_length=3)
    read_at = models.DateTimeField("lue le", auto_now_add=True)

    class Meta:
        verbose_name = "lecture de carte"
        verbose_name_plural = "lectures de cartes"
        constraints = [
            models.UniqueConstraint(
                fields=["stay", "amc_number", "convention", "csr", "domain", "fingerprint"],
                name="a_kind_of_card_is_counted_once_a_stay",
            ),
        ]
        indexes = [models.Index(fields=["establishment", "month"], name="reading_month")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.amc_number or 'carte non lue'}"


class CardTally(models.Model):
    """How many stays showed one kind of card in one month, and what AMC announced or owe for them."""

    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField("mois")
    fingerprint = models.CharField("empreinte de la carte", max_length=64, blank=True)
    amc_number = models.CharField("n° AMC", max_length=10, blank=True)
    convention = models.CharField("type de convention", max_length=2, blank=True)
    csr = models.CharField("CSR", max_length=9, blank=True)
    domain = models.CharField("domaine", max_length=3)
    stays = models.PositiveIntegerField("séjours", default=0)
    #: Counted from time to time by the floor that knows money.
    amount = models.DecimalField("part AMC", max_digits=14, decimal_places=2, default=0, db_default=0)

    class Meta:
        verbose_name = "décompte d’une carte"
        verbose_name_plural = "décomptes de cartes"
        constraints = [
            models.UniqueConstraint(
                fields=["establishment", "month", "amc_number", "convention", "csr", "domain", "fingerprint"],
                name="one_tally_a_month_and_context",
            ),
        ]
        indexes = [
            models.Index(fields=["establishment", "month", "-stays", "id"], name="tally_by_stays"),
            models.Index(fields=["establishment", "month", "-amount", "id"], name="tally_by_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.amc_number or 'carte non lue'}"
