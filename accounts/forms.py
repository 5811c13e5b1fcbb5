"""Signing in. A refusal says the same thing whoever exists: a name that is not there is not told from a wrong password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from accounts import quick_access, tries
from accounts.middleware import place_of
from accounts.models import User

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


class EntryForm(forms.Form):
    """What opens a workstation: who (nothing, a badge or a name), and what proves it (a PIN or a password)."""

    #: What the douchette read; never shown.
    badge = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput(attrs={"data-badge": ""}))
    name = forms.CharField(
        label="Identifiant",
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    secret = forms.CharField(
        label="PIN ou mot de passe",
        strip=False,
        max_length=4096,
        error_messages={
            "required": "Un badge ou un nom seul n’ouvre rien\u00a0: tapez votre PIN ou votre mot de passe."
        },
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "data-scan": "also", "autofocus": True}),
    )
    next = forms.CharField(required=False, max_length=300, widget=forms.HiddenInput)


class _ProvedForm(forms.Form):
    """Something that asks the password again."""

    password = forms.CharField(
        label="Votre mot de passe",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, data: Any = None, *, name: str = "") -> None:
        # Several such forms stand on one page: their fields have names of their own there.
        super().__init__(data, auto_id=f"id_{name or type(self).__name__.lower()}_%s")
        self.user = user

    def clean_password(self) -> str:
        if tries.must_wait(tries.PASSWORD, f"{self.user.pk}|account"):
            raise ValidationError(f"Trop d’essais. Attendez {tries.PASSWORD.minutes} minutes.")
        if not self.user.check_password(self.cleaned_data["password"]):
            tries.count(tries.PASSWORD, f"{self.user.pk}|account")
            raise ValidationError("Ce n’est pas votre mot de passe. Rien n’a changé.")
        return str(self.cleaned_data["password"])


class ProofForm(_ProvedForm):
    """The password alone: a session left open must not become somebody else's telephone."""


class PinForm(_ProvedForm):
    """A PIN, twice."""

    pin = forms.CharField(
        label="PIN",
        help_text="De 4 à 8 chiffres, sans suite, sans répétition et sans année.",
        max_length=8,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )
    again = forms.CharField(
        label="PIN, encore une fois",
        max_length=8,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def clean_pin(self) -> str:
        quick_access.check_strength(self.cleaned_data["pin"])
        return str(self.cleaned_data["pin"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "pin" in cleaned and cleaned.get("again") != cleaned["pin"]:
            self.add_error("again", "Les deux PIN diffèrent.")
        return cleaned


class BadgeForm(_ProvedForm):
    """A barcode that the douchette has just read."""

    badge = forms.CharField(
        label="Badge",
        help_text="Placez-vous dans ce champ et scannez votre badge.",
        max_length=quick_access.BADGE_MOST,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "data-scan": "also", "data-badge-field": ""}),
    )
