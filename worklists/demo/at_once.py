"""Somebody who came this morning without a word, and is still unknown."""

from __future__ import annotations

from uuid import uuid4

from accounts.enums import Role
from accounts.models import Establishment
from admissions.enums import Sex, StayKind
from admissions.events import Actor
from admissions.models import Unit
from admissions.services.at_once import register_unknown
from worklists.demo.acts import Hospital


def somebody_unknown(hospital: Hospital, establishment: Establishment) -> None:
    """A man of sixty or so, at the emergencies."""
    unit = Unit.objects.filter(establishment=establishment, active=True, name__icontains="urgences").first()
    unit = unit or Unit.objects.filter(establishment=establishment, active=True).order_by("pk")[0]
    actor: Actor = hospital.someone(Role.AGENT, 1)
    register_unknown(establishment, unit, StayKind.EMERGENCY, sex=Sex.MALE, age=60, actor=actor, creation_key=uuid4())
