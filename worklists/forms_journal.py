"""What an auditor looks for in the journal."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.enums import JournalKind
from gap.moments import DayField
from worklists.journal import Asked


class JournalForm(forms.Form):
    """Every field may be left out. Keys, never names: what is asked stands in the address."""

    ipp = forms.CharField(label="IPP", max_length=9, required=False)
    iep = forms.CharField(label="IEP", max_length=9, required=False)
    username = forms.CharField(label="Identifiant", max_length=150, required=False)
    kind = forms.ChoiceField(label="Nature", required=False, choices=[("", "toutes"), *JournalKind.choices])
    since = DayField(label="Du", required=False)
    until = DayField(label="Au", required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("ipp", "iep", "username"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def asked(self) -> Asked:
        """What can be read of it; the rest is left out, and told beside its field."""
        self.is_valid()
        said = self.cleaned_data
        return Asked(
            ipp=said.get("ipp") or "",
            iep=said.get("iep") or "",
            username=said.get("username") or "",
            kind=said.get("kind") or "",
            since=said.get("since"),
            until=said.get("until"),
        )
