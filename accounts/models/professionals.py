"""Health professionals, as the national directory knows them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class ProfessionalIdentity(models.Model):
    """The national identifier by which somebody of ours signs in with Pro Santé Connect: one a person, one person each.

    In clear: it stands beside the name in the public directory (Annuaire Santé).
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="professional_identity"
    )
    national_id = models.CharField("identifiant national PS", max_length=40, unique=True)
    set_at = models.DateTimeField("rattaché le", auto_now=True)

    class Meta:
        verbose_name = "identité professionnelle"
        verbose_name_plural = "identités professionnelles"
        constraints = [models.CheckConstraint(condition=~Q(national_id=""), name="a_professional_has_an_identifier")]

    def __str__(self) -> str:
        return f"identité professionnelle de {self.user_id}"
