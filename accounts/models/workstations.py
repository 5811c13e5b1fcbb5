"""Workstations that several people share, and what opens them quickly: a PIN, a badge (docs/adr/0018)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

#: Wrong PINs at one workstation after which it asks for the password again.
PIN_TRIES = 5


class Workstation(models.Model):
    """A browser where somebody signed in whole. It holds a random cookie, of which the table has a keyed digest."""

    digest = models.CharField("empreinte", max_length=64, unique=True)
    created_at = models.DateTimeField("connu depuis", auto_now_add=True)

    class Meta:
        verbose_name = "poste"

    def __str__(self) -> str:
        return f"poste {self.pk}"


class QuickAccess(models.Model):
    """This person signed in whole at this workstation: until then their PIN is enough there, and nowhere else."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quick_accesses")
    workstation = models.ForeignKey(Workstation, on_delete=models.CASCADE)
    until = models.DateTimeField("jusqu’à", db_index=True)
    tries = models.PositiveSmallIntegerField("essais", default=0)

    class Meta:
        verbose_name = "accès rapide"
        verbose_name_plural = "accès rapides"
        constraints = [
            models.UniqueConstraint(fields=["user", "workstation"], name="one_quick_access_a_workstation"),
            models.CheckConstraint(condition=Q(tries__lte=PIN_TRIES), name="pin_tries_are_counted"),
        ]

    def __str__(self) -> str:
        return f"accès rapide de {self.user_id}"


class Pin(models.Model):
    """4 to 8 digits. Argon2 of a keyed digest: few as they are, a copy of the table alone does not give them."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pin")
    digest = models.CharField("empreinte", max_length=128)
    set_at = models.DateTimeField("choisi le", auto_now=True)

    class Meta:
        verbose_name = "PIN"
        verbose_name_plural = "PIN"

    def __str__(self) -> str:
        return f"PIN de {self.user_id}"


class Badge(models.Model):
    """A barcode that says whose hand holds it, and opens nothing by itself. Kept as a keyed digest."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="badge")
    digest = models.CharField("empreinte", max_length=64, unique=True)
    set_at = models.DateTimeField("enregistré le", auto_now=True)

    class Meta:
        verbose_name = "badge"

    def __str__(self) -> str:
        return f"badge de {self.user_id}"
