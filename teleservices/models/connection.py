"""The project of connection to ROC: its milestones, planned and real, for one hospital."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.models import Establishment
from teleservices.enums import PlanStatus


class ConnectionPlan(models.Model):
    """Whether the calendar is the vendor's proposal or the hospital's own, as the ANS asks for it."""

    establishment = models.OneToOneField(Establishment, on_delete=models.CASCADE, related_name="connection_plan")
    status = models.CharField("statut", max_length=10, choices=PlanStatus.choices, default=PlanStatus.PROPOSED)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField("changé le", auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "plan de raccordement"
        verbose_name_plural = "plans de raccordement"

    def __str__(self) -> str:
        return f"{self.establishment_id} {self.status}"


class ConnectionMilestone(models.Model):
    """One milestone of a plan (teleservices/data/connection_milestones.csv), when it is planned and when it was done."""

    plan = models.ForeignKey(ConnectionPlan, on_delete=models.CASCADE, related_name="milestones")
    code = models.CharField("jalon", max_length=30)
    planned_on = models.DateField("prévu le", null=True, blank=True)
    done_on = models.DateField("fait le", null=True, blank=True)

    class Meta:
        verbose_name = "jalon de raccordement"
        verbose_name_plural = "jalons de raccordement"
        constraints = [models.UniqueConstraint(fields=["plan", "code"], name="one_milestone_a_code")]

    def __str__(self) -> str:
        return self.code
