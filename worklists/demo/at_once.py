"""Somebody who came this morning without a word, and is still unknown; somebody who has two dossiers."""

from __future__ import annotations

from uuid import uuid4

from accounts.enums import Role
from accounts.models import Establishment
from admissions.enums import Sex, StayKind
from admissions.events import SYSTEM, Actor
from admissions.models import Patient, Unit
from admissions.services import pairs
from admissions.services.at_once import register_unknown
from admissions.services.patients import Traits, create_patient
from worklists.demo.acts import Hospital


def somebody_unknown(hospital: Hospital, establishment: Establishment) -> None:
    """A man of sixty or so, at the emergencies."""
    unit = Unit.objects.filter(establishment=establishment, active=True, name__icontains="urgences").first()
    unit = unit or Unit.objects.filter(establishment=establishment, active=True).order_by("pk")[0]
    actor: Actor = hospital.someone(Role.AGENT, 1)
    register_unknown(establishment, unit, StayKind.EMERGENCY, sex=Sex.MALE, age=60, actor=actor, creation_key=uuid4())


def a_double(establishment: Establishment) -> None:
    """Somebody who came again, and whose name was typed otherwise: two letters exchanged."""
    known = Patient.objects.filter(protection="", incomplete="", establishment=establishment).order_by("pk")
    one = next(patient for patient in known if len(patient.birth_name) > 5 and patient.birth_name.isalpha())
    name = one.birth_name[:2] + one.birth_name[3] + one.birth_name[2] + one.birth_name[4:]
    again = create_patient(Traits(name, one.first_names, one.birth_date, one.sex, phone=one.phone), SYSTEM)
    Patient.objects.filter(pk=again.pk).update(establishment=establishment)
    pairs.look_for(again.pk)
