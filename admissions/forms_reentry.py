"""A sheet of the downtime kit as it is copied, in the order of the paper."""

from __future__ import annotations

from typing import Any

from django import forms

from admissions.forms import AdmissionForm, DayField, IdentityForm, ServiceForm


class KnownForm(ServiceForm):
    """A patient whose number the sheet bears. The birth date says that no figure of it was taken for another."""

    ipp = forms.CharField(label="IPP, s’il est sur la feuille", max_length=12, required=False)

    def clean_ipp(self) -> str:
        return "".join(self.cleaned_data["ipp"].split())


class KnownBirthForm(ServiceForm):
    """All that is asked of the identity of a known patient."""

    focus = False
    birth_date = DayField(label="Date de naissance", past=True)


class SheetIdentityForm(IdentityForm):
    """The traits of somebody who is not known yet. A sheet is no document: nothing was compared."""

    focus = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["document"]


class SheetEntryForm(AdmissionForm):
    """The entry as it was. Nothing is proposed: a service left as it stood would be nobody's answer."""

    focus = False
    field_order = ("start_at", "kind", "unit", "room", "bed", "planned_end_at", "prescription_date")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["start_at"].label = "Entrée, jour et heure réels"
        self.fields["unit"].empty_label = ""  # type: ignore[attr-defined]
        kind: Any = self.fields["kind"]
        kind.choices, kind.initial = [("", ""), *kind.choices], ""


class LastSheetForm(ServiceForm):
    """The last sheet of the pile that was handed out."""

    focus = False
    last = forms.CharField(label="Dernière feuille distribuée", max_length=12, required=False)

    def clean_last(self) -> str:
        return "".join(self.cleaned_data["last"].split())
