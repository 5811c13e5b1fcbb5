"""What the screens show of coverages: what covers a stay, how its payer was found, what it last answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from django.db.models import F
from django.utils import timezone

from admissions.enums import OUTSIDE_ROC, CoverageKind, CoverageSource, RightsStatus
from admissions.models import Coverage, Rights, Stay
from admissions.presenters import french
from admissions.querysets import care_date, coverages_on
from debtors.enums import AssociationStatus, MatchLevel
from gap.templatetags.gap_format import short_date, since_text
from gap.text import NBSP


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rights as three outcomes, with the reason and the age of the answer."""

    tone: str
    icon: str
    word: str
    reason: str = ""
    answered_at: datetime | None = None

    @property
    def age(self) -> str:
        """« il y a 5 min », « à l’instant »; empty when nothing was answered."""
        if self.answered_at is None:
            return ""
        text = since_text(timezone.now() - self.answered_at)
        return text if text.startswith("à") else f"il y a {text}"


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
    found_by: str
    card_id: int | None
    outcome: Outcome
    #: A picture of its card is kept.
    has_picture: bool = False
    uncovered: list[str] = field(default_factory=list)


def outcome(kind: str, rights: Rights | None) -> Outcome:
    """What is known of the rights: open, closed, undetermined; or not asked yet."""
    if rights is None:
        if kind == CoverageKind.AMO:
            return Outcome("sys", "file-text", "Déclarés", "Déclarés à l’accueil, pas encore contrôlés par CDRi.")
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


_SOURCES: Final = {
    CoverageSource.CARD: "carte lue",
    CoverageSource.DECLARED: "déclarée",
    CoverageSource.API: "reçue d’un autre logiciel",
}
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


def coverage_view(coverage: Coverage, rights: Rights | None) -> CoverageView:
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
        source=_SOURCES[CoverageSource(coverage.source)],
        found_by=how_found(coverage),
        card_id=coverage.card_id,
        has_picture=bool(getattr(coverage, "picture", "")),
        outcome=outcome(coverage.kind, rights),
        uncovered=[_family(name) for name in rights.uncovered_families] if rights else [],
    )


def coverages_of_stay(stay: Stay, kind: CoverageKind | None = None) -> list[CoverageView]:
    """What covers this stay on its day of care, AMO first, each with the last answer. Two queries."""
    in_force = coverages_on(stay.patient_id, care_date(stay), kind).select_related("debtor", "association")
    # The card's content is not read to know that it has a picture.
    coverages = list(in_force.annotate(picture=F("card__image")))
    last: dict[int, Rights] = {}
    for rights in Rights.objects.filter(stay=stay, coverage__in=[coverage.pk for coverage in coverages]):
        last.setdefault(rights.coverage_id, rights)
    order = {CoverageKind.AMO: 0, CoverageKind.AMC: 1}
    coverages.sort(key=lambda coverage: (order[CoverageKind(coverage.kind)], coverage.rank))
    return [coverage_view(coverage, last.get(coverage.pk)) for coverage in coverages]
