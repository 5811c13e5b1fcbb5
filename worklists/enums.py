"""Where a list stands in the chain."""

from __future__ import annotations

from django.db import models


class Step(models.TextChoices):
    """Steps of the chain, in its order."""

    ARRIVAL = "arrival", "Accueil et droits"
    STAY = "stay", "Séjour et engagement"
    BILLING = "billing", "Facturation"
    RECOVERY = "recovery", "Recouvrement"
    REFERENCE = "reference", "Cartes et débiteurs"
    TECHNICAL = "technical", "Technique"
