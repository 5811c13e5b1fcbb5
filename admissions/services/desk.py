"""What the desk does beside the stay itself: an identity checked on a document, a demand taken back."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from admissions.enums import EventKind, IdentityStatus, RequestCode, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import Actor, record_event
from admissions.models import Patient, Stay


def check_identity(patient_id: int, actor: Actor, *, version: int) -> Patient:
    """An identity document was seen: provisional becomes validated (RNIV), retrieved becomes qualified. Once.

    Raises Conflict when the traits were saved by somebody else since they were compared with the document.
    """
    after = {
        IdentityStatus.PROVISIONAL: IdentityStatus.VALIDATED,
        IdentityStatus.RETRIEVED: IdentityStatus.QUALIFIED,
    }
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=patient_id)
        current = IdentityStatus(patient.identity_status)
        if current not in after:
            return patient
        if patient.version != version:
            raise Conflict(
                "L’identité a été corrigée par quelqu’un d’autre depuis que vous l’avez lue.",
                todo="Relisez-la avec la pièce d’identité, puis validez.",
            )
        patient.identity_status = after[current]
        patient.version += 1
        patient.save(update_fields=["identity_status", "version"])
        for stay in patient.stays.filter(status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED]):
            record_event(stay, EventKind.PATIENT_CORRECTED, actor, detail={"identity": str(patient.identity_status)})
    return patient


def stop_request(stay_id: int, code: RequestCode, actor: Actor, last_day: date | None = None) -> None:
    """The patient no longer wants it. What has not begun never was; else it ends on `last_day` (today by default)."""
    with transaction.atomic():
        stay = Stay.objects.select_for_update().get(pk=stay_id)
        if not stay.is_open:
            raise Refused("Ce séjour est terminé : ses demandes ne se modifient plus.")
        request = stay.requests.filter(code=code, ends_on__isnull=True).first()
        if request is None:
            return
        day = last_day or timezone.localdate()
        # Asked and taken back the same day, or before the patient came: no night was spent on it.
        if stay.status == StayStatus.PREADMITTED or day <= request.starts_on:
            request.delete()
        else:
            request.ends_on = day
            request.save(update_fields=["ends_on"])
        stay.version += 1
        stay.updated_by = actor.user
        stay.save()
        record_event(stay, EventKind.REQUEST_ENDED, actor, detail={"code": str(code)})
