"""What a référent types to start a test d'accrochage."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.core.exceptions import ValidationError

from admissions.errors import Refused

_SPACES = re.compile(r"\s")
_NOTHING_LEFT = "Rien n’est parti. Votre saisie est gardée."


class ConnectionTestForm(forms.Form):
    """A dossier by its IEP, the AMC if it has several, and the key that makes a form sent twice one test."""

    iep = forms.CharField(
        label="IEP du dossier",
        max_length=20,
        help_text="Un séjour qui a une complémentaire à la date des soins.",
        error_messages={"required": "Ce champ est nécessaire."},
    )
    amc_number = forms.CharField(
        label="N° AMC",
        max_length=20,
        required=False,
        help_text="Vide\u00a0: l’AMC miroir, sinon la première du dossier.",
    )
    key = forms.CharField(widget=forms.HiddenInput, required=False)

    @classmethod
    def blank(cls) -> ConnectionTestForm:
        return cls(initial={"key": uuid4()})

    def clean_iep(self) -> str:
        return _SPACES.sub("", self.cleaned_data["iep"])

    def clean_amc_number(self) -> str:
        number = _SPACES.sub("", self.cleaned_data["amc_number"])
        if number and not (number.isascii() and number.isdecimal() and len(number) <= 10):
            params = {"kept": _NOTHING_LEFT, "next": "Donnez ses 10 chiffres, ou laissez vide."}
            raise ValidationError("Ce n’est pas un n° AMC.", params=params)
        return number.zfill(10) if number else ""

    @property
    def request_key(self) -> UUID | None:
        """None when the key is not one of ours: nobody can correct a hidden field."""
        try:
            return UUID(self.cleaned_data["key"])
        except ValueError:
            return None

    def refuse(self, refusal: Refused) -> None:
        params: dict[str, Any] = {"kept": _NOTHING_LEFT, "next": refusal.todo}
        self.add_error(refusal.field or None, ValidationError(refusal.message, params=params))
