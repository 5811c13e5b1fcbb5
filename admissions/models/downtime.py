"""Numbers of stays printed on blank sheets before an outage, and what became of each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Establishment
from admissions.enums import VoidReason
from admissions.models.stays import Stay


class ReservedNumber(models.Model):
    """An IEP on a blank sheet of the downtime kit. Printed again each hour until its set is withdrawn; then it becomes one
    stay, or nothing, ever.

    A trigger holds the rest: a stay that bears a reserved number is the one that the number names, and not a void one's.
    """

    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="+")
    iep = models.CharField("IEP", max_length=9, unique=True, editable=False)
    reserved_at = models.DateTimeField("réservé le")
    printed_at = models.DateTimeField("imprimé dans le kit du", null=True)
    # An outage has happened since it was printed: somebody may hold the sheet, no kit has it any more.
    withdrawn_at = models.DateTimeField("retiré des kits le", null=True)
    stay = models.OneToOneField(Stay, on_delete=models.PROTECT, null=True, related_name="+")
    entered_at = models.DateTimeField("ressaisi le", null=True)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    void_reason = models.CharField("annulation", max_length=10, choices=VoidReason.choices, blank=True)
    voided_at = models.DateTimeField("annulé le", null=True)
    voided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "numéro réservé"
        verbose_name_plural = "numéros réservés"
        ordering = ["iep"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stay__isnull=True, entered_at__isnull=True)
                | Q(stay__isnull=False, entered_at__isnull=False, withdrawn_at__isnull=False),
                name="sheet_entered_as_a_stay",
            ),
            models.CheckConstraint(
                condition=Q(void_reason="", voided_at__isnull=True)
                | (Q(voided_at__isnull=False, withdrawn_at__isnull=False) & ~Q(void_reason="")),
                name="sheet_void_says_why",
            ),
            models.CheckConstraint(condition=Q(void_reason="") | Q(stay__isnull=True), name="void_sheet_has_no_stay"),
            models.CheckConstraint(condition=Q(void_reason__in=["", *VoidReason.values]), name="void_reason_is_known"),
        ]
        indexes = [
            models.Index(fields=["establishment", "withdrawn_at"], name="sheet_of_establishment"),
        ]

    def __str__(self) -> str:
        return f"numéro réservé {self.iep}"
