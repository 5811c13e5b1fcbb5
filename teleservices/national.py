"""When the national services are asked of a patient: who they are (INSi). Never twice at once, nor without need."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from admissions.enums import EventKind, InsOutcome
from admissions.models import AdmissionEvent, Patient, Stay
from admissions.rules.identity_status import why_not_asked
from teleservices import planning
from teleservices.enums import OPEN, LimitName
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from teleservices.ruling import limit

#: The patient comes, or is no longer who was asked about.
IDENTITY_EVENTS: Final = frozenset(
    {
        EventKind.STAY_PREADMITTED,
        EventKind.STAY_ADMITTED,
        EventKind.PATIENT_CORRECTED,
        EventKind.IDENTITY_ASKED,
    }
)


def plan(stay: Stay, event: AdmissionEvent) -> None:
    """What this event calls for. Needs the stay's lock."""
    if event.kind in IDENTITY_EVENTS:
        ask_identity(stay, event, force=event.kind == EventKind.IDENTITY_ASKED)


def ask_identity(stay: Stay, event: AdmissionEvent, *, force: bool = False) -> TeleserviceCall | None:
    """INSi, unless it has answered, may not be asked, or is being asked for another stay of this patient.

    `force`: a person wants it, however recent an answer that found nobody.
    """
    if not settings.INSI["url"]:
        return None  # this installation is not connected to it
    patient = Patient.objects.get(pk=stay.patient_id)
    if patient.ins is not None or why_not_asked(
        sex=patient.sex, doubtful=patient.doubtful, fictitious=patient.fictitious
    ):
        return None
    if not force and _answered_lately(patient):
        return None
    asked = TeleserviceCall.objects.filter(stay__patient=patient, operation=Operation.INSI, status__in=OPEN)
    return asked.first() or planning.plan(stay, None, Operation.INSI, event)


def _answered_lately(patient: Patient) -> bool:
    """Its answer stands: a person has it before them, or nobody was found not long ago under the same traits."""
    if patient.ins_outcome == InsOutcome.UNASKED or patient.ins_answered_at is None:
        return False
    if patient.ins_outcome in (InsOutcome.PROPOSED, InsOutcome.REFUSED):
        return True
    return timezone.now() - patient.ins_answered_at < timedelta(seconds=limit(LimitName.IDENTITY_AGAIN))
