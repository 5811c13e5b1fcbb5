"""What people add to the lists: who takes a line. The lists themselves are derived, never stored."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Assignment(models.Model):
    """This person takes this line of this list."""

    worklist = models.CharField("liste", max_length=40)
    object_id = models.PositiveBigIntegerField()
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name="affecté à", on_delete=models.CASCADE)
    assigned_at = models.DateTimeField("affecté le", auto_now=True)
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    note = models.CharField("note", max_length=300, blank=True)

    class Meta:
        verbose_name = "affectation"
        constraints = [models.UniqueConstraint(fields=["worklist", "object_id"], name="one_assignee_a_line")]

    def __str__(self) -> str:
        return f"{self.worklist} {self.object_id}"
