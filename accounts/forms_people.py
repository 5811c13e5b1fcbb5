"""What an administrator types of a colleague, and what the colleague types with a code of paper."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.administration import Grant
from accounts.enums import Role
from accounts.models import User
from gap.moments import DayField

_SERVICE = re.compile(r"^[0-9A-Za-z]{1,6}$")
_NEEDED = {"required": "Ce champ est nécessaire."}


class GrantForm(forms.Form):
    """A role, its services and its days."""

    role = forms.ChoiceField(label="Rôle", choices=Role.choices, error_messages=_NEEDED)
    services = forms.CharField(
        label="Services",
        required=False,
        max_length=200,
        help_text="Codes des UF, séparés par des espaces. Vide\u00a0: tout l’établissement.",
    )
    since = DayField(label="Du", required=False)
    until = DayField(label="Au", required=False)

    def clean_services(self) -> tuple[str, ...]:
        codes = re.split(r"[\s,;]+", str(self.cleaned_data["services"]).strip())
        wrong = [code for code in codes if code and not _SERVICE.match(code)]
        if wrong:
            raise ValidationError("Un code d’UF a de 1 à 6 lettres ou chiffres.")
        return tuple(dict.fromkeys(code for code in codes if code))

    def grant(self) -> Grant:
        read = self.cleaned_data
        return Grant(Role(read["role"]), read["services"], read["since"], read["until"])


class PersonForm(GrantForm):
    """A new colleague. No password: they choose it themselves."""

    field_order = ("last_name", "first_name", "username", "role", "services", "since", "until")

    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        validators=[User.username_validator],
        error_messages=_NEEDED,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    first_name = forms.CharField(label="Prénom", max_length=150, error_messages=_NEEDED)
    last_name = forms.CharField(label="Nom", max_length=150, error_messages=_NEEDED)


class ReasonForm(forms.Form):
    """Why: it stays in the journal."""

    reason = forms.CharField(label="Motif", max_length=200, min_length=5, error_messages=_NEEDED)


class ProfessionalForm(ReasonForm):
    """The RPPS number of a colleague; empty takes it away."""

    rpps = forms.CharField(
        label="N° RPPS",
        required=False,
        max_length=20,
        help_text="Onze chiffres. Vide\u00a0: retirer.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    field_order = ("rpps", "reason")


class WelcomeForm(forms.Form):
    """A code of paper, and the password that its owner chooses."""

    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username", "autocapitalize": "none"}),
    )
    code = forms.CharField(
        label="Code reçu sur papier",
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}),
    )
    password = forms.CharField(
        label="Votre mot de passe",
        help_text="12 signes au moins\u00a0: une phrase que vous seul connaissez.",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Encore une fois",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "password" in cleaned and cleaned.get("again") != cleaned["password"]:
            self.add_error("again", "Les deux mots de passe diffèrent.")
        return cleaned

    def check(self, user: User) -> bool:
        """Whether the password is worth something, for this person."""
        try:
            validate_password(self.cleaned_data["password"], user)
        except ValidationError as problem:
            self.add_error("password", problem)
            return False
        return True
