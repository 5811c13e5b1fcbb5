"""Create and correct a patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from admissions.enums import EventKind, IdentityStatus, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import Actor, record_event
from admissions.models import Patient, PatientNameToken
from admissions.rules import identity
from gap.identifiers import InvalidIdentifier, parse_nir
from gap.locks import hold_for_transaction

_LOCKED = (IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED)


@dataclass(frozen=True, slots=True)
class Traits:
    """What is asked of a person. Names as on the identity document; `nir` as typed, empty when unknown."""

    birth_name: str
    first_names: str
    birth_date: date
    sex: str
    used_name: str = ""
    used_first_name: str = ""
    birth_place: str = ""
    nir: str = ""
    birth_rank: int = 1
    phone: str = ""
    email: str = ""


def next_number(sequence: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select nextval(%s::regclass)", [sequence])
        return int(cursor.fetchone()[0])


def draft_patient(traits: Traits) -> Patient:
    """The patient that these traits would make: every rule has spoken, nothing is saved, no IPP is taken. Raises Refused."""
    patient = Patient()
    _write(patient, _checked(traits))
    return patient


def created_with(creation_key: UUID) -> Patient | None:
    """The patient that this demand has already created."""
    return Patient.objects.filter(creation_key=creation_key).first()


def create_patient(traits: Traits, actor: Actor, *, creation_key: UUID | None = None) -> Patient:
    """Create a patient; the same `creation_key` gives the same patient again. Raises Refused.

    An IPP is taken last: a refused demand, or a second one, leaves no hole in the numbers.
    """
    if creation_key and (already := created_with(creation_key)):
        return already
    patient = draft_patient(traits)
    patient.created_by, patient.client, patient.creation_key = actor.user, actor.client, creation_key
    patient.establishment = actor.establishment
    with transaction.atomic():
        if creation_key:
            # Two tabs, one click each: the second waits for the first, then finds what it made.
            hold_for_transaction(f"patient.creation:{creation_key}")
            if already := created_with(creation_key):
                return already
        patient.ipp = f"{next_number('patient_ipp'):09d}"
        patient.save()
        _index_names(patient)
    return patient


def correct_patient(patient_id: int, traits: Traits, actor: Actor, *, version: int) -> Patient:
    """Correct an identity. Raises Conflict if somebody saved since `version`, Refused if the traits are locked."""
    checked = _checked(traits)
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=patient_id)
        if patient.version != version:
            raise Conflict(
                "Ce dossier a été enregistré par quelqu’un d’autre pendant votre saisie.",
                kept="Votre saisie est gardée à l’écran ; rien n’a été écrasé.",
                todo="Comparez les deux valeurs, puis enregistrez de nouveau.",
            )
        before = (patient.birth_name, patient.first_names, patient.birth_date, patient.sex, patient.birth_place)
        nir_before = patient.nir
        _write(patient, checked)
        after = (patient.birth_name, patient.first_names, patient.birth_date, patient.sex, patient.birth_place)
        if before != after and patient.identity_status in _LOCKED:
            raise Refused(
                "Les traits stricts d’une identité récupérée ou qualifiée sont verrouillés.",
                todo="Signalez le doute à la cellule d’identitovigilance.",
            )
        patient.version += 1
        patient.save()
        _index_names(patient)
        if before != after or nir_before != patient.nir:
            for stay in patient.stays.filter(
                status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED]
            ):
                record_event(stay, EventKind.PATIENT_CORRECTED, actor)
    return patient


def _checked(traits: Traits) -> Traits:
    today = timezone.localdate()
    for value, field in ((traits.birth_name, "birth_name"), (traits.first_names, "first_names")):
        if problem := identity.name_problem(value):
            raise Refused(problem, field=field)
    if traits.used_name and (problem := identity.name_problem(traits.used_name)):
        raise Refused(problem, field="used_name")
    if problem := identity.birth_date_problem(traits.birth_date, today):
        raise Refused(problem, todo="Vérifiez la date sur la pièce d’identité.", field="birth_date")
    return traits


def _write(patient: Patient, traits: Traits) -> None:
    patient.birth_name = " ".join(traits.birth_name.split()).upper()
    patient.first_names = " ".join(traits.first_names.split())
    patient.birth_date = traits.birth_date
    patient.sex = traits.sex
    patient.used_name = " ".join(traits.used_name.split()).upper()
    patient.used_first_name = " ".join(traits.used_first_name.split())
    patient.birth_place = traits.birth_place.strip().upper()
    patient.birth_rank = traits.birth_rank
    patient.phone = traits.phone.strip()
    patient.email = traits.email.strip()
    if traits.nir.strip():
        try:
            number = parse_nir(traits.nir).value
        except InvalidIdentifier as problem:
            raise Refused(
                problem.message_fr, todo="Corrigez le numéro, ou laissez-le vide s’il est inconnu.", field="nir"
            ) from problem
        if number != patient.nir:
            patient.nir = number
        patient.nir_index = Patient.index_of_nir(number)
    else:
        patient.nir = patient.nir_index = None


def _index_names(patient: Patient) -> None:
    names = (patient.birth_name, patient.used_name, patient.first_names, patient.used_first_name)
    wanted = identity.name_tokens(*filter(None, names))
    present = set(patient.name_tokens.values_list("token", flat=True))
    patient.name_tokens.filter(token__in=present - wanted).delete()
    PatientNameToken.objects.bulk_create(
        [PatientNameToken(patient=patient, token=token) for token in sorted(wanted - present)], ignore_conflicts=True
    )
