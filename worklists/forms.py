"""What a person types on the screens of supervision and of anomalies."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from debtors.enums import DebtorKind
from debtors.models import Debtor
from gap.moments import MomentField
from teleservices import anomalies
from teleservices.enums import Recipient
from teleservices.gates import channel_of
from teleservices.messages import NATIONAL
from teleservices.models import OPERATIONS, Anomaly, MaintenanceWindow
from teleservices.models.calls import DIRECTORY

_REQUIRED = {"required": "Ce champ est nécessaire."}


class ChannelForm(forms.Form):
    """What concerns one payer, the directory, or (empty) everybody."""

    amc_number = forms.CharField(
        label="N° AMC",
        required=False,
        max_length=10,
        help_text="10 chiffres, ou « annuaire », « insi ». Vide : tous les organismes.",
    )

    def clean_amc_number(self) -> str:
        text = str(self.cleaned_data["amc_number"]).replace(" ", "").lower()
        if text in ("", DIRECTORY, *(channel_of(operation, "") for operation in NATIONAL)):
            return text
        number = text.zfill(10)
        if not Debtor.objects.filter(kind=DebtorKind.AMC, amc_number=number).exists():
            raise ValidationError(
                "Aucun débiteur n’a ce n° AMC.",
                params={"kept": "Votre saisie est gardée.", "next": "Vérifiez-le dans « Débiteurs »."},
            )
        return number


class LimitForm(ChannelForm):
    """How many calls at once. The limits of a channel that has none of its own are those without a number."""

    amc_number = forms.CharField(
        label="N° AMC",
        required=False,
        max_length=10,
        help_text="10 chiffres, ou « annuaire », « insi ». Vide : ceux qui n’ont pas leur limite.",
    )
    in_flight = forms.IntegerField(label="Appels à la fois", min_value=1, max_value=200)
    kept_for_interactive = forms.IntegerField(label="Jamais pris par la nuit", min_value=0, max_value=199)
    failures_to_open = forms.IntegerField(label="Échecs avant de suspendre", min_value=1, max_value=100)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        most, kept = cleaned.get("in_flight"), cleaned.get("kept_for_interactive")
        if most is not None and kept is not None and kept >= most:
            self.add_error(
                "kept_for_interactive",
                ValidationError(
                    "La nuit n’aurait plus aucune place.",
                    params={"kept": "Rien n’a changé.", "next": f"Gardez-en moins de {most}."},
                ),
            )
        return cleaned


class MaintenanceForm(ChannelForm):
    """A maintenance that a payer has announced."""

    operation = forms.ChoiceField(label="Service", choices=[("", "Tous"), *OPERATIONS], required=False)
    starts_at = MomentField(label="Du", error_messages=_REQUIRED)
    ends_at = MomentField(label="Au", error_messages=_REQUIRED)
    reason = forms.CharField(label="Motif", required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _wrong("La fin précède le début."))
        elif ends and ends <= timezone.now():
            self.add_error("ends_at", _wrong("Cette maintenance est déjà finie."))
        return cleaned

    def window(self) -> MaintenanceWindow:
        return MaintenanceWindow(
            channel=self.cleaned_data["amc_number"],
            operation=self.cleaned_data["operation"],
            starts_at=self.cleaned_data["starts_at"],
            ends_at=self.cleaned_data["ends_at"],
            reason=self.cleaned_data["reason"],
        )


class AnomalyForm(forms.Form):
    """What a référent says of an anomaly. `version` is the one that was read."""

    TO_VENDOR, TO_AMC, ANSWERED, SOLVED, DISMISSED = "editeur", "organisme", "repondue", "resolue", "sans-suite"
    _CHOOSE = "Choisissez ce qui a été fait : signalée, répondue, résolue ou sans suite."

    decision = forms.ChoiceField(
        label="Suite",
        choices=[(name, name) for name in (TO_VENDOR, TO_AMC, ANSWERED, SOLVED, DISMISSED)],
        widget=forms.RadioSelect,
        error_messages={"required": _CHOOSE, "invalid_choice": _CHOOSE},
    )
    reference = forms.CharField(
        label="N° de demande", required=False, max_length=60, help_text="Celui de l’éditeur ou de l’organisme."
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Ce qui a été répondu, ou pourquoi elle est classée. Aucun nom de patient.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def carry_out(self, anomaly_id: int, user: User) -> Anomaly:
        """Raises admissions.errors.Refused."""
        said = self.cleaned_data
        given = {"note": said["note"], "version": said["version"]}
        match said["decision"]:
            case self.ANSWERED:
                return anomalies.answered(anomaly_id, user, **given)
            case self.SOLVED:
                return anomalies.solve(anomaly_id, user, **given)
            case self.DISMISSED:
                return anomalies.dismiss(anomaly_id, user, **given)
        recipient = Recipient.VENDOR if said["decision"] == self.TO_VENDOR else Recipient.AMC
        return anomalies.report(anomaly_id, user, recipient=recipient, reference=said["reference"], **given)


def _wrong(what: str) -> ValidationError:
    return ValidationError(what, params={"kept": "Votre saisie est gardée.", "next": "Corrigez la date ou l’heure."})
