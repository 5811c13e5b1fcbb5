"""What was last controlled of the installation itself, and what was found."""

from __future__ import annotations

from django.db import models

from accounts.enums import Controlled


class Control(models.Model):
    """The last time that something of `Controlled` was looked at (a command, a task), and whether it was well."""

    name = models.CharField("contrôle", max_length=20, choices=Controlled.choices, unique=True)
    at = models.DateTimeField("quand")
    sound = models.BooleanField("bien")
    #: For people, and for nobody's eyes alone: no key, no name.
    sentence = models.CharField("ce qui fut trouvé", max_length=300)

    class Meta:
        verbose_name = "contrôle"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(name__in=Controlled.values), name="control_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d}"
