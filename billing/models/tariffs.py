"""Amounts and rates with their dates, and the activity they price."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from admissions.models import Stay
from admissions.models.stays import same


class TariffItem(models.Model):
    """Something that has a price or a rate: a daily tariff, the forfait journalier, an act, a single room."""

    code = models.CharField("code", max_length=10, unique=True)
    label = models.CharField("libellé", max_length=120)
    family = models.CharField("famille", max_length=20)  # TARIF_JOUR, FORFAIT, ACTE, EXIGENCE, TAUX
    service_family = models.CharField("famille pour l’AMC", max_length=40, blank=True)

    class Meta:
        verbose_name = "tarif"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class TariffValue(models.Model):
    """The value of an item over a period, both days included, with where it comes from and how sure it is."""

    item = models.ForeignKey(TariffItem, on_delete=models.PROTECT, related_name="values")
    value = models.DecimalField("valeur", max_digits=12, decimal_places=2)
    unit = models.CharField("unité", max_length=20)  # EUR_DAY, EUR, PERCENT, DAYS
    valid_from = models.DateField("valable du")
    valid_until = models.DateField("au", null=True, blank=True)
    source = models.CharField("source", max_length=300)
    confidence = models.CharField("confiance", max_length=1)

    class Meta:
        verbose_name = "valeur de tarif"
        verbose_name_plural = "valeurs de tarifs"
        ordering = ["item", "-valid_from"]
        constraints = [
            ExclusionConstraint(
                name="one_value_a_day",
                expressions=[
                    (same("item_id"), RangeOperators.OVERLAPS),
                    (
                        Func(
                            F("valid_from"),
                            F("valid_until"),
                            Value("[]"),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(condition=Q(value__gte=0), name="tariff_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.valid_from}"


class Activity(models.Model):
    """One act or service given during a stay, as entered or received. Days in bed come from the movements."""

    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="activities")
    item = models.ForeignKey(TariffItem, verbose_name="acte", on_delete=models.PROTECT)
    performed_on = models.DateField("fait le")
    quantity = models.PositiveSmallIntegerField("quantité", default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    creation_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        verbose_name = "acte"
        ordering = ["performed_on", "pk"]
        constraints = [models.CheckConstraint(condition=Q(quantity__gte=1), name="activity_has_a_quantity")]

    def __str__(self) -> str:
        return f"acte {self.pk}"
