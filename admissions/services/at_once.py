"""People registered before it is known who they are: somebody who cannot say, a child who has just been born.

They are cared for, and billed, from the first minute; what is missing is a task that somebody sees until it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import CoverageKind, CoverageSource, EventKind, IdentityAct, Incomplete, StayKind
from admissions.errors import Refused
from admissions.events import Actor, record_event
from admissions.models import Stay, Unit
from admissions.querysets import coverages_on
from admissions.rules.at_once import NO_FIRST_NAME, UNKNOWN_NAME, estimated_birth, standing_in
from admissions.services import coverage, identity, stays
from admissions.services.names import index_names
from admissions.services.patients import Traits, create_patient


@dataclass(frozen=True, slots=True)
class Birth:
    """A child, as it is seen in the delivery room. `first_names`: empty until they are declared."""

    born_at: datetime
    sex: str
    birth_name: str
    first_names: str = ""
    rank: int = 1


@transaction.atomic
def register_unknown(
    establishment: Establishment,
    unit: Unit,
    kind: StayKind,
    *,
    sex: str,
    age: int,
    actor: Actor,
    creation_key: UUID,
) -> Stay:
    """Somebody is here who cannot say who they are: a dossier under an invented name, and their stay. Raises Refused.

    `age`: guessed, in years. The identity is fictitious until it is corrected: no service is asked about it. The same
    `creation_key` gives the same stay again.
    """
    now = timezone.now()
    born = estimated_birth(age, timezone.localdate())
    patient = create_patient(Traits(UNKNOWN_NAME, "Inconnu", born, sex), actor, creation_key=creation_key)
    if not patient.incomplete:
        # The number that tells two of them apart is known once the dossier has its own.
        patient.first_names = standing_in(int(patient.ipp))
        patient.incomplete, patient.incomplete_since = Incomplete.UNKNOWN, now
        patient.save()
        index_names(patient)
        patient = identity.report(patient.pk, IdentityAct.FICTITIOUS, "patient inconnu", actor)
    plan = stays.StayPlan(kind=kind, unit=unit, planned_start_at=now)
    stay = stays.preadmit(patient, establishment, plan, actor, creation_key=uuid5(NAMESPACE_OID, str(creation_key)))
    return stays.admit(stay.pk, stay.planned_start_at, actor)


@transaction.atomic
def register_birth(stay_id: int, birth: Birth, actor: Actor) -> Stay:
    """A child is born during this stay: a dossier, a stay of its own, and the rights of its mother. Raises Refused."""
    mother_stay = stays.locked(stay_id)
    mother = mother_stay.patient
    day = timezone.localdate(birth.born_at)
    traits = Traits(
        birth.birth_name,
        birth.first_names or NO_FIRST_NAME,
        day,
        birth.sex,
        nir=mother.nir or "",
        birth_rank=birth.rank,
    )
    child = create_patient(traits, actor)
    child.mother = mother
    if not birth.first_names:
        child.incomplete, child.incomplete_since = Incomplete.NEWBORN, timezone.now()
    try:
        with transaction.atomic():
            child.save()
    except IntegrityError as problem:
        if "one_child_a_rank" not in str(problem):
            raise
        raise Refused(
            f"Un enfant de rang {birth.rank} est déjà né ce jour-là de cette patiente.",
            todo="Pour un jumeau, donnez le rang suivant.",
            field="rank",
        ) from problem
    plan = stays.StayPlan(kind=StayKind.FULL, unit=mother_stay.unit, planned_start_at=birth.born_at)
    stay = stays.preadmit(child, mother_stay.establishment, plan, actor, occurred_at=birth.born_at)
    stay = stays.admit(stay.pk, birth.born_at, actor)
    for theirs in coverages_on(mother.pk, day, CoverageKind.AMO):
        coverage.declare_coverage(
            stay,
            theirs.debtor,
            actor,
            valid_from=day,
            valid_until=theirs.valid_until,
            rank=theirs.rank,
            source=CoverageSource.BIRTH,
            particular={"insured": theirs.insured or mother.nir},
        )
    record_event(mother_stay, EventKind.BIRTH_REGISTERED, actor, occurred_at=birth.born_at, detail={"stay": stay.iep})
    return stay
