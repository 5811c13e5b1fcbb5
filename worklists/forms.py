"""What a person types on the supervision screen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from admissions.forms import MomentField
from debtors.enums import DebtorKind
from debtors.models import Debtor
from teleservices.models import OPERATIONS, MaintenanceWindow
from teleservices.models.calls import DIRECTORY

_REQUIRED = {"required": "Ce champ est nécessaire."}


class MaintenanceForm(forms.Form):
    """A maintenance that a payer has announced."""

    amc_number = forms.CharField(
        label="N° AMC",
        required=False,
        max_length=10,
        help_text="10 chiffres, ou « annuaire ». Vide : tous les organismes.",
    )
    operation = forms.ChoiceField(label="Service", choices=[("", "Tous"), *OPERATIONS], required=False)
    starts_at = MomentField(label="Du", error_messages=_REQUIRED)
    ends_at = MomentField(label="Au", error_messages=_REQUIRED)
    reason = forms.CharField(label="Motif", required=False, max_length=200)

    def clean_amc_number(self) -> str:
        text = str(self.cleaned_data["amc_number"]).replace(" ", "").lower()
        if text in ("", DIRECTORY):
            return text
        number = text.zfill(10)
        if not Debtor.objects.filter(kind=DebtorKind.AMC, amc_number=number).exists():
            raise ValidationError(
                "Aucun débiteur n’a ce n° AMC.",
                params={"kept": "Votre saisie est gardée.", "next": "Vérifiez-le dans « Débiteurs »."},
            )
        return number

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _wrong("La fin précède le début."))
        elif ends and ends <= timezone.now():
            self.add_error("ends_at", _wrong("Cette maintenance est déjà finie."))
        return cleaned

    def window(self) -> MaintenanceWindow:
        return MaintenanceWindow(
            channel=self.cleaned_data["amc_number"],
            operation=self.cleaned_data["operation"],
            starts_at=self.cleaned_data["starts_at"],
            ends_at=self.cleaned_data["ends_at"],
            reason=self.cleaned_data["reason"],
        )


def _wrong(what: str) -> ValidationError:
    return ValidationError(what, params={"kept": "Votre saisie est gardée.", "next": "Corrigez la date ou l’heure."})
