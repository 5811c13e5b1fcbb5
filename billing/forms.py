"""What a person types about an invoice: a correction, a payment, a file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from admissions.errors import Refused
from billing.enums import PaymentMeans

MAX_FILE_BYTES = 12 * 1024 * 1024
_REQUIRED = {"required": "Ce champ est à remplir."}


def tell(form: forms.Form, refusal: Refused) -> None:
    """A service's refusal, under its field when it names one: what, what is kept, what next."""
    field = refusal.field if refusal.field in form.fields else None
    if field:
        error = ValidationError(refusal.message, params={"kept": refusal.kept, "next": refusal.todo})
        form.add_error(field, error)
    else:
        form.add_error(None, refusal.sentence)


class CorrectForm(forms.Form):
    """What was corrected before a rejected invoice leaves again."""

    note = forms.CharField(
        label="Ce qui a été corrigé",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages=_REQUIRED | {"max_length": "200 caractères au plus : résumez."},
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class PaymentForm(forms.Form):
    """Money that a person saw arrive."""

    amount = forms.DecimalField(
        label="Montant (€)",
        max_digits=12,
        decimal_places=2,
        min_value=Decimal("0.01"),
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages=_REQUIRED
        | {
            "invalid": "Écrivez un montant, comme 60,00.",
            "min_value": "Le montant doit être supérieur à zéro.",
            "max_decimal_places": "Deux décimales au plus.",
        },
    )
    means = forms.ChoiceField(label="Moyen", choices=PaymentMeans.choices, error_messages=_REQUIRED)
    reference = forms.CharField(
        label="Référence",
        max_length=40,
        help_text="N° du ticket, du chèque ou du virement : la même n’est prise qu’une fois.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages=_REQUIRED | {"max_length": "40 caractères au plus."},
    )
    received_on = forms.DateField(
        label="Reçu le",
        initial=timezone.localdate,
        input_formats=["%d/%m/%Y", "%Y-%m-%d", "%d/%m/%y"],
        widget=forms.DateInput(format="%d/%m/%Y", attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages=_REQUIRED | {"invalid": "Écrivez une date, comme 21/11/2026."},
    )
    creation_key = forms.UUIDField(widget=forms.HiddenInput)

    def clean_reference(self) -> str:
        return " ".join(str(self.cleaned_data["reference"]).split())


class UploadForm(forms.Form):
    """A return file, as the payer sent it."""

    file = forms.FileField(
        label="Fichier de retour (ARL, 578R, 908R)",
        max_length=120,
        allow_empty_file=True,
        error_messages={
            "required": "Choisissez un fichier.",
            "missing": "Choisissez un fichier.",
            "max_length": "Le nom du fichier est trop long : 120 caractères au plus.",
        },
    )

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > MAX_FILE_BYTES:
            raise ValidationError(
                "Ce fichier est trop lourd.", params={"kept": "Rien n’a été pris.", "next": "12 Mo au plus."}
            )
        return upload


class MatchForm(forms.Form):
    """Which invoice an unmatched return is about."""

    number = forms.RegexField(
        r"^[0-9]{9}\Z",
        label="N° de facture",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages=_REQUIRED | {"invalid": "Un n° de facture compte neuf chiffres."},
    )
