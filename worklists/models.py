"""What people add to the lists: who takes a line, what they write on it. The lists themselves are derived, never stored."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from worklists.enums import Awaited


class Assignment(models.Model):
    """This person takes this line of this list."""

    worklist = models.CharField("liste", max_length=40)
    object_id = models.PositiveBigIntegerField()
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name="affecté à", on_delete=models.CASCADE)
    assigned_at = models.DateTimeField("affecté le", auto_now=True)
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "affectation"
        constraints = [models.UniqueConstraint(fields=["worklist", "object_id"], name="one_assignee_a_line")]

    def __str__(self) -> str:
        return f"{self.worklist} {self.object_id}"


class LineMark(models.Model):
    """A note on a line, and until when it is put aside. A line put aside for an event comes back on a day all the same."""

    worklist = models.CharField("liste", max_length=40)
    object_id = models.PositiveBigIntegerField()
    note = models.CharField("note", max_length=300, blank=True)
    snoozed_until = models.DateField("en pause jusqu’au", null=True, blank=True)
    snoozed_for = models.CharField("ou dès que", max_length=30, choices=Awaited.choices, blank=True)
    snoozed_at = models.DateTimeField("mise en pause le", null=True)
    marked_at = models.DateTimeField("écrite le", auto_now=True)
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "note d’une ligne"
        verbose_name_plural = "notes des lignes"
        constraints = [
            models.UniqueConstraint(fields=["worklist", "object_id"], name="one_mark_a_line"),
            models.CheckConstraint(
                condition=Q(snoozed_until__isnull=True, snoozed_for="", snoozed_at__isnull=True)
                | Q(snoozed_until__isnull=False, snoozed_at__isnull=False),
                name="a_pause_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.worklist} {self.object_id}"
