"""Cards, coverages and rights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import structlog
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from admissions.enums import EXTERNAL_KINDS, CoverageKind, CoverageSource, RightsStatus
from admissions.errors import Refused
from admissions.events import Actor
from admissions.models import Card, Coverage, Patient, Rights, Stay
from admissions.querysets import care_date
from admissions.services import amo, readings
from admissions.services.in_force import announce, replace_coverage
from debtors import services as debtor_services
from debtors.datamatrix import ReadCard, context, parse
from debtors.datamatrix.keeping import SUFFIX
from debtors.enums import AssociationStatus, DebtorKind, MatchLevel
from debtors.models import DatamatrixAssociation, Debtor
from debtors.querysets import CardContext, connected_debtor, match_card
from gap import incidents
from gap.faults import no_room
from gap.written import Insert

log = structlog.get_logger(__name__)

_RIGHTS = Insert(Rights)
_NO_PICTURE = "Sa photo n’a pas pu être gardée\u00a0: déposez-la de nouveau plus tard pour qu’elle soit au dossier."


@dataclass(frozen=True, slots=True)
class CardOutcome:
    """What reading a card came to. `coverage` when a debtor was found; `choices` when several answer; else the grid."""

    card: Card
    message: str
    coverage: Coverage | None = None
    choices: list[DatamatrixAssociation] = field(default_factory=list)
    level: MatchLevel | None = None
    unchanged: bool = False

    @property
    def needs_choice(self) -> bool:
        return self.coverage is None


def card_context(card: Card, stay: Stay) -> CardContext:
    """What of this card matters for this stay."""
    said = context(parse(card.content), stay.domain, "EXTERNE" if stay.kind in EXTERNAL_KINDS else "SEJOUR")
    mark, *former = Card.marks_of(card.content)
    return CardContext(
        fingerprint=mark,
        former_fingerprints=tuple(former),
        amc_number=said.amc_number,
        convention=said.convention,
        csr=said.csr,
        domain=stay.domain,
    )


@transaction.atomic
def read_card(stay: Stay, read: ReadCard, reader: str, actor: Actor, *, image: bytes = b"") -> CardOutcome:
    """A card was read during a stay: keep it, find its debtor, cover the patient. Reading it again changes nothing.

    `image`: the picture of it to keep, as `debtors.datamatrix.keeping` draws it. Without room for it, the rest is done.
    """
    stay = Stay.objects.select_for_update().select_related("patient").get(pk=stay.pk)
    card = _keep_card(stay.patient, read, reader, actor)
    kept = _keep_picture(card, image)
    outcome = _found(stay, card, actor)
    return outcome if kept else replace(outcome, message=f"{outcome.message} {_NO_PICTURE}")


def _found(stay: Stay, card: Card, actor: Actor) -> CardOutcome:
    """What a card that is kept comes to."""
    day = care_date(stay)
    if card.valid_until and card.valid_until < day:
        return CardOutcome(
            card,
            f"Cette carte n’est plus valable depuis le {card.valid_until:%d/%m/%Y}. "
            "Elle est gardée au dossier, sans ouvrir de droits. Demandez la carte de l’année.",
        )
    if card.valid_from and card.valid_from > day:
        return CardOutcome(
            card,
            f"Cette carte ne sera valable qu’à partir du {card.valid_from:%d/%m/%Y}. "
            "Elle est gardée au dossier, sans ouvrir de droits. Demandez la carte en cours.",
        )
    wanted = card_context(card, stay)
    readings.note(stay, wanted)
    match = match_card(wanted, day)
    association = match.decided
    if not match.associations and (connected := connected_debtor(wanted)):
        coverage, unchanged = _cover(stay, card, wanted, connected, None, MatchLevel.DIRECTORY, actor)
        message = "Carte déjà lue : rien n’a changé." if unchanged else f"Carte lue : {connected.name}, par l’annuaire."
        return CardOutcome(card, message, coverage, level=MatchLevel.DIRECTORY, unchanged=unchanged)
    if association is None:
        message = (
            "Plusieurs centres de gestion répondent pour cette carte : choisissez le bon."
            if match.associations
            else "Carte lue, organisme encore inconnu : choisissez-le, la table le retiendra."
        )
        if not card.recognised and not match.associations:
            message = (
                "Ce code n’a pas la forme d’une carte de tiers payant. Il est gardé tel quel. "
                "Si c’est bien une carte, choisissez l’organisme ; sinon scannez la carte."
            )
        return CardOutcome(card, message, choices=match.associations, level=match.level)
    debtor_services.count_use(association, timezone.now())
    coverage, unchanged = _cover(stay, card, wanted, association.debtor, association, match.level, actor)
    message = "Carte déjà lue : rien n’a changé." if unchanged else f"Carte lue : {association.debtor.name}."
    return CardOutcome(card, message, coverage, level=match.level, unchanged=unchanged)


@transaction.atomic
def choose_debtor(stay: Stay, card: Card, debtor: Debtor, actor: Actor) -> Coverage:
    """The agent says who pays for this card: the choice covers the patient and teaches the table. Raises Refused.

    What a référent rejected for such cards covers this patient all the same, and teaches nothing: the coverage then has no
    association.
    """
    if debtor.kind != DebtorKind.AMC or not debtor.active:
        raise Refused("Cet organisme n’est pas une complémentaire en activité.", todo="Choisissez-en un autre.")
    stay = Stay.objects.select_for_update().select_related("patient").get(pk=stay.pk)
    if card.patient_id != stay.patient_id:
        raise Refused("Cette carte a été lue pour un autre patient.", todo="Scannez la carte de ce patient.")
    wanted = card_context(card, stay)
    learnt = debtor_services.learn_association(wanted, debtor, actor.user, day=care_date(stay))
    if learnt.status == AssociationStatus.REJECTED:
        return _cover(stay, card, wanted, debtor, None, None, actor)[0]
    debtor_services.count_use(learnt, timezone.now())
    return _cover(stay, card, wanted, debtor, learnt, MatchLevel.WHOLE, actor)[0]


@transaction.atomic
def declare_coverage(
    stay: Stay,
    debtor: Debtor,
    actor: Actor,
    *,
    valid_from: date,
    valid_until: date | None = None,
    convention: str = "",
    csr: str = "",
    member_number: str = "",
    rank: int = 1,
    source: CoverageSource = CoverageSource.DECLARED,
    particular: dict[str, Any] | None = None,
) -> Coverage:
    """Cover a patient without a card: rights of the AMO, or an AMC that the patient declares. Raises Refused.

    `particular`, of the AMO only: `insured`, `quality`, `nature`, `exemption`, `situations`, `piece` (codes of the norm).
    """
    if valid_until and valid_until < valid_from:
        raise Refused("Les droits finissent avant de commencer.", todo="Corrigez les dates.", field="valid_until")
    if particular and debtor.kind != DebtorKind.AMO:
        raise Refused("Une complémentaire n’a ni exonération ni pièce de l’assurance maladie.")
    stay = Stay.objects.select_for_update().select_related("patient").get(pk=stay.pk)
    values: dict[str, Any] = {
        "debtor": debtor,
        "source": source,
        "convention": convention,
        "csr": csr,
        "member_number": member_number.strip() or None,
        "valid_from": valid_from,
        "valid_until": valid_until,
        **(particular or {}),
    }
    coverage, _ = replace_coverage(stay, CoverageKind(debtor.kind), rank, values, actor)
    if debtor.kind == DebtorKind.AMO:
        amo.beside(stay)
        coverage.refresh_from_db()
    return coverage


@transaction.atomic
def enter_member_number(coverage_id: int, member_number: str, actor: Actor) -> Coverage:
    """The one thing that was missing: the member number. The calls it stopped start again. Raises Refused."""
    number = "".join(member_number.split()).upper()
    if not number or len(number) > 30 or not number.isalnum():
        raise Refused(
            "Un n° d’adhérent ne contient que des lettres et des chiffres.",
            todo="Recopiez-le de la carte.",
            field="member_number",
        )
    coverage = Coverage.objects.select_for_update().get(pk=coverage_id)
    if coverage.member_number == number:
        return coverage
    coverage.member_number = number
    coverage.version += 1
    coverage.save()
    announce(coverage, actor)
    return coverage


def apply_rights(stay: Stay, coverage_id: int, **answer: Any) -> Rights:
    """Keep what a payer answered of a coverage for this stay's dates. Needs the stay's lock. Fields: those of Rights."""
    return _RIGHTS.run(Rights(stay=stay, coverage_id=coverage_id, care_date=care_date(stay), **answer))


def rights_undetermined(
    stay: Stay, coverage_id: int, reason: str, code: str = "", at: datetime | None = None
) -> Rights:
    """The payer did not answer, or what it says decides nothing: neither open nor closed."""
    return apply_rights(
        stay,
        coverage_id,
        status=RightsStatus.UNDETERMINED,
        reason=reason[:300],
        code=code,
        answered_at=at or timezone.now(),
    )


def cover_again(stay: Stay, coverage: Coverage, actor: Actor) -> Coverage:
    """The same coverage, from the debtor that its association leads to now. Needs the locks of the patient's open stays."""
    assert coverage.association is not None
    values = {
        "debtor": coverage.association.debtor,
        "source": coverage.source,
        "card": coverage.card,
        "association": coverage.association,
        "match_level": coverage.match_level,
        "convention": coverage.convention,
        "csr": coverage.csr,
        "member_number": coverage.member_number,
        "valid_from": coverage.valid_from,
        "valid_until": coverage.valid_until,
    }
    return replace_coverage(stay, CoverageKind(coverage.kind), coverage.rank, values, actor)[0]


