"""Signing in. A refusal says the same thing whoever exists: a name that is not there is not told from a wrong password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from accounts import tries
from accounts.middleware import place_of

_UNKNOWN = "Identifiant ou mot de passe inconnu. Vérifiez la touche Verr. Maj, puis recommencez."


class SignInForm(AuthenticationForm):
    """Name and password. Too many wrong tries for a name are made to wait, right or wrong."""

    error_messages = {
        "invalid_login": _UNKNOWN,
        "inactive": _UNKNOWN,
        "too_many": (
            f"Trop d’essais pour cet identifiant. Rien n’est bloqué : attendez {tries.PASSWORD.minutes} minutes, "
            "ou demandez un nouveau mot de passe à votre administrateur."
        ),
    }

    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label="Mot de passe",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean(self) -> dict[str, Any]:
        name = str(self.cleaned_data.get("username", "")).casefold()
        here = f"{name}|{place_of(self.request) if self.request else ''}"
        if tries.must_wait(tries.PASSWORD, here) or tries.must_wait(tries.NAME, name):
            raise ValidationError(self.error_messages["too_many"], code="too_many")
        try:
            cleaned = super().clean()
        except ValidationError:
            tries.count(tries.PASSWORD, here)
            tries.count(tries.NAME, name)
            raise
        tries.forget(tries.PASSWORD, here)
        return cleaned or {}


class CodeForm(forms.Form):
    """Six digits of a telephone, or a code of paper."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="Les 6 chiffres de votre téléphone, ou un code de secours.",
        error_messages={"required": "Ce champ est nécessaire."},
        widget=forms.TextInput(
            attrs={
                "autofocus": True,
                "autocomplete": "one-time-code",
                "inputmode": "text",
                "autocapitalize": "characters",
            }
        ),
    )

    def refuse(self, what: str, todo: str) -> None:
        self.add_error("code", ValidationError(what, params={"kept": "Rien n’est ouvert.", "next": todo}))
