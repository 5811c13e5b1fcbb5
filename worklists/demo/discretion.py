"""A few protected dossiers of the demonstration hospital, and who opened them."""

from __future__ import annotations

from accounts.enums import Role
from accounts.models import Establishment, User
from admissions.enums import GlassReason, Protection, StayStatus
from admissions.events import Actor
from admissions.models import Patient, Stay
from admissions.services import glass

_PROTECTED = (Protection.STAFF, Protection.EXPOSED, Protection.ANONYMOUS)
#: Whose agent, why, and in which words.
_OPENED = (
    (Role.AGENT, GlassReason.RECEPTION, ""),
    (Role.CASHIER, GlassReason.BILLING, ""),
    (Role.AGENT, GlassReason.OTHER, "appel du secrétariat, rendez-vous introuvable"),
)


def keep_secrets(establishment: Establishment) -> None:
    """Patients whose stays are over: nothing of what the lists show is about them any more."""
    over = Stay.objects.filter(establishment=establishment, status=StayStatus.CLOSED)
    busy = Stay.objects.filter(establishment=establishment).exclude(status=StayStatus.CLOSED)
    people = Patient.objects.filter(pk__in=over.values("patient")).exclude(pk__in=busy.values("patient"))
    referent = _somebody(establishment, Role.REFERENT)
    chosen = zip(people.order_by("pk")[: len(_PROTECTED)], _PROTECTED, _OPENED, strict=False)
    for patient, protection, (role, reason, words) in chosen:
        kept = glass.protect(patient.pk, protection, Actor(user=referent), version=patient.version)
        if somebody := _somebody(establishment, role):
            glass.break_glass(kept, somebody, reason, words)


def _somebody(establishment: Establishment, role: Role) -> User | None:
    found = User.objects.filter(role_assignments__establishment=establishment, role_assignments__role=role)
    return found.order_by("pk").first()
