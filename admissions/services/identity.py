"""What is decided of an identity: a document compared, the national service's answer, a doubt. Each leaves its line.

The status is never chosen: it follows from the matricule and the document (`rules.identity_status`), and the database
refuses any other. Source: RNIV, volets 1 and 2.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from admissions.enums import (
    EventKind,
    IdentityAct,
    IdentityStatus,
    InsEnd,
    InsOutcome,
    InsSource,
    ProposalState,
    StayStatus,
)
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM, Actor, record_event
from admissions.models import IdentityChange, IdentityDocumentKind, InsProposal, InsRecord, Patient
from admissions.rules.identity_status import STRICT_TRAITS, StrictTraits, calendar_day, differences, status_of
from admissions.services.names import index_names

#: The stays whose chain still depends on who the patient is.
OPEN_STAYS: Final = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)
_ASKED: Final = {InsOutcome.NONE: IdentityAct.INS_NONE, InsOutcome.SEVERAL: IdentityAct.INS_SEVERAL}


@dataclass(frozen=True, slots=True)
class FormerIns:
    """A matricule that the service says was this person's; its dates as given."""

    ins: str
    oid: str
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class FoundIdentity:
    """One identity that the national service found. `ins`: matricule and key, 15 characters."""

    ins: str
    oid: str
    traits: StrictTraits
    source: InsSource = InsSource.TRAITS
    former: tuple[FormerIns, ...] = ()


def strict_traits(patient: Patient) -> StrictTraits:
    return StrictTraits(
        patient.birth_name, patient.first_names, patient.birth_date.isoformat(), patient.sex, patient.birth_place
    )


def documents_on(day: date) -> list[IdentityDocumentKind]:
    """The kinds of document in force on a day, trusted ones first."""
    in_force = Q(valid_until__isnull=True) | Q(valid_until__gte=day)
    return list(IdentityDocumentKind.objects.filter(in_force, valid_from__lte=day).order_by("-trusted", "pk"))


# ---- at the desk ----


def check_document(patient_id: int, kind: str, actor: Actor, *, version: int) -> Patient:
    """A document was compared with the traits, which are its own. A trusted one validates or qualifies the identity.

    Again with a document of the same kind: nothing. Raises Refused (unknown kind, doubtful or fictitious identity),
    Conflict when the traits were saved by somebody else since they were compared.
    """
    document = next((one for one in documents_on(timezone.localdate()) if one.code == kind), None)
    if document is None:
        raise Refused("Dites quelle pièce vous avez vue.", todo="Choisissez-la dans la liste.", field="document")
    with transaction.atomic():
        patient = _locked(patient_id)
        if patient.document_kind == kind:
            return patient
        if patient.version != version:
            raise Conflict(
                "L’identité a été corrigée par quelqu’un d’autre depuis que vous l’avez lue.",
                todo="Relisez-la avec la pièce d’identité, puis validez.",
            )
        if patient.doubtful or patient.fictitious:
            said = "fictive" if patient.fictitious else "douteuse"
            raise Refused(
                f"Cette identité est signalée {said}\u00a0: une pièce ne la valide pas.",
                todo="Faites lever le signalement par la cellule d’identitovigilance, puis comparez la pièce.",
            )
        if document.trusted:
            patient.document_kind, patient.document_seen_at = kind, timezone.now()
            patient.document_seen_by = actor.user
        _settle(patient)
        _tell(patient, IdentityAct.DOCUMENT, actor, document=kind)
        if document.trusted:
            _announce(patient, actor)
    return patient


def report(patient_id: int, act: IdentityAct, reason: str, actor: Actor) -> Patient:
    """Say that an identity is doubtful, fictitious or has a homonym, or that it no longer is. Raises Refused.

    What is doubtful or fictitious keeps neither matricule nor document: both are to be had again once the doubt is lifted.
    """
    reason = " ".join(reason.split())
    if not reason and act not in (IdentityAct.HOMONYM, IdentityAct.ALONE):
        raise Refused("Dites pourquoi.", todo="Une phrase suffit\u00a0: elle reste au dossier.", field="reason")
    name, value = _ATTRIBUTES[act]
    with transaction.atomic():
        patient = _locked(patient_id)
        if getattr(patient, name) == value:
            return patient
        setattr(patient, name, value)
        if value and name != "homonym":
            _forget_document(patient)
            _end_ins(patient, InsEnd.DOUBT if name == "doubtful" else InsEnd.FICTITIOUS)
            _drop_proposal(patient)
        _settle(patient)
        _tell(patient, act, actor, reason=reason)
        _announce(patient, actor, asks=not value and name != "homonym")
    return patient


_ATTRIBUTES: Final = {
    IdentityAct.DOUBTFUL: ("doubtful", True),
    IdentityAct.TRUSTED: ("doubtful", False),
    IdentityAct.FICTITIOUS: ("fictitious", True),
    IdentityAct.REAL: ("fictitious", False),
    IdentityAct.HOMONYM: ("homonym", True),
    IdentityAct.ALONE: ("homonym", False),
}


