"""What a stay's context decides: how its cards are read, and whether what is known of its rights still holds."""

from __future__ import annotations

from typing import Any

from admissions.enums import REQUALIFIED, CoverageKind, CoverageSource, EventKind, Requalification
from admissions.events import Actor, record_event
from admissions.models import AdmissionEvent, Coverage, Stay
from admissions.querysets import care_date, coverages_on
from admissions.services import coverage as coverages
from admissions.services.in_force import replace_coverage
from debtors.enums import MatchLevel
from debtors.querysets import connected_debtor, match_card


def follow_context(stay: Stay, before: dict[str, str], reason: Requalification, actor: Actor) -> AdmissionEvent:
    """Tell that a stay has another context: its coverage is read again for it, and its rights are not known any more."""
    fit_coverage(stay, actor)
    for coverage in coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC):
        coverages.rights_undetermined(
            stay, coverage.pk, "Séjour requalifié : les droits sont redemandés pour ce qu’il est.", code=REQUALIFIED
        )
    detail = {"from": before, "to": dict(stay.roc_context, kind=stay.kind), "reason": str(reason)}
    return record_event(stay, EventKind.STAY_REQUALIFIED, actor, detail=detail)


def fit_coverage(stay: Stay, actor: Actor) -> list[Coverage]:
    """Coverages by card as the card says them for this stay: type of convention, CSR, and the debtor of that context.

    Nothing is asked: without an entry of the table for that context, the debtor in force stays. Stays of earlier days keep
    theirs. Returns those that changed.
    """
    day = care_date(stay)
    changed = []
    for held in (
        coverages_on(stay.patient_id, day, CoverageKind.AMC)
        .filter(source=CoverageSource.CARD)
        .select_related("card", "association")
    ):
        if held.card is None:
            continue
        wanted = coverages.card_context(held.card, stay)
        same = (held.convention, held.csr) == (wanted.convention, wanted.csr)
        if same and (held.association is None or held.association.domain == stay.domain):
            continue
        match = match_card(wanted, day)
        decided = match.decided
        connected = None if match.associations else connected_debtor(wanted)
        level = match.level if decided else (MatchLevel.DIRECTORY if connected else None)
        values: dict[str, Any] = {
            "debtor": decided.debtor if decided else (connected or held.debtor),
            "source": held.source,
            "card": held.card,
            "association": decided,
            "match_level": level or "",
            "convention": wanted.convention,
            "csr": wanted.csr,
            "member_number": held.member_number,
            "valid_from": day,
            "valid_until": held.valid_until,
        }
        if same and values["debtor"] == held.debtor:
            continue
        changed.append(replace_coverage(stay, CoverageKind.AMC, held.rank, values, actor)[0])
    return changed
