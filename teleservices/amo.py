"""CDRi, above the wire: what is asked of the AMO about a patient, and its answer in the words of the admissions."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

from django.conf import settings

from admissions.enums import AmoOutcome, CoverageKind, Protection, StayStatus
from admissions.models import Patient
from admissions.querysets import care_date, coverages_on
from admissions.rules.amo import Period
from admissions.services import amo
from gap.crypto import blind_index
from teleservices.handlers import NotConfigured, NothingToAsk
from teleservices.messages import AnswerHeader, Operation
from teleservices.messages_cdri import (
    AmoRights,
    AmoRightsAnswer,
    AmoRightsRequest,
    CdriHeader,
    Coded,
    Mode,
    Outcome,
)
from teleservices.models import TeleserviceCall
from teleservices.rights import received_at

_OUTCOMES: Final = {
    Outcome.FOUND: AmoOutcome.FOUND,
    Outcome.PARTIAL: AmoOutcome.PARTIAL,
    Outcome.NOT_FOUND: AmoOutcome.NONE,
    Outcome.SEVERAL: AmoOutcome.SEVERAL,
}


def why_no_rights(patient: Patient) -> str:
    """Why the AMO can't be asked about somebody; "" when it can."""
    if not patient.nir:
        return "nir_unknown"
    if patient.fictitious or patient.doubtful:
        return "identity_unsure"
    return ""


def about(patient: Patient) -> str:
    """A keyed digest of what a question names: says whether it changed, and nothing of it."""
    named = [patient.nir or "", patient.birth_date.isoformat(), patient.birth_rank]
    return blind_index(json.dumps(named), "cdri.about")


class AmoHandler:
    """`parameters`: `batch` (no agent asks), then `about` and `day`, what was asked."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, AmoRightsRequest]:
        """Raises NothingToAsk: the stay is no more, or nobody could be found. Raises NotConfigured."""
        if not settings.CDRI["url"]:
            raise NotConfigured("cdri_url_missing")
        stay = call.stay
        if stay.status == StayStatus.CANCELLED:
            raise NothingToAsk("stay_cancelled")
        patient = Patient.objects.get(pk=stay.patient_id)
        if patient.protection == Protection.SECRET:
            raise NothingToAsk("kept_secret")
        if reason := why_no_rights(patient):
            raise NothingToAsk(reason)
        assert patient.nir
        day = care_date(stay)
        call.parameters = call.parameters | {"about": about(patient), "day": day.isoformat()}
        agent = "" if call.parameters.get("batch") else _agent(call)
        header = CdriHeader(
            message_id=call.message_id,
            sent_at=sent_at,
            finess_legal=stay.establishment.finess_legal,
            finess_site=stay.establishment.finess_site,
            software_name=settings.SOFTWARE_NAME,
            software_version=settings.SOFTWARE_VERSION,
            mode=Mode.UNIT if agent else Mode.BATCH,
            agent=agent,
        )
        return settings.CDRI["url"], AmoRightsRequest(
            header,
            insured=patient.nir,
            birth_date=patient.birth_date.isoformat(),
            care_date=day,
            birth_rank=patient.birth_rank,
            **_declared(patient, day),
        )

    def apply(self, call: TeleserviceCall, answer: AmoRightsAnswer) -> None:
        """Kept whole; what the rules take of it is in force at once. About somebody corrected meanwhile: not theirs."""
        patient = Patient.objects.get(pk=call.stay.patient_id)
        if call.parameters.get("about") != about(patient):
            return  # the correction asks for itself
        amo.received(call.stay, said_by(call, answer))


def _declared(patient: Patient, day: date) -> dict[str, str]:
    """The caisse that we have, in the three numbers of the norm."""
    held = coverages_on(patient.pk, day, CoverageKind.AMO).first()
    if held is None:
        return {}
    debtor = held.debtor
    return {"regime": debtor.amo_regime, "fund": debtor.amo_fund, "centre": debtor.amo_centre}


def note_closed(call: TeleserviceCall, header: AnswerHeader) -> None:
    """The service is closed: said on the dossier, until it answers."""
    if call.operation == Operation.CDRI and header.code == Outcome.CLOSED:
        amo.received(call.stay, _said(call, AmoOutcome.CLOSED, header))


def said_by(call: TeleserviceCall, answer: AmoRightsAnswer) -> amo.AmoSaid:
    """An answer of the contract in the words of the admissions."""
    rights = answer.rights
    more: dict[str, Any] = {"expires_at": answer.expires_at, "missing": answer.missing}
    if rights is not None:
        sickness = rights.sickness
        more |= {
            "content": json.loads(json.dumps(asdict(rights), default=str)),
            "insured": rights.insured,
            "quality": rights.person.quality,
            "periods": tuple(_periods(rights)),
        }
        if sickness is not None:
            where = sickness.organisation
            more |= {
                "organisation": (where.regime, where.fund, where.centre),
                "piece": sickness.proof,
                "rights_from": sickness.period.start,
                "rights_until": sickness.period.end,
            }
    return _said(call, _OUTCOMES[answer.outcome], answer.header, **more)


def _said(call: TeleserviceCall, outcome: AmoOutcome, header: AnswerHeader, **more: Any) -> amo.AmoSaid:
    return amo.AmoSaid(
        outcome=outcome,
        message_id=call.message_id,
        about=call.parameters["about"],
        care_date=date.fromisoformat(call.parameters["day"]),
        answered_at=received_at(call),
        code=header.code,
        label=header.label,
        **more,
    )


def _periods(rights: AmoRights) -> list[Period]:
    lists: list[tuple[str, tuple[Coded, ...]]] = [
        ("ETM", rights.exonerations),
        ("MTM", rights.modulations),
        ("SP", rights.situations),
        ("CP", rights.contracts),
    ]
    found = [Period(name, one.code, one.period.start, one.period.end) for name, codes in lists for one in codes]
    if rights.maternity is not None and not any((one.list, one.code) == ("ETM", "6") for one in found):
        # 03.06 says the same as the code 6 of 03.05.
        found.append(Period("ETM", "6", rights.maternity.period.start, rights.maternity.period.end))
    return found


def _agent(call: TeleserviceCall) -> str:
    """Who asks: the account of the person behind the event; nobody for a program or the night."""
    who = call.event.created_by
    return who.get_username()[:30] if who else ""
