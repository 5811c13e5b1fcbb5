"""What a prise en charge adds to the timeline of its stay."""

from __future__ import annotations

from admissions.models import Stay
from admissions.presenters import Entry
from billing.enums import AgreementAct
from billing.models import AgreementStep

_ICONS = {
    AgreementAct.OPENED: "file-invoice",
    AgreementAct.REQUESTED: "send",
    AgreementAct.REMINDED: "send",
    AgreementAct.ATTACHED: "file-text",
    AgreementAct.DETACHED: "x",
    AgreementAct.READ: "check",
    AgreementAct.ANSWERED: "message-circle",
    AgreementAct.PRESUMED: "circle-check",
    AgreementAct.CLOSED: "x",
}


def entries(stay: Stay) -> list[Entry]:
    """Each step of each prise en charge of the stay."""
    steps = AgreementStep.objects.filter(agreement__stay=stay).select_related("agreement__debtor", "by", "client")
    return [_entry(step) for step in steps]


def _entry(step: AgreementStep) -> Entry:
    by = f"Par {step.who}" if step.who else "Sans personne"
    said = f"{step.note}. {by}." if step.note else f"{by}."
    return Entry(
        step.at,
        "money",
        _ICONS[AgreementAct(step.act)],
        f"{step.get_act_display()}, {step.agreement.debtor.name}",
        bold="Prise en charge",
        detail=said,
    )
