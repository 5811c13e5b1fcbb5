"""The ramp-up: with which AMC a hospital speaks ROC, domain by domain, from a day on."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Establishment
from admissions.enums import Domain
from debtors.models import Debtor
from teleservices.enums import Circle, PerimeterMode
from teleservices.models.catalogue import Dated


class Perimeter(Dated):
    """The mode of a domain. A domain without a row is open to every AMC."""

    establishment = models.ForeignKey(Establishment, on_delete=models.CASCADE, related_name="perimeters")
    domain = models.CharField("domaine", max_length=3, choices=Domain.choices)
    mode = models.CharField("mode", max_length=10, choices=PerimeterMode.choices)
    # The open stays have taken the route that this version gives them.
    applied_at = models.DateTimeField("appliqué le", null=True)

    class Meta:
        verbose_name = "périmètre"
        ordering = ["domain", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["establishment", "domain", "valid_from"], name="one_perimeter_a_date"),
            models.UniqueConstraint(
                fields=["establishment", "domain"], condition=Q(valid_until__isnull=True), name="one_perimeter_in_force"
            ),
        ]
        indexes = [
            models.Index(fields=["valid_from"], condition=Q(applied_at__isnull=True), name="perimeter_to_apply"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.mode}"


class PerimeterAmc(models.Model):
    """An AMC with which a hospital begins: its mirror, or one of its circle of trust."""

    establishment = models.ForeignKey(Establishment, on_delete=models.CASCADE, related_name="perimeter_amcs")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="+")
    circle = models.CharField("cercle", max_length=6, choices=Circle.choices)
    added_at = models.DateTimeField("ajouté le", auto_now_add=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "organisme du périmètre"
        verbose_name_plural = "organismes du périmètre"
        ordering = ["circle", "debtor__name"]
        constraints = [
            models.UniqueConstraint(fields=["establishment", "debtor"], name="one_circle_an_amc"),
        ]

    def __str__(self) -> str:
        return f"{self.circle} {self.debtor_id}"
