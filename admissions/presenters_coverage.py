"""What the screens show of coverages: what covers a stay, how its payer was found, what it last answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db.models import F
from django.utils import timezone

from admissions.enums import OUTSIDE_ROC, CoverageKind, RightsStatus, Trust
from admissions.models import AmoAnswer, Coverage, Rights, Stay
from admissions.presenters import french
from admissions.presenters_amo import Outcome, amo_outcome, trust_of
from admissions.querysets import care_date, coverages_on
from admissions.reference import named, situation_named
from debtors.enums import AssociationStatus, MatchLevel
from gap.templatetags.gap_format import short_date
from gap.text import NBSP


@dataclass(frozen=True, slots=True)
class CoverageView:
    """One coverage of a stay, and what its payer last said of it."""

    pk: int
    kind: str
    rank: int
    debtor: str
    detail: str
    number: str
    route: str
    valid_from: date
    valid_until: date | None
    source: str
    trust: str
    found_by: str
    card_id: int | None
    outcome: Outcome
    #: A picture of its card is kept.
    has_picture: bool = False
    uncovered: list[str] = field(default_factory=list)


def outcome(rights: Rights | None) -> Outcome:
    """What an AMC said of the rights: open, closed, undetermined; or not asked yet."""
    if rights is None:
        return Outcome("plan", "circle-dashed", "Pas encore de réponse")
    reason = french(rights.reason).rstrip(".")
    reason = f"{reason}." if reason else ""
    if rights.status == RightsStatus.OPEN:
        return Outcome("ok", "circle-check", "Ouverts", reason, rights.answered_at)
    if rights.status == RightsStatus.CLOSED:
        return Outcome("stop", "ban", "Fermés", reason, rights.answered_at)
    if rights.code in OUTSIDE_ROC:
        return Outcome("sys", "transfer", "Hors ROC", reason, rights.answered_at)
    return Outcome("wait", "help-circle", "Indéterminés", reason, rights.answered_at)


_FOUND_BY: Final = {
    MatchLevel.WHOLE: "cette carte même",
    MatchLevel.CSR: "organisme, convention et CSR",
    MatchLevel.CONVENTION: "organisme et convention",
    MatchLevel.AMC: "organisme seul",
    MatchLevel.DIRECTORY: "annuaire AMC",
}


#: Families of services as the payers name them, in words.
_FAMILIES: Final = {
    "FORFAIT_JOURNALIER": "forfait journalier",
    "CHAMBRE_PARTICULIERE": "chambre particulière",
    "REPAS_ACCOMPAGNANT": "repas accompagnant",
    "SEJOUR": "séjour",
}


def _family(name: str) -> str:
    return _FAMILIES.get(name, name.replace("_", " ").lower())


def how_found(coverage: Coverage) -> str:
    """Which rule of the table decided, with a discreet mark while no référent has validated it. Empty: the table did not."""
    if not coverage.match_level:
        return ""
    status = coverage.association.status if coverage.association else AssociationStatus.VALIDATED
    mark = "" if status == AssociationStatus.VALIDATED else f", {AssociationStatus(status).label}"
    return _FOUND_BY[MatchLevel(coverage.match_level)] + mark


def coverage_view(
    coverage: Coverage, rights: Rights | None, last: AmoAnswer | None = None, day: date | None = None
) -> CoverageView:
    """`last`: what the AMO last said of the patient, for a coverage of the AMO judged on `day` (today by default)."""
    debtor = coverage.debtor
    if coverage.kind == CoverageKind.AMO:
        number = " ".join(filter(None, (debtor.amo_regime, debtor.amo_fund, debtor.amo_centre)))
        route = ""
    else:
        number = NBSP.join((debtor.amc_number[:4], debtor.amc_number[4:7], debtor.amc_number[7:]))
        route = ", ".join(filter(None, (coverage.convention, coverage.csr)))
    until = f", jusqu’au {short_date(coverage.valid_until)}" if coverage.valid_until else ", sans date de fin"
    parts = [f"{coverage.kind} {number}", f"convention {coverage.convention}" if coverage.convention else ""]
    if coverage.kind == CoverageKind.AMC:
        parts.append(f"rang{NBSP}{coverage.rank}")
    return CoverageView(
        pk=coverage.pk,
        kind=coverage.kind,
        rank=coverage.rank,
        debtor=debtor.name,
        detail=", ".join(filter(None, parts)) + until,
        number=coverage.member_number or "",
        route=route,
        valid_from=coverage.valid_from,
        valid_until=coverage.valid_until,
        source=coverage.get_source_display(),
        trust=Trust(trust_of(coverage, rights)).label,
        found_by=how_found(coverage),
        card_id=coverage.card_id,
        has_picture=bool(getattr(coverage, "picture", "")),
        outcome=(
            amo_outcome(coverage, last, day or timezone.localdate())
            if coverage.kind == CoverageKind.AMO
            else outcome(rights)
        ),
        uncovered=[_family(name) for name in rights.uncovered_families] if rights else [],
    )


def coverages_of_stay(stay: Stay, said: AmoAnswer | None = None) -> list[CoverageView]:
    """What covers this stay on its day of care, AMO first, each with the last answer. Two queries.

    `said`: what the AMO last said of the patient.
    """
    in_force = coverages_on(stay.patient_id, care_date(stay)).select_related("debtor", "association")
    # The card's content is not read to know that it has a picture.
    coverages = list(in_force.annotate(picture=F("card__image")))
    last: dict[int, Rights] = {}
    for rights in Rights.objects.filter(stay=stay, coverage__in=[coverage.pk for coverage in coverages]):
        last.setdefault(rights.coverage_id, rights)
    order = {CoverageKind.AMO: 0, CoverageKind.AMC: 1}
    coverages.sort(key=lambda coverage: (order[CoverageKind(coverage.kind)], coverage.rank))
    return [coverage_view(coverage, last.get(coverage.pk), said, care_date(stay)) for coverage in coverages]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One coverage of a patient's history."""

    debtor: str
    detail: str
    particular: str
    source: str
    trust: str
    valid_from: date
    valid_until: date | None
    active: bool


def history_row(coverage: Coverage) -> HistoryRow:
    debtor = coverage.debtor
    if coverage.kind == CoverageKind.AMO:
        detail = " ".join(filter(None, ("AMO", debtor.amo_regime, debtor.amo_fund, debtor.amo_centre)))
    else:
        detail = f"AMC {debtor.amc_number}, rang{NBSP}{coverage.rank}"
    parts = [named(coverage.nature, coverage.exemption), *map(situation_named, coverage.situations)]
    return HistoryRow(
        debtor=debtor.name,
        detail=detail,
        particular=", ".join(filter(None, parts)),
        source=coverage.get_source_display(),
        trust=Trust(trust_of(coverage)).label,
        valid_from=coverage.valid_from,
        valid_until=coverage.valid_until,
        active=coverage.active,
    )
