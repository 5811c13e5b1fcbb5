"""What an administrator gives of certificates: files, and the passphrase that opens them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from admissions.errors import Refused
from teleservices.enums import CertificateUse
from teleservices.rules.certificates import LARGEST_FILE_BYTES

_FILE_ERRORS = {
    "required": "Choisissez un fichier.",
    "missing": "Choisissez un fichier.",
    "empty": "Ce fichier est vide.",
    "max_length": "Le nom du fichier est trop long : 120 caractères au plus.",
}


def _file(label: str, *, required: bool = True, help_text: str = "") -> forms.FileField:
    return forms.FileField(
        label=label, required=required, max_length=120, error_messages=_FILE_ERRORS, help_text=help_text
    )


class _FilesForm(forms.Form):
    def refuse(self, refusal: Refused) -> None:
        where = refusal.field if refusal.field in self.fields else None
        params = {"kept": "Rien n’a été pris.", "next": refusal.todo}
        self.add_error(where, ValidationError(refusal.message, params=params))

    def content(self, name: str) -> bytes:
        """Empty when no file was given. What is too big is not read whole: it is refused all the same."""
        upload: Any = self.cleaned_data.get(name)
        return upload.read(LARGEST_FILE_BYTES + 1) if upload else b""


class CertificateForm(_FilesForm):
    """One of the two software certificates of the hospital, with its key."""

    use = forms.ChoiceField(label="Pour", choices=CertificateUse.choices)
    file = _file("Certificat", help_text="PKCS#12 (.p12, .pfx) ou PEM.")
    key_file = _file("Clé", required=False, help_text="PEM, si elle n’est pas avec le certificat.")
    passphrase = forms.CharField(
        label="Mot de passe du fichier",
        required=False,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Il ouvre le fichier, et n’est pas gardé.",
    )


class AuthorityForm(_FilesForm):
    """One or several authorities."""

    file = _file("Certificat de l’autorité", help_text="PEM, un ou plusieurs, ou DER.")
    prefix = "authority"
