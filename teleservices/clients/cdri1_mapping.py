"""CDRi contract, version 1: from our messages to the contract's names, and back. Nothing else knows these names.

Written with lxml alone: the batch of the night is a hundred thousand of these, and zeep takes four times as long. The XSD
says what is valid; a test has zeep write and read the same from the WSDL.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from lxml import etree

from gap.identifiers import InvalidIdentifier, parse_nir
from teleservices.clients.errors import InvalidAnswer
from teleservices.clients.soap import ENVELOPE
from teleservices.messages import AnswerHeader
from teleservices.messages_cdri import (
    AmoPerson,
    AmoRights,
    AmoRightsAnswer,
    AmoRightsRequest,
    Coded,
    Doctor,
    Maternity,
    Organisation,
    Outcome,
    Period,
    Sickness,
    WorkAccident,
)

NAMESPACE: Final = "urn:minigap:cdri:1"
_IN: Final = f"{{{NAMESPACE}}}"
_DEFAULT: Final = {None: NAMESPACE}


def request_envelope(request: AmoRightsRequest) -> tuple[etree._Element, etree._Element]:
    """The envelope, and the message in it. Raises ValueError when a value cannot be written in XML."""
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
    body = etree.SubElement(envelope, f"{{{ENVELOPE}}}Body")
    message = etree.SubElement(body, f"{_IN}DroitsRequete", nsmap=_DEFAULT)  # type: ignore[arg-type]
    header, sender = etree.SubElement(message, f"{_IN}EnTete"), request.header
    _add(header, "IdMessage", str(sender.message_id))
    _add(header, "DateEmission", sender.sent_at.isoformat())
    _add(header, "FinessJuridique", sender.finess_legal)
    _add(header, "FinessGeographique", sender.finess_site)
    _add(header, "Logiciel", sender.software_name)
    _add(header, "VersionLogiciel", sender.software_version)
    _add(header, "Mode", sender.mode.value)
    if sender.agent:
        _add(header, "Agent", sender.agent)
    person = etree.SubElement(message, f"{_IN}Beneficiaire")
    _add(person, "NirAssure", request.insured)
    _add(person, "DateNaissance", request.birth_date)
    _add(person, "RangNaissance", str(request.birth_rank))
    if request.regime:
        _add(person, "Regime", request.regime)
    if request.fund:
        _add(person, "Caisse", request.fund)
    if request.centre:
        _add(person, "Centre", request.centre)
    _add(message, "DateSoins", request.care_date.isoformat())
    return envelope, message


def read_answer(payload: etree._Element) -> AmoRightsAnswer:
    """An answer that the XSD finds valid. Raises ValueError on what is no value, InvalidAnswer on a wrong key."""
    header = payload[0]
    code = _text(header, "CodeRetour")
    outcome = _outcome(code)
    found, expires = payload.find(f"{_IN}Droits"), _text(payload, "Expiration")
    return AmoRightsAnswer(
        header=AnswerHeader(
            message_id=UUID(_text(header, "IdMessage")),
            answered_at=_instant(_text(header, "DateReponse")),
            code=code,
            label=_text(header, "LibelleRetour"),
            messages=tuple(one.text or "" for one in header.iterfind(f"{_IN}Message")),
            usable=outcome.answered,
        ),
        outcome=outcome,
        rights=None if found is None else _rights(found),
        expires_at=_instant(expires) if expires else None,
        missing=tuple(one.text or "" for one in payload.iterfind(f"{_IN}Manque")),
    )


def is_complete(answer: AmoRightsAnswer) -> bool:
    """An answer holds what its code announces: the XSD cannot say so."""
    match answer.outcome:
        case Outcome.FOUND:
            rights = answer.rights
            return rights is not None and rights.sickness is not None and answer.expires_at is not None
        case Outcome.PARTIAL:
            return answer.rights is not None and answer.expires_at is not None and bool(answer.missing)
    return answer.rights is None


def _outcome(code: str) -> Outcome:
    try:
        return Outcome(code)
    except ValueError:
        return Outcome.OTHER


def _rights(found: etree._Element) -> AmoRights:
    sickness, doctor = found.find(f"{_IN}Maladie"), found.find(f"{_IN}MedecinTraitant")
    maternity, default = found.find(f"{_IN}Maternite"), found.find(f"{_IN}AccidentParDefaut")
    return AmoRights(
        person=_person(found[0]),
        insured=_nir(_text(found, "NirAssure")),
        sickness=None if sickness is None else _sickness(sickness),
        doctor=None if doctor is None else _doctor(doctor),
        contracts=_coded(found, "ContratParticulier"),
        exonerations=_coded(found, "Exoneration"),
        specificity=_text(found, "Specificite"),
        maternity=None if maternity is None else _maternity(maternity),
        modulations=_coded(found, "Modulation"),
        default_accident=None if default is None else _accident(default),
        accidents=tuple(_accident(one) for one in found.iterfind(f"{_IN}AccidentTravail")),
        situations=_coded(found, "Situation"),
    )


def _person(found: etree._Element) -> AmoPerson:
    return AmoPerson(
        family_name=_text(found, "NomFamille"),
        first_name=_text(found, "Prenom"),
        birth_date=_text(found, "DateNaissance"),
        birth_rank=int(_text(found, "RangNaissance")),
        quality=_text(found, "Qualite"),
        used_name=_text(found, "NomUsage"),
        address=tuple(one.text or "" for one in found.iterfind(f"{_IN}LigneAdresse")),
    )


def _sickness(found: etree._Element) -> Sickness:
    return Sickness(
        _organisation(found[0]), _text(found, "CodeGestion"), _text(found, "PieceJustificative"), _period(found)
    )


def _doctor(found: etree._Element) -> Doctor:
    return Doctor(_text(found, "Nom"), _text(found, "Prenom"), _text(found, "NumeroAm"), _period(found))


def _maternity(found: etree._Element) -> Maternity:
    return Maternity(
        _period(found), _day(found, "DebutGrossesse"), _day(found, "Accouchement"), _organisation_in(found)
    )


def _accident(found: etree._Element) -> WorkAccident:
    return WorkAccident(_period(found), _text(found, "Identifiant"), _organisation_in(found))


def _coded(found: etree._Element, name: str) -> tuple[Coded, ...]:
    return tuple(Coded(_text(one, "Code"), _period(one)) for one in found.iterfind(_IN + name))


def _organisation_in(found: etree._Element) -> Organisation | None:
    inside = found.find(f"{_IN}Organisme")
    return None if inside is None else _organisation(inside)


def _organisation(found: etree._Element) -> Organisation:
    return Organisation(_text(found, "Regime"), _text(found, "Caisse"), _text(found, "Centre"))


def _period(found: etree._Element) -> Period:
    """Raises ValueError when it ends before it starts."""
    inside = found.find(f"{_IN}Periode")
    assert inside is not None  # the XSD
    period = Period(date.fromisoformat(_text(inside, "Du")), _day(inside, "Au"))
    if period.end is not None and period.end < period.start:
        raise ValueError("a period ends before it starts")
    return period


def _nir(text: str) -> str:
    try:
        return parse_nir(text).value
    except InvalidIdentifier:
        raise InvalidAnswer("wrong_key") from None


def _day(found: etree._Element, name: str) -> date | None:
    text = _text(found, name)
    return date.fromisoformat(text) if text else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(found: etree._Element, name: str) -> str:
    return found.findtext(_IN + name) or ""


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _IN + name).text = text