def traits_changed(patient: Patient, before: StrictTraits, actor: Actor, reason: str) -> None:
    """The strict traits of a patient, locked and written but not saved, are others: what was sure of them no longer is."""
    _forget_document(patient)
    _end_ins(patient, InsEnd.TRAITS)
    _drop_proposal(patient)
    patient.ins_outcome, patient.ins_answered_at = InsOutcome.UNASKED, None
    patient.identity_status = status_of(ins=False, document=False)
    ours, after = asdict(before), asdict(strict_traits(patient))
    changed = {name: [ours[name], after[name]] for name in STRICT_TRAITS if ours[name] != after[name]}
    _tell(patient, IdentityAct.TRAITS, actor, reason=reason, traits=changed)


# ---- what the national service answered ----


def found(patient_id: int, identity: FoundIdentity, *, asked: StrictTraits, message_id: UUID, at: datetime) -> None:
    """The service found one identity. The same as ours: its matricule is ours. Else a person compares.

    `asked`: the traits that the question was about; an answer about others is dropped.
    """
    with transaction.atomic():
        patient = _locked(patient_id)
        if not _still_asked(patient, asked):
            return
        patient.ins_answered_at = at
        if patient.ins == identity.ins and patient.ins_oid == identity.oid:
            patient.ins_outcome = InsOutcome.FOUND
            _settle(patient)
            _tell(patient, IdentityAct.INS_CONFIRMED, SYSTEM, message_id=message_id)
            return
        differing = differences(asked, identity.traits)
        if differing:
            _propose(patient, identity, differing, message_id, at)
            return
        _adopt(patient, identity, SYSTEM, message_id=message_id, at=at)


def not_found(patient_id: int, outcome: InsOutcome, *, asked: StrictTraits, message_id: UUID, at: datetime) -> None:
    """No identity, or several, whatever was tried: nothing changes but what is known of the question."""
    with transaction.atomic():
        patient = _locked(patient_id)
        if patient.ins is not None or not _still_asked(patient, asked):
            return
        patient.ins_outcome, patient.ins_answered_at = outcome, at
        _settle(patient)
        _tell(patient, _ASKED[outcome], SYSTEM, message_id=message_id)


def verified(patient_id: int, ins: str, same: bool, *, message_id: UUID | None, at: datetime) -> None:
    """What the service says of a matricule that we hold: still this person's, or not. The second demotes the identity."""
    with transaction.atomic():
        patient = _locked(patient_id)
        if patient.ins != ins:
            return
        patient.ins_answered_at = at
        if same:
            _settle(patient)
            _tell(patient, IdentityAct.INS_CONFIRMED, SYSTEM, message_id=message_id)
            return
        _end_ins(patient, InsEnd.REFUTED)
        patient.ins_outcome = InsOutcome.REFUTED
        _settle(patient)
        _tell(patient, IdentityAct.INS_ENDED, SYSTEM, message_id=message_id, reason=InsEnd.REFUTED.label)
        _announce(patient, SYSTEM)


def decide(patient_id: int, accepted: bool, actor: Actor, *, version: int) -> Patient:
    """A person compared the identity that the service found with ours. Kept: its traits become ours. Raises Conflict."""
    with transaction.atomic():
        patient = _locked(patient_id)
        proposal = patient.ins_proposals.select_for_update().filter(state=ProposalState.WAITING).first()
        if proposal is None or patient.version != version:
            raise Conflict(
                "Cette identité a changé, ou a été décidée par quelqu’un d’autre, depuis que vous l’avez lue.",
                todo="Relisez-la, puis décidez de nouveau s’il le faut.",
            )
        proposal.state = ProposalState.ACCEPTED if accepted else ProposalState.REFUSED
        proposal.decided_at, proposal.decided_by = timezone.now(), actor.user
        proposal.save(update_fields=["state", "decided_at", "decided_by"])
        if not accepted:
            patient.ins_outcome = InsOutcome.REFUSED
            _settle(patient)
            _tell(patient, IdentityAct.INS_REFUSED, actor, message_id=proposal.message_id)
            return patient
        _adopt(patient, _read(proposal.content), actor, message_id=proposal.message_id, at=proposal.received_at)
    return patient


def proposed_traits(proposal: InsProposal) -> StrictTraits:
    return _read(proposal.content).traits


# ---- inside ----


def _locked(patient_id: int) -> Patient:
    # No key of it changes: rows that name it may be written meanwhile.
    return Patient.objects.select_for_update(of=("self",), no_key=True).get(pk=patient_id)


def _settle(patient: Patient) -> None:
    """Save an identity, with the status that follows from what it holds."""
    patient.identity_status = status_of(ins=patient.ins is not None, document=patient.document_seen_at is not None)
    patient.version += 1
    patient.save()


def _tell(patient: Patient, act: IdentityAct, actor: Actor, **said: Any) -> None:
    if traits := said.get("traits"):
        said["traits"] = json.dumps(traits, ensure_ascii=False)
    IdentityChange.objects.create(
        patient=patient, at=timezone.now(), act=act, status=patient.identity_status, by=actor.user,
        client=actor.client, **said,
    )  # fmt: skip


