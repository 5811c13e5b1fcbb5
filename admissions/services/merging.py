"""Two dossiers of one person put together: all that one holds moves to the other, and may move back.

What is found of an identity (documents, matricules, history) stays with the dossier where it was found. Money hangs on
stays and moves with them: the floors above say what there is of it (`PREVIEWS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from admissions.enums import EventKind, IdentityStatus
from admissions.errors import Refused
from admissions.events import Actor, record_event
from admissions.models import Card, Coverage, Patient, PatientMerge, PatientMove, Stay
from admissions.services.identity import OPEN_STAYS

_STAYS: Final = "stays"
_COVERAGES: Final = "coverages"
_CARDS: Final = "cards"
#: Cards that both dossiers had read: what was found by one of them now names the other's.
_TWINS: Final = "twin_cards"
#: Dossiers that had been put with the one that goes.
_FORMER: Final = "former"
_COMPLETED: Final = "completed"
_COMPLETES: Final = ("nir", "nir_index", "phone", "email", "used_name")


@dataclass(frozen=True, slots=True)
class Held:
    """A line of what a dossier holds: « séjour,séjours », how many, and for how much when it is money (euros)."""

    label: str
    count: int
    amount: Decimal | None = None


#: What the floors above hold of the stays of a patient (key).
PREVIEWS: Final[list[Callable[[int], list[Held]]]] = []
#: Told of the dossiers that went and stays once they are put together, or apart, in the transaction.
MOVED: Final[list[Callable[[Patient, Patient, bool], None]]] = []


def holdings(patient: Patient) -> list[Held]:
    """What would move with this dossier."""
    held = [
        Held("séjour,séjours", patient.stays.count()),
        Held("couverture,couvertures", patient.coverages.count()),
        Held("carte lue,cartes lues", patient.cards.count()),
    ]
    for preview in PREVIEWS:
        held += preview(patient.pk)
    return held


def problem_between(source: Patient, target: Patient) -> str:
    """Why these two are never put together, in French; "" when they may be."""
    if source.pk == target.pk:
        return "Choisissez deux dossiers différents."
    for one in (source, target):
        if one.merged_into_id:
            return f"Le dossier {one.ipp} est déjà fusionné avec un autre."
    # Those that were put with the one that goes would go with it.
    if any(_two_people(one, target) for one in (source, *source.absorbed_patients.all())):
        return "Deux identités qualifiées sous deux matricules INS sont deux personnes."
    return ""


def _two_people(one: Patient, other: Patient) -> bool:
    both = one.identity_status == other.identity_status == IdentityStatus.QUALIFIED
    return both and (one.ins, one.ins_oid) != (other.ins, other.ins_oid)


def kept_first(one: Patient, other: Patient) -> tuple[Patient, Patient]:
    """The one that goes, then the one to keep: the surer identity, then the older dossier."""
    sure = [IdentityStatus.PROVISIONAL, IdentityStatus.VALIDATED, IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED]
    ordered = sorted((one, other), key=lambda row: (sure.index(IdentityStatus(row.identity_status)), -row.pk))
    return ordered[0], ordered[1]


@transaction.atomic
def merge(source_id: int, target_id: int, reason: str, actor: Actor) -> PatientMerge:
    """Put `source` with `target`, which stays. Raises Refused; nothing has moved then."""
    reason = " ".join(reason.split())
    if not reason:
        raise Refused("Dites pourquoi ces dossiers sont ceux d’une même personne.", field="reason")
    source, target = _locked(source_id, target_id)
    if problem := problem_between(source, target):
        raise Refused(problem, todo="Rien n’a changé.")
    done = PatientMerge.objects.create(
        source=source, target=target, reason=reason[:200], merged_at=timezone.now(), merged_by=actor.user
    )
    _move_stays(done)
    _move_cards(done)
    _move_coverages(done)
    former = list(Patient.objects.filter(merged_into=source).values_list("pk", flat=True))
    Patient.objects.filter(pk__in=former).update(merged_into=target)
    _note(done, _FORMER, former)
    _complete(done)
    source.merged_into = target
    source.version += 1
    source.save(update_fields=["merged_into", "version"])
    _tell(target, actor)
    for told in MOVED:
        told(source, target, True)
    return done


@transaction.atomic
def unmerge(merge_id: int, actor: Actor) -> PatientMerge:
    """Each dossier has its own again; what came since stays with the one that was kept. Raises Refused."""
    done = PatientMerge.objects.select_for_update().get(pk=merge_id)
    if done.undone_at is not None:
        raise Refused("Cette fusion était déjà défaite.", todo="Rien n’a changé.")
    source, target = _locked(done.source_id, done.target_id)
    if target.merged_into_id:
        raise Refused(
            f"Le dossier gardé ({target.ipp}) a lui-même été fusionné depuis.", todo="Défaites d’abord cette fusion-là."
        )
    moves = {move.what: move for move in done.moves.all()}
    source.merged_into = None
    source.version += 1
    source.save(update_fields=["merged_into", "version"])
    Patient.objects.filter(pk__in=moves[_FORMER].keys, merged_into=target).update(merged_into=source)
    Stay.objects.filter(pk__in=moves[_STAYS].keys, patient=target).update(patient=source)
    Card.objects.filter(pk__in=moves[_CARDS].keys, patient=target).update(patient=source)
    for pk, twin in moves[_TWINS].before.items():
        Coverage.objects.filter(pk__in=twin["coverages"], card=twin["twin"]).update(card=int(pk))
    _give_coverages_back(moves[_COVERAGES], source, target)
    _empty_again(moves[_COMPLETED], target)
    done.undone_at, done.undone_by = timezone.now(), actor.user
    done.save(update_fields=["undone_at", "undone_by"])
    _tell(source, actor)
    _tell(target, actor)
    for told in MOVED:
        told(source, target, False)
    return done


def _locked(source_id: int, target_id: int) -> tuple[Patient, Patient]:
    """Both, after their stays: the one order of locks. Nobody else gives either a stay until this is over."""
    stays = Stay.objects.select_for_update(no_key=True).filter(patient__in=[source_id, target_id])
    list(stays.order_by("pk").values_list("pk", flat=True))
    rows = {
        row.pk: row
        for row in Patient.objects.select_for_update(of=("self",)).filter(pk__in=[source_id, target_id]).order_by("pk")
    }
    if len(rows) != 2:
        raise Refused("Choisissez deux dossiers différents.", todo="Rien n’a changé.")
    return rows[source_id], rows[target_id]


def _note(done: PatientMerge, what: str, keys: list[int], before: dict[str, Any] | None = None) -> None:
    PatientMove.objects.create(merge=done, what=what, keys=keys, before=before or {})


def _move_stays(done: PatientMerge) -> None:
    stays = Stay.objects.filter(patient=done.source_id)
    keys = list(stays.order_by("pk").values_list("pk", flat=True))
    try:
        with transaction.atomic():
            stays.update(patient=done.target)
    except IntegrityError as conflict:
        if not any(name in str(conflict) for name in ("no_overlapping_full_stays", "one_preadmission_a_time")):
            raise
        raise Refused(
            "Les deux dossiers ont un séjour au même moment\u00a0: ce sont deux personnes, ou l’un des deux est de trop.",
            todo="Annulez le séjour en double, puis fusionnez.",
        ) from conflict
    _note(done, _STAYS, keys)


def _move_cards(done: PatientMerge) -> None:
    theirs = dict(Card.objects.filter(patient=done.target).values_list("fingerprint", "pk"))
    moving, twins = [], {}
    for card in Card.objects.filter(patient=done.source).only("pk", "fingerprint").order_by("pk"):
        twin = theirs.get(card.fingerprint)
        if twin is None:
            moving.append(card.pk)
            continue
        found = Coverage.objects.filter(card=card)
        twins[str(card.pk)] = {"twin": twin, "coverages": list(found.values_list("pk", flat=True))}
        found.update(card=twin)
    Card.objects.filter(pk__in=moving).update(patient=done.target)
    _note(done, _CARDS, moving)
    _note(done, _TWINS, [int(pk) for pk in twins], twins)


def _move_coverages(done: PatientMerge) -> None:
    """Where both are covered by the same rank at the same time, what the kept dossier says holds."""
    keys, asleep = [], []
    theirs = list(Coverage.objects.filter(patient=done.target, active=True))
    for coverage in Coverage.objects.filter(patient=done.source).order_by("pk"):
        keys.append(coverage.pk)
        if coverage.active and any(_overlap(coverage, other) for other in theirs):
            asleep.append(coverage.pk)
    Coverage.objects.filter(pk__in=asleep).update(active=False, version=F("version") + 1)
    Coverage.objects.filter(pk__in=keys).update(patient=done.target)
    _note(done, _COVERAGES, keys, {"asleep": asleep})


def _give_coverages_back(move: PatientMove, source: Patient, target: Patient) -> None:
    Coverage.objects.filter(pk__in=move.keys, patient=target).update(patient=source)
    back = Coverage.objects.filter(pk__in=move.before["asleep"], patient=source, active=False)
    back.update(active=True, version=F("version") + 1)


def _overlap(one: Coverage, other: Coverage) -> bool:
    if (one.kind, one.rank) != (other.kind, other.rank):
        return False
    starts_before = other.valid_until is None or one.valid_from <= other.valid_until
    return starts_before and (one.valid_until is None or other.valid_from <= one.valid_until)


def _complete(done: PatientMerge) -> None:
    """What the kept dossier lacks and the other knew; the stricter protection of the two."""
    source, target = done.source, done.target
    names = [name for name in _COMPLETES if getattr(source, name) and not getattr(target, name)]
    for name in names:
        setattr(target, name, getattr(source, name))
    if source.protection and not target.protection:
        target.protection = source.protection
        names.append("protection")
    target.version += 1
    target.save()
    _note(done, _COMPLETED, [], {"names": names})


def _empty_again(move: PatientMove, target: Patient) -> None:
    """What was taken over and has not been changed since."""
    source = move.merge.source
    for name in move.before["names"]:
        if getattr(source, name) == getattr(target, name):
            setattr(target, name, None if name in ("nir", "nir_index") else "")
    target.version += 1
    target.save()


def _tell(patient: Patient, actor: Actor) -> None:
    """The open stays of a dossier are perhaps somebody's whose traits or rights are others: the payers are asked again."""
    for stay in patient.stays.filter(status__in=OPEN_STAYS):
        record_event(stay, EventKind.PATIENT_CORRECTED, actor)
