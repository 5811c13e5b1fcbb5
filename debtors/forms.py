"""A référent's decision on one association; a record as a person writes it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from stdnum import iban

from debtors.enums import AssociationStatus, DebtorKind
from debtors.models import KEPT_UP, WRITTEN, Debtor

_POSTCODE = 5
VALIDATE, CHANGE, REJECT, DELETE = "valider", "modifier", "rejeter", "supprimer"
STATUS_OF = {
    VALIDATE: AssociationStatus.VALIDATED,
    CHANGE: AssociationStatus.VALIDATED,
    REJECT: AssociationStatus.REJECTED,
    DELETE: AssociationStatus.DELETED,
}


class DecisionForm(forms.Form):
    """Validate, choose another debtor, reject or delete. `version` is the one that was read."""

    decision = forms.ChoiceField(
        label="Décision",
        choices=[(name, name) for name in STATUS_OF],
        error_messages={
            "required": "Choisissez une décision : valider, modifier, rejeter ou supprimer.",
            "invalid_choice": "Choisissez une décision : valider, modifier, rejeter ou supprimer.",
        },
    )
    debtor = forms.ModelChoiceField(
        label="Nouveau débiteur",
        queryset=Debtor.objects.filter(kind=DebtorKind.AMC, active=True),
        required=False,
        error_messages={
            "invalid_choice": "Ce débiteur n’est pas une complémentaire en activité. Choisissez-en un autre."
        },
    )
    #: What else stands for the same card is rejected with it.
    others = forms.BooleanField(required=False)
    note = forms.CharField(required=False, max_length=300)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("decision") == CHANGE and not cleaned.get("debtor") and "debtor" not in self.errors:
            raise ValidationError(
                {
                    "debtor": ValidationError(
                        "Le nouveau débiteur manque.",
                        params={"kept": "Rien n’a été modifié.", "next": "Cherchez-le, puis choisissez-le."},
                    )
                }
            )
        return cleaned

    @property
    def status(self) -> AssociationStatus:
        return STATUS_OF[self.cleaned_data["decision"]]

    @property
    def new_debtor(self) -> Debtor | None:
        return self.cleaned_data["debtor"] if self.cleaned_data["decision"] == CHANGE else None


class RecordForm(forms.ModelForm):
    """What a person may write of a record. `version` is the one that was read."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    class Meta:
        model = Debtor
        fields = (*KEPT_UP, *WRITTEN)
        labels = {"dre_recipient": "Destinataire des DRE"}
        error_messages = {"name": {"required": "Le nom est nécessaire."}}

    def clean_postcode(self) -> str:
        text = str(self.cleaned_data["postcode"]).strip()
        if text and not (text.isascii() and text.isdigit() and len(text) == _POSTCODE):
            raise ValidationError("Un code postal a cinq chiffres.")
        return text

    def clean_iban(self) -> str:
        text = str(iban.compact(self.cleaned_data["iban"]))
        if text and not iban.is_valid(text):
            raise ValidationError("Cet IBAN n’est pas valable\u00a0: relisez-le sur le RIB de l’organisme.")
        return text

    @property
    def values(self) -> dict[str, Any]:
        written = {name: self.cleaned_data[name] for name in WRITTEN}
        return written | {name: str(self.cleaned_data[name]).strip() for name in KEPT_UP}
