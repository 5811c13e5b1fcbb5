"""INSi, above the wire: what is asked of a patient's identity, and what becomes of each answer."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from admissions.enums import InsOutcome, InsSource
from admissions.models import Patient
from admissions.rules.identity_status import StrictTraits, why_not_asked
from admissions.services import identity
from admissions.services.identity import FormerIns, FoundIdentity
from gap.crypto import blind_index
from teleservices import planning
from teleservices.handlers import NotConfigured, NothingToAsk
from teleservices.messages import Operation
from teleservices.messages_insi import Found, IdentityAnswer, InsiHeader, TraitsRequest
from teleservices.models import TeleserviceCall
from teleservices.rules.insi import following, questions, settled

_SAID = {Found.NONE: InsOutcome.NONE, Found.SEVERAL: InsOutcome.SEVERAL}


class IdentityHandler:
    """One call is one try of the specification's series. `parameters`: `try` (from 0), `met` (codes so far), `about`."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, TraitsRequest]:
        """Raises NothingToAsk: it is known, or may not be asked any more. Raises NotConfigured."""
        if not settings.INSI["url"]:
            raise NotConfigured("insi_url_missing")
        patient = Patient.objects.get(pk=call.stay.patient_id)
        if patient.ins is not None or why_not_asked(
            sex=patient.sex, doubtful=patient.doubtful, fictitious=patient.fictitious
        ):
            raise NothingToAsk("identity_settled")
        tries = questions(patient.first_names, patient.birth_place)
        number = call.parameters.get("try", 0)
        if not tries or number >= len(tries):
            raise NothingToAsk("identity_settled")
        asked = tries[number]
        call.parameters = {"try": number, "met": call.parameters.get("met", []), "about": about(patient)}
        header = InsiHeader(call.message_id, sent_at, settings.SOFTWARE_NAME, settings.SOFTWARE_VERSION)
        return settings.INSI["url"], TraitsRequest(
            header,
            birth_name=patient.birth_name,
            first_name=asked.first_name.upper(),
            sex=patient.sex,
            birth_date=patient.birth_date.isoformat(),
            birth_place=patient.birth_place if asked.with_place else "",
        )

    def apply(self, call: TeleserviceCall, answer: IdentityAnswer) -> None:
        """One is found: it is the patient's, or a person compares. Else the next try; after the last, it is said."""
        patient = Patient.objects.get(pk=call.stay.patient_id)
        if call.parameters.get("about") != about(patient):
            return  # corrected meanwhile: the correction asks for itself
        asked = identity.strict_traits(patient)
        if answer.outcome == Found.ONE:
            found = found_identity(answer)
            identity.found(patient.pk, found, asked=asked, message_id=call.message_id, at=answer.header.answered_at)
            return
        number, met = call.parameters["try"], [*call.parameters["met"], str(answer.outcome)]
        tries = questions(patient.first_names, patient.birth_place)
        if (again := following(number, answer.outcome, len(tries))) is not None:
            planning.plan(
                call.stay, None, Operation.INSI, call.event, parameters={"try": again, "met": met}, follows=call
            )
            return
        outcome = _SAID[settled([Found(code) for code in met])]
        identity.not_found(patient.pk, outcome, asked=asked, message_id=call.message_id, at=timezone.now())


def found_identity(answer: IdentityAnswer) -> FoundIdentity:
    """The answer in the words of the identity."""
    assert answer.active is not None
    traits = StrictTraits(
        answer.birth_name, answer.first_names, answer.birth_date, answer.sex, answer.birth_place.upper()
    )
    former = tuple(FormerIns(one.value, one.oid, one.valid_from, one.valid_until) for one in answer.former)
    return FoundIdentity(answer.active.value, answer.active.oid, traits, InsSource.TRAITS, former)


def about(patient: Patient) -> str:
    """A keyed digest of the traits that are asked about: says whether they changed, and nothing of them."""
    return blind_index(json.dumps(asdict(identity.strict_traits(patient))), "insi.about")
