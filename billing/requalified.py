"""What a requalification changed of the third-party payment, and why, in the words of a screen."""

from __future__ import annotations

from admissions.enums import OUTSIDE_ROC, REQUALIFIED, CoverageKind, EventKind, RightsStatus
from admissions.models import Stay
from admissions.presenters import KINDS
from admissions.querysets import care_date, coverages_on, latest_rights
from billing.enums import EngagementStatus
from billing.pec import words
from gap.text import NBSP
from teleservices.enums import OPEN
from teleservices.messages import Operation


def sentence_of(stay: Stay) -> str:
    """Read from the facts as they stand now; empty for a stay that was never requalified."""
    event = stay.events.filter(kind=EventKind.STAY_REQUALIFIED).order_by("-pk").first()
    if event is None:
        return ""
    now = f"Séjour requalifié{NBSP}: {KINDS[stay.kind].lower()}, {stay.domain}."
    return " ".join(filter(None, (now, _given_up(stay), _by_which_way(stay))))


def _given_up(stay: Stay) -> str:
    if stay.calls.filter(operation=Operation.DEL, status__in=OPEN).exists():
        return "L’engagement reçu avant est en cours d’annulation, rien n’est facturé d’ici là."
    if stay.engagements.filter(status=EngagementStatus.CANCELLED).exists():
        return "L’engagement reçu avant est annulé."
    return ""


def _by_which_way(stay: Stay) -> str:
    coverage = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).order_by("rank").first()
    if coverage is None:
        return ""
    name, last = coverage.debtor.name, latest_rights(stay.pk, coverage.pk)
    if last is None or last.code == REQUALIFIED:
        return f"Les droits sont redemandés à {name}."
    if last.code in OUTSIDE_ROC:
        agreement = words.of_stay(stay)
        said = words.sentence(agreement) if agreement and agreement.closed_at is None else ""
        return f"{name} n’est pas sur ROC pour ces soins. {said}".strip()
    if last.status == RightsStatus.OPEN:
        return f"{name} répond par ROC{NBSP}: aucune prise en charge n’est à demander."
    return f"{name} n’ouvre pas de droits{NBSP}: {last.reason or last.code}."