def _announce(patient: Patient, actor: Actor, *, asks: bool = False) -> None:
    """The open stays learn what their patient's identity is worth. `asks`: the services are to be asked again."""
    detail = {} if asks else {"identity": str(patient.identity_status)}
    for stay in patient.stays.filter(status__in=OPEN_STAYS):
        record_event(stay, EventKind.PATIENT_CORRECTED, actor, detail=detail)


def _still_asked(patient: Patient, asked: StrictTraits) -> bool:
    """Corrected or doubted while the service was thinking, it is asked again: this answer is about somebody else."""
    return strict_traits(patient) == asked and not (patient.doubtful or patient.fictitious)


def _adopt(patient: Patient, identity: FoundIdentity, actor: Actor, *, message_id: UUID | None, at: datetime) -> None:
    """The matricule becomes the patient's, with the traits that the service keeps under it."""
    day = calendar_day(identity.traits.birth_date)
    if day is None:
        raise Refused("La date de naissance de cette identité n’est pas un jour du calendrier.")
    before = strict_traits(patient)
    differing = differences(before, identity.traits)
    _end_ins(patient, InsEnd.REPLACED)
    _drop_proposal(patient)
    patient.birth_name, patient.first_names = identity.traits.birth_name.upper(), identity.traits.first_names.upper()
    patient.birth_date, patient.sex = day, identity.traits.sex
    patient.birth_place = identity.traits.birth_place.upper() or patient.birth_place
    if differing:
        # What the document was compared with is no longer what stands here.
        _forget_document(patient)
    patient.ins, patient.ins_oid = identity.ins, identity.oid
    patient.ins_index = InsRecord.index_of(identity.ins)
    patient.ins_outcome, patient.ins_answered_at = InsOutcome.FOUND, at
    _settle(patient)
    index_names(patient)
    InsRecord.objects.create(
        patient=patient, ins=identity.ins, ins_index=patient.ins_index, oid=identity.oid, source=identity.source,
        message_id=message_id, received_at=at,
    )  # fmt: skip
    _keep_former(patient, identity, message_id, at)
    ours, after = asdict(before), asdict(strict_traits(patient))
    changed = {name: [ours[name], after[name]] for name in STRICT_TRAITS if ours[name] != after[name]}
    _tell(patient, IdentityAct.INS_FOUND, actor, message_id=message_id, traits=changed)
    _announce(patient, actor, asks=bool(differing))


def _keep_former(patient: Patient, identity: FoundIdentity, message_id: UUID | None, at: datetime) -> None:
    known = set(patient.ins_records.values_list("ins_index", flat=True))
    for former in identity.former:
        index = InsRecord.index_of(former.ins)
        if index in known:
            continue
        InsRecord.objects.create(
            patient=patient, ins=former.ins, ins_index=index, oid=former.oid, source=InsSource.HISTORY,
            message_id=message_id, received_at=at, valid_from=former.valid_from, valid_until=former.valid_until,
            ended_at=at, ended_for=InsEnd.FORMER,
        )  # fmt: skip


def _propose(patient: Patient, identity: FoundIdentity, differing: list[str], message_id: UUID, at: datetime) -> None:
    _drop_proposal(patient)
    InsProposal.objects.create(
        patient=patient, content=_write(identity), differences=differing, message_id=message_id, received_at=at
    )
    patient.ins_outcome = InsOutcome.PROPOSED
    _settle(patient)
    _tell(patient, IdentityAct.INS_PROPOSED, SYSTEM, message_id=message_id)


def _drop_proposal(patient: Patient) -> None:
    patient.ins_proposals.filter(state=ProposalState.WAITING).update(
        state=ProposalState.REPLACED, decided_at=timezone.now()
    )


def _forget_document(patient: Patient) -> None:
    patient.document_kind, patient.document_seen_at, patient.document_seen_by = "", None, None


def _end_ins(patient: Patient, why: InsEnd) -> None:
    if patient.ins is None:
        return
    patient.ins_records.filter(ended_at__isnull=True).update(ended_at=timezone.now(), ended_for=why)
    patient.ins = patient.ins_index = None
    patient.ins_oid, patient.ins_outcome, patient.ins_answered_at = "", InsOutcome.UNASKED, None


def _write(identity: FoundIdentity) -> str:
    return json.dumps(asdict(identity), ensure_ascii=False, default=str)


def _read(content: str) -> FoundIdentity:
    said = json.loads(content)
    former = tuple(
        FormerIns(one["ins"], one["oid"], _day(one["valid_from"]), _day(one["valid_until"])) for one in said["former"]
    )
    return FoundIdentity(said["ins"], said["oid"], StrictTraits(**said["traits"]), InsSource(said["source"]), former)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def is_locked(patient: Patient) -> bool:
    """Its strict traits are those of the national identity: only a référent opens them, with a reason."""
    return patient.identity_status in (IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED)
