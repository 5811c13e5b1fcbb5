"""Why a protected dossier is opened."""

from __future__ import annotations

from django import forms

from admissions.enums import GlassReason
from admissions.forms import ServiceForm


class GlassForm(ServiceForm):
    """A reason to choose; words besides, needed by « autre raison »."""

    reason = forms.ChoiceField(
        label="Pourquoi ouvrez-vous ce dossier\u00a0?",
        choices=[(one.value, str(one.label).capitalize()) for one in GlassReason],
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez le motif de l’ouverture."},
    )
    words = forms.CharField(
        label="Précision",
        max_length=300,
        required=False,
        help_text="Nécessaire pour «\u00a0autre raison\u00a0». Ni diagnostic, ni nom d’un tiers.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
