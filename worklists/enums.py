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


class Awaited(models.TextChoices):
    """Events of a stay for which a line may be put aside; the values are those of admissions.enums.EventKind."""

    ADMISSION = "stay_admitted", "l’admission"
    DISCHARGE = "stay_discharged", "la sortie"
    COVERAGE = "coverage_changed", "une autre couverture"
    IDENTITY = "patient_corrected", "une identité corrigée"
