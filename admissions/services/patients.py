"""Create and correct a patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from admissions.enums import EventKind, Incomplete
from admissions.errors import Conflict, Refused
from admissions.events import Actor, record_event
from admissions.models import Patient
from admissions.rules import identity
from admissions.rules.at_once import still_incomplete
from admissions.services.identity import OPEN_STAYS, check_document, is_locked, strict_traits, traits_changed
from admissions.services.names import index_names
from gap.identifiers import InvalidIdentifier, parse_nir
from gap.locks import hold_for_transaction


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


def create_patient(traits: Traits, actor: Actor, *, creation_key: UUID | None = None, document: str = "") -> Patient:
    """Create a patient; the same `creation_key` gives the same patient again. Raises Refused.

    `document`: the kind of document that the traits were copied from; a trusted one validates the identity.

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
        index_names(patient)
        if document:
            patient = check_document(patient.pk, document, actor, version=patient.version)
    return patient


def correct_patient(
    patient_id: int, traits: Traits, actor: Actor, *, version: int, reason: str = "", document: str = ""
) -> Patient:
    """Correct an identity. What was sure of it no longer is: neither the matricule nor the document stays.

    `reason`: why the strict traits of a retrieved or qualified identity are opened, empty for anybody else's.
    `document`: the kind of document that the new traits were copied from, which validates them at once if it is trusted.
    Raises Conflict if somebody saved since `version`, Refused if the traits are locked and no reason is given.
    """
    checked = _checked(traits)
    with transaction.atomic():
        patient = Patient.objects.select_for_update(of=("self",), no_key=True).get(pk=patient_id)
        if patient.version != version:
            raise Conflict(
                "Ce dossier a été enregistré par quelqu’un d’autre pendant votre saisie.",
                kept="Votre saisie est gardée à l’écran ; rien n’a été écrasé.",
                todo="Comparez les deux valeurs, puis enregistrez de nouveau.",
            )
        before, nir_before, locked = strict_traits(patient), patient.nir, is_locked(patient)
        _write(patient, checked)
        changed = before != strict_traits(patient)
        if changed and locked and not reason:
            raise Refused(
                "Les traits stricts d’une identité récupérée ou qualifiée sont verrouillés.",
                todo="Signalez le doute à la cellule d’identitovigilance.",
            )
        if changed:
            traits_changed(patient, before, actor, reason)
        if patient.incomplete and not still_incomplete(patient.incomplete, patient.birth_name, patient.first_names):
            # What stood in for a name is there no more: the identity is a real one.
            patient.fictitious = patient.fictitious and patient.incomplete != Incomplete.UNKNOWN
            patient.incomplete, patient.incomplete_since = Incomplete.NONE, None
        patient.version += 1
        patient.save()
        index_names(patient)
        if changed or nir_before != patient.nir:
            for stay in patient.stays.filter(status__in=OPEN_STAYS):
                record_event(stay, EventKind.PATIENT_CORRECTED, actor)
        if document:
            patient = check_document(patient.pk, document, actor, version=patient.version)
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
