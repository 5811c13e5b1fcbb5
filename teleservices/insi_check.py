"""Verification of a matricule that we hold: is it still this person's?"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from admissions.models import Patient
from admissions.services import identity
from teleservices.handlers import NotConfigured, NothingToAsk
from teleservices.messages_insi import CheckAnswer, CheckRequest, InsiHeader
from teleservices.models import TeleserviceCall


class CheckHandler:
    """`parameters`: `of`, the blind index of the matricule that was verified."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, CheckRequest]:
        """Raises NothingToAsk: there is no matricule any more. Raises NotConfigured."""
        if not settings.INSI["url"]:
            raise NotConfigured("insi_url_missing")
        patient = Patient.objects.get(pk=call.stay.patient_id)
        if patient.ins is None:
            raise NothingToAsk("identity_settled")
        call.parameters = call.parameters | {"of": patient.ins_index}
        header = InsiHeader(call.message_id, sent_at, settings.SOFTWARE_NAME, settings.SOFTWARE_VERSION)
        return settings.INSI["url"], CheckRequest(
            header,
            ins=patient.ins,
            oid=patient.ins_oid,
            birth_name=patient.birth_name,
            first_names=patient.first_names.upper(),
            sex=patient.sex,
            birth_date=patient.birth_date.isoformat(),
            birth_place=patient.birth_place,
        )

    def apply(self, call: TeleserviceCall, answer: CheckAnswer) -> None:
        """Confirmed: dated. Not confirmed: the identity falls back, the matricule stays in its history."""
        patient = Patient.objects.get(pk=call.stay.patient_id)
        if patient.ins is not None and call.parameters.get("of") == patient.ins_index:
            identity.verified(patient.pk, patient.ins, answer.same, message_id=call.message_id, at=timezone.now())
