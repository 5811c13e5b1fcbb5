"""What a payer answered, typed: a state, its dates, and a row of four boxes for each kind of expense."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils import timezone

from admissions.errors import Refused
from admissions.forms import ServiceForm
from billing.enums import AGREEMENT_STEPS, AgreementState, Covered
from billing.models import Agreement
from billing.pec.services import Reply
from billing.rules.agreements import Clause
from gap.moments import DayField

_NUMBER: Final = {"inputmode": "decimal", "autocomplete": "off", "class": "num"}
_WRONG: Final = {
    "invalid": "Écrivez un nombre, comme 60,00.",
    "min_value": "Un nombre positif est attendu.",
    "max_value": "100 au plus.",
    "max_decimal_places": "Deux décimales au plus.",
    "max_digits": "Ce nombre est trop grand.",
    "max_whole_digits": "Ce nombre est trop grand.",
}
#: States that a payer's answer may bring.
ANSWERS: Final = (
    AgreementState.GRANTED,
    AgreementState.PARTLY_GRANTED,
    AgreementState.EXTENDED,
    AgreementState.REFUSED,
    AgreementState.SUSPENDED,
)
MOST_WAITING_DAYS: Final = 365
_COLUMNS: Final = (("percent", "taux (%)"), ("daily_cap", "€ par jour"), ("ceiling", "plafond (€)"))


def _amount(label: str, **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=Decimal(0), max_digits=12, decimal_places=2, localize=True,
        widget=forms.TextInput(attrs=dict(_NUMBER)), error_messages=_WRONG, **options,
    )  # fmt: skip


class AnswerForm(ServiceForm):
    """The answer to a request. An empty rate: this kind of expense is not covered."""

    state = forms.ChoiceField(label="Réponse")
    number = forms.CharField(
        label="N° de prise en charge",
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    valid_from = DayField(label="Valable du", required=False)
    valid_until = DayField(label="Jusqu’au", required=False)
    ceiling = _amount("Plafond du séjour (€)")

    def __init__(self, *args: Any, agreement: Agreement, **options: Any) -> None:
        super().__init__(*args, **options)
        steps = AGREEMENT_STEPS[AgreementState(agreement.state)]
        allowed = [one for one in ANSWERS if one in steps or one == agreement.state]
        self.fields["state"].choices = [(one.value, str(one.label).capitalize()) for one in allowed]  # type: ignore[attr-defined]
        for covered in Covered:
            for name, words in _COLUMNS:
                label = f"{str(covered.label).capitalize()}, {words}"
                field = _amount(label, **({"max_value": Decimal(100)} if name == "percent" else {}))
                self.fields[f"{covered}_{name}"] = field
            self.fields[f"{covered}_waiting_days"] = forms.IntegerField(
                label=f"{str(covered.label).capitalize()}, carence (jours)", required=False, min_value=0,
                max_value=MOST_WAITING_DAYS,
                widget=forms.TextInput(attrs=_NUMBER | {"inputmode": "numeric"}),
                error_messages=_WRONG | {"max_value": f"{MOST_WAITING_DAYS} au plus."},
            )  # fmt: skip
        # Where something is still to be sent its key comes first: a field that has the focus would take the letter.
        late = agreement.remind_at is not None and agreement.remind_at <= timezone.now()
        waits = late or agreement.state in (AgreementState.TO_ASK, AgreementState.REFUSED)
        self.focus = not waits or agreement.unread_since is not None
        self.focus_first()

    def refuse(self, refused: Refused) -> None:
        # The service speaks of contract lines; the screen has a box for each of them.
        if refused.field == "lines":
            refused.field = f"{Covered.CO_PAYMENT}_percent"
        super().refuse(refused)

    @property
    def heads(self) -> list[Any]:
        return [self[name] for name in ("state", "number", "valid_from", "valid_until", "ceiling")]

    @property
    def rows(self) -> list[tuple[str, list[Any]]]:
        """The boxes of the contract lines: a kind of expense, and its four."""
        names = (*(name for name, _ in _COLUMNS), "waiting_days")
        return [(str(covered.label).capitalize(), [self[f"{covered}_{name}"] for name in names]) for covered in Covered]

    def reply(self) -> Reply:
        said = self.cleaned_data
        clauses = [
            Clause(
                str(covered.value),
                said[f"{covered}_percent"],
                said[f"{covered}_daily_cap"],
                said[f"{covered}_ceiling"],
                said[f"{covered}_waiting_days"] or 0,
            )
            for covered in Covered
            if said[f"{covered}_percent"] is not None
        ]
        return Reply(
            AgreementState(said["state"]),
            said["number"],
            said["valid_from"],
            said["valid_until"],
            said["ceiling"],
            clauses,
        )

    @staticmethod
    def values_of(agreement: Agreement) -> dict[str, Any]:
        """What is known already; before any answer, the co-payment whole, which is what most of them say."""
        known: dict[str, Any] = {
            "state": agreement.state,
            "number": agreement.number,
            "valid_from": agreement.valid_from,
            "valid_until": agreement.valid_until,
            "ceiling": agreement.ceiling,
        }
        lines = list(agreement.lines.all())
        for line in lines:
            for name in ("percent", "daily_cap", "ceiling", "waiting_days"):
                known[f"{line.covers}_{name}"] = getattr(line, name)
        return known if lines else known | {f"{Covered.CO_PAYMENT}_percent": Decimal(100)}
