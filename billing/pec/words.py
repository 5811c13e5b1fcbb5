"""A prise en charge as a screen says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import F
from django.utils import timezone

from admissions.models import Stay
from billing.enums import AgreementState
from billing.models import Agreement
from gap.text import NBSP

_TONES: Final = {
    AgreementState.TO_ASK: ("wait", "send"),
    AgreementState.REQUESTED: ("wait", "clock"),
    AgreementState.GRANTED: ("ok", "circle-check"),
    AgreementState.PARTLY_GRANTED: ("ok", "circle-check"),
    AgreementState.TACIT: ("ok", "circle-check"),
    AgreementState.EXTENDED: ("ok", "circle-check"),
    AgreementState.REFUSED: ("stop", "x"),
    AgreementState.SUSPENDED: ("wait", "player-pause"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """State, tone and icon of its chip, and one sentence: what happens, what is expected of whom."""

    agreement: Agreement
    word: str
    tone: str
    icon: str
    sentence: str


def of_stay(stay: Stay) -> Agreement | None:
    """The open agreement of a stay; else the last that was closed, for as long as no other is."""
    found = Agreement.objects.filter(stay=stay).select_related("debtor", "coverage")
    return found.order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-pk").first()


def shown(agreement: Agreement) -> Shown:
    tone, icon = _TONES[AgreementState(agreement.state)]
    if agreement.closed_at:
        word, tone, icon = "fermée", "sys", "lock"
    else:
        word = str(agreement.get_state_display())
    return Shown(agreement, word, tone, icon, sentence(agreement))


def sentence(agreement: Agreement) -> str:
    name = agreement.debtor.name
    if agreement.closed_at:
        return f"Prise en charge fermée{NBSP}: {agreement.get_closed_reason_display()}."
    if agreement.unread_since:
        since = timezone.localtime(agreement.unread_since)
        return f"{name} a écrit (joint le {since:%d/%m/%Y}){NBSP}: sa réponse est à saisir."
    if agreement.state == AgreementState.TO_ASK:
        return f"{name} est hors ROC{NBSP}: la prise en charge est à demander."
    if agreement.state == AgreementState.REQUESTED and agreement.requested_at and agreement.remind_at:
        asked, due = timezone.localtime(agreement.requested_at), timezone.localtime(agreement.remind_at)
        return f"Demandée à {name} le {asked:%d/%m/%Y}. Sans réponse, à relancer le {due:%d/%m/%Y}."
    if agreement.state == AgreementState.REFUSED:
        return f"{name} refuse la prise en charge{NBSP}: sa part est facturée au patient."
    if agreement.state == AgreementState.SUSPENDED:
        return f"{name} a suspendu la prise en charge{NBSP}: la facturation attend sa décision."
    if agreement.state == AgreementState.TACIT:
        return f"Accord tacite de {name}{NBSP}: rien à demander, la facture se fait seule à la sortie."
    until = f", jusqu’au {agreement.valid_until:%d/%m/%Y}" if agreement.valid_until else ""
    number = f" sous le n° {agreement.number}" if agreement.number else ""
    return f"{name} prend en charge{number}{until}. La facture se fait seule à la sortie."
