"""What a person does of a call: say that its refusal is handled."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from admissions.enums import EventKind
from admissions.errors import Refused
from admissions.events import Actor, record_event
from admissions.models import Stay
from teleservices.enums import CallStatus, Disposition
from teleservices.models import TeleserviceCall


@transaction.atomic
def patient_informed(call_id: int, actor: Actor) -> TeleserviceCall:
    """The patient was told what the payer refused: nothing more is asked of anybody. Saying it twice is once."""
    stay_id = TeleserviceCall.objects.values_list("stay_id", flat=True).get(pk=call_id)
    stay = Stay.objects.select_for_update().get(pk=stay_id)
    call = TeleserviceCall.objects.select_for_update(of=("self",)).get(pk=call_id)
    if call.handled_at is not None or call.superseded_at is not None:
        return call
    if call.status != CallStatus.REFUSED or call.disposition != Disposition.INFORM_PATIENT:
        raise Refused("Cet appel ne demande pas de prévenir le patient.", todo="Rechargez la page.")
    call.handled_at, call.handled_by = timezone.now(), actor.user
    call.save(update_fields=["handled_at", "handled_by"])
    record_event(stay, EventKind.PATIENT_INFORMED, actor, detail={"call": call.pk, "code": call.return_code})
    return call
