"""What a référent types to change a rule of the calls: a value, and the day it takes effect."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from admissions.enums import Domain
from admissions.errors import Refused
from debtors.enums import DebtorKind
from debtors.models import Debtor
from gap.moments import DayField
from teleservices.connection import Dates, dates_of, milestones
from teleservices.enums import Circle, LimitName, PerimeterMode, PlanStatus
from teleservices.models import ConnectionPlan, RetryPolicy
from teleservices.sentences import retry_words
from worklists.forms import ChannelForm

_REQUIRED = {"required": "Ce champ est nécessaire."}
#: Longer than a year is a mistake of unit.
_LONGEST_S = 31_536_000


class RuleForm(forms.Form):
    """Every rule has a day from which it rules; today unless said."""

    since = DayField(label="À partir du", error_messages=_REQUIRED)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["since"].initial = timezone.localdate()

    def refuse(self, refusal: Refused) -> None:
        params = {"kept": refusal.kept, "next": refusal.todo}
        self.add_error(refusal.field or None, ValidationError(refusal.message, params=params))


class PerimeterForm(RuleForm):
    """The mode of a domain."""

    domain = forms.ChoiceField(label="Domaine", choices=Domain.choices)
    mode = forms.ChoiceField(label="Mode", choices=PerimeterMode.choices)
    field_order = ["domain", "mode", "since"]


class CircleForm(ChannelForm):
    """An AMC with which the hospital begins."""

    amc_number = forms.CharField(label="N° AMC", max_length=10, help_text="10 chiffres.", error_messages=_REQUIRED)
    circle = forms.ChoiceField(label="Cercle", choices=Circle.choices)

    def debtor(self) -> Debtor:
        return Debtor.objects.get(kind=DebtorKind.AMC, amc_number=self.cleaned_data["amc_number"])

    def clean_amc_number(self) -> str:
        number = super().clean_amc_number()
        if not number.isdecimal():
            params = {"kept": "Votre saisie est gardée.", "next": "Donnez les 10 chiffres d’une complémentaire."}
            raise ValidationError("Ce n’est pas un n° AMC.", params=params)
        return number


class LimitRuleForm(RuleForm):
    """A delay or a cap."""

    name = forms.ChoiceField(label="Règle", choices=LimitName.choices)
    value = forms.IntegerField(label="Valeur", min_value=1, max_value=_LONGEST_S, error_messages=_REQUIRED)
    field_order = ["name", "value", "since"]


class RetryRuleForm(RuleForm):
    """When a failed call is made again."""

    cause = forms.ChoiceField(label="Cause")
    first_delay_s = forms.IntegerField(label="Premier délai (s)", min_value=1, max_value=86_400)
    cap_s = forms.IntegerField(label="Délai le plus long (s)", min_value=1, max_value=86_400)
    show_after_s = forms.IntegerField(label="Montré après (s)", min_value=60, max_value=_LONGEST_S)
    field_order = ["cause", "first_delay_s", "cap_s", "show_after_s", "since"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        causes = RetryPolicy.objects.filter(valid_until__isnull=True).order_by("cause").values_list("cause", flat=True)
        self.fields["cause"].choices = [(cause, retry_words(cause)) for cause in causes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, cap = cleaned.get("first_delay_s"), cleaned.get("cap_s")
        if first is not None and cap is not None and cap < first:
            params = {"kept": "Rien n’a changé.", "next": f"Donnez {first} secondes au moins."}
            self.add_error(
                "cap_s", ValidationError("Le délai le plus long est plus court que le premier.", params=params)
            )
        return cleaned


class ConnectionForm(forms.Form):
    """Two dates a milestone, and the status of the whole."""

    status = forms.ChoiceField(label="Statut du planning", choices=PlanStatus.choices)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for one in milestones():
            self.fields[f"planned-{one.code}"] = DayField(label=f"Prévu, {one.label}", required=False)
            self.fields[f"done-{one.code}"] = DayField(label=f"Fait, {one.label}", required=False)

    @classmethod
    def of(cls, plan: ConnectionPlan) -> ConnectionForm:
        initial: dict[str, Any] = {"status": plan.status, "version": plan.version}
        for code, said in dates_of(plan).items():
            initial |= {f"planned-{code}": said.planned_on, f"done-{code}": said.done_on}
        return cls(initial=initial)

    def dates(self) -> dict[str, Dates]:
        said = self.cleaned_data
        return {one.code: Dates(said[f"planned-{one.code}"], said[f"done-{one.code}"]) for one in milestones()}