def _keep_card(patient: Patient, read: ReadCard, reader: str, actor: Actor) -> Card:
    fields = read.fields
    marks = Card.marks_of(read.content)
    card = Card.objects.filter(patient=patient, fingerprint__in=marks).first()
    if card is None:
        card = Card(
            patient=patient,
            content=read.content,
            fingerprint=marks[0],
            recognised=read.recognised,
            amc_number=fields.amc_number,
            conventions=[[convention.domain, convention.kind, convention.code] for convention in fields.conventions],
            csr=fields.csr,
            member_number=fields.member_number or None,
            valid_from=fields.valid_from,
            valid_until=fields.valid_until,
            responsible=fields.responsible if read.recognised else None,
            reader=reader,
            read_by=actor.user,
        )
        try:
            with transaction.atomic():
                card.save()
        except IntegrityError:
            # Scanned on two screens at once: the other one kept it.
            card = Card.objects.get(patient=patient, fingerprint=marks[0])
    return card


def _keep_picture(card: Card, image: bytes) -> bool:
    """Whether nothing is missing of what there was to keep."""
    if not image or card.image:
        return True
    try:
        card.image.save(f"{card.pk}{SUFFIX}", ContentFile(image))
    except OSError as problem:
        # Rights are asked with what was read: a patient does not wait for room on a disk.
        log.warning("card_image_not_kept", card=card.pk, problem=type(problem).__name__)
        if no_room(problem):
            incidents.report("room", well=False)
        card.image = ""
        return False
    return True


def _cover(
    stay: Stay,
    card: Card,
    wanted: CardContext,
    debtor: Debtor,
    association: DatamatrixAssociation | None,
    level: MatchLevel | None,
    actor: Actor,
) -> tuple[Coverage, bool]:
    day = care_date(stay)
    values: dict[str, Any] = {
        "debtor": debtor,
        "source": CoverageSource.CARD,
        "card": card,
        "association": association,
        "match_level": level or "",
        "convention": wanted.convention,
        "csr": wanted.csr,
        "member_number": card.member_number,
        "valid_from": card.valid_from or day,
        "valid_until": card.valid_until,
    }
    return replace_coverage(stay, CoverageKind.AMC, 1, values, actor)
