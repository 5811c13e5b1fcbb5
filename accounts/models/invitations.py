"""What a person is given on paper to choose their own password."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Invitation(models.Model):
    """A code that serves once, within a day, to choose a password. Kept as a keyed digest; the last one given counts."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitation")
    digest = models.CharField("empreinte", max_length=64, unique=True)
    until = models.DateTimeField("jusqu’à")

    class Meta:
        verbose_name = "code de première connexion"
        verbose_name_plural = "codes de première connexion"

    def __str__(self) -> str:
        return f"code de première connexion de {self.user_id}"
