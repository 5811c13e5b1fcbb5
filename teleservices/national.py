"""When the national services are asked of a patient: who they are (INSi), what the AMO owes them (CDRi).

Never twice at once, nor without need.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from admissions.enums import AmoOutcome, EventKind, InsOutcome, Protection
from admissions.models import AdmissionEvent, AmoAnswer, Patient, Stay
from admissions.querysets import care_date
from admissions.rules.amo import rights_open
from admissions.rules.identity_status import why_not_asked
from teleservices import planning
from teleservices.amo import about, why_no_rights
from teleservices.enums import OPEN, BatchKind, Lane, LimitName
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
#: The patient comes, goes (before a bill leaves), is looked for otherwise, or comes on another day.
RIGHTS_EVENTS: Final = frozenset(
    {
        EventKind.STAY_PREADMITTED,
        EventKind.STAY_ADMITTED,
        EventKind.STAY_DISCHARGED,
        EventKind.STAY_CORRECTED,
        EventKind.PATIENT_CORRECTED,
        EventKind.RIGHTS_ASKED_AGAIN,
    }
)
_FOUND: Final = (AmoOutcome.FOUND, AmoOutcome.PARTIAL)


def plan(stay: Stay, event: AdmissionEvent) -> None:
    """What this event calls for. Needs the stay's lock."""
    if event.kind in RIGHTS_EVENTS:
        ask_rights(stay, event, force=event.kind == EventKind.RIGHTS_ASKED_AGAIN)
    if event.kind in IDENTITY_EVENTS:
        by_hand = event.kind == EventKind.IDENTITY_ASKED
        ask_identity(stay, event, force=by_hand)
        verify_identity(stay, event, force=by_hand)


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


def ask_rights(
    stay: Stay, event: AdmissionEvent, *, force: bool = False, batch: bool = False
) -> TeleserviceCall | None:
    """CDRi, unless nobody could be found, an answer in its validity is held, or it is being asked for this patient.

    `force`: a person wants it, however recent an answer. `batch`: nobody waits for it, and no agent asks it.
    """
    if not settings.CDRI["url"]:
        return None  # this installation is not connected to it
    patient = Patient.objects.get(pk=stay.patient_id)
    if never_asked(patient):
        return None
    if not force and rights_are_known(patient, stay):
        return None
    asked = TeleserviceCall.objects.filter(stay__patient=patient, operation=Operation.CDRI, status__in=OPEN)
    return asked.first() or planning.plan(
        stay,
        None,
        Operation.CDRI,
        event,
        parameters={"batch": True} if batch else None,
        lane=Lane.BATCH if batch else None,
    )


def never_asked(patient: Patient) -> str:
    """Why the AMO is told nothing of somebody; "" when it is."""
    return "kept_secret" if patient.protection == Protection.SECRET else why_no_rights(patient)


def rights_are_known(patient: Patient, stay: Stay) -> bool:
    """The last answer was about this person, and still holds for this stay; or nobody was found not long ago."""
    last = settled_answers().filter(patient=patient).first()
    return last is not None and holds(last, patient, stay)


def settled_answers() -> QuerySet[AmoAnswer]:
    """Answers of a service that was open, without what is sealed in them."""
    return AmoAnswer.objects.exclude(outcome=AmoOutcome.CLOSED).defer("content", "insured")


def holds(last: AmoAnswer, patient: Patient, stay: Stay) -> bool:
    """Whether the last answer spares another question."""
    if last.about != about(patient):
        return False
    now = timezone.now()
    if last.outcome not in _FOUND:
        return now - last.answered_at < timedelta(seconds=limit(LimitName.RIGHTS_AGAIN))
    assert last.expires_at is not None
    day = care_date(stay)
    return now < last.expires_at and (
        last.care_date == day or rights_open(last.rights_from, last.rights_until, day) is True
    )


def verify_identity(stay: Stay, event: AdmissionEvent, *, force: bool = False) -> TeleserviceCall | None:
    """INSi, about the matricule that is held, unless it was confirmed lately (`force`: even so)."""
    patient = Patient.objects.get(pk=stay.patient_id)
    if not settings.INSI["url"] or patient.ins is None or (lately_verified(patient) and not force):
        return None
    asked = TeleserviceCall.objects.filter(stay__patient=patient, operation=Operation.INSV, status__in=OPEN)
    return asked.first() or planning.plan(stay, None, Operation.INSV, event)


def lately_verified(patient: Patient) -> bool:
    age = timedelta(seconds=limit(LimitName.INS_AGAIN))
    return patient.ins_answered_at is not None and timezone.now() - patient.ins_answered_at < age


def connected(kind: BatchKind) -> bool:
    """Whether this installation is connected to the service that such a batch asks."""
    return bool((settings.CDRI if kind == BatchKind.RIGHTS else settings.INSI)["url"])
