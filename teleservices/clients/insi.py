"""Client of the national identity service (INSi): SOAP 1.2, a software certificate, the service's own names.

zeep builds the messages from a local contract; what comes back is read by the XSD, wider than the service's own: real
answers do not always respect it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import zeep
import zeep.exceptions
from lxml import etree

from gap.identifiers import InvalidIdentifier, parse_nir
from teleservices.clients.addresses import NOWHERE, AddressPolicy
from teleservices.clients.credentials import Credentials
from teleservices.clients.errors import AnswerLost, CallError, ConfigurationError, InvalidAnswer, Refused
from teleservices.clients.roc1 import load_contract
from teleservices.clients.soap import ENVELOPE_12, Schema, parse_envelope, payload_of
from teleservices.clients.transport import Dated, HttpAnswer, Limits, MutualTlsTransport
from teleservices.messages import AnswerHeader, Exchange, Operation
from teleservices.messages_insi import (
    CheckAnswer,
    CheckRequest,
    Found,
    IdentityAnswer,
    IdentityRequest,
    Matricule,
    TraitsRequest,
    VitaleRequest,
)

CONTRACT: Final = Path(__file__).resolve().parent.parent / "contracts" / "insi"
ACTION: Final = "urn:ServiceIdentiteCertifiee:1.0.0:"
_BINDING: Final = "{http://www.cnamts.fr/webservice}ICIRServiceBinding"
_RESULT: Final = "{http://www.cnamts.fr/INSiResultat}"
_BY_TRAITS, _BY_VITALE, _CHECK = "rechercherInsAvecTraitsIdentite", "rechercherInsAvecCarteVitale", "verifierIns"
_CHECKED: Final = "{urn:minigap:insi:verification:1}"
# Said in the detail of a fault: the software, its certificate or its level of access is refused, whatever is asked.
_OUR_SETTINGS: Final = ("desir_55", "desir_56", "siram_1")


@dataclass(frozen=True, slots=True)
class InsiConfig:
    """Who we are, where we may go, and limits (seconds, bytes). `authorisation`: the number of our software (IDAM).

    `believed`: whether a matricule of this OID may be kept.
    """

    credentials: Credentials
    authorisation: str
    believed: Callable[[str], bool]
    addresses: AddressPolicy = NOWHERE
    timeout_connect: float = 3
    timeout_read: float = 10
    timeout_total: float = 20
    max_answer_bytes: int = 256 * 1024
    dated: Dated | None = None


class InsiClient:
    """Safe from several threads; keeps its connections."""

    def __init__(self, config: InsiConfig) -> None:
        limits = Limits(config.timeout_connect, config.timeout_read, config.timeout_total, config.max_answer_bytes)
        self._config = config
        self._transport = MutualTlsTransport(config.credentials, limits, config.addresses, config.dated)
        self._result = Schema(CONTRACT / "resultat.xsd")
        self._requests = {
            TraitsRequest: Schema(CONTRACT / "recsans.xsd"),
            VitaleRequest: Schema(CONTRACT / "recvitale.xsd"),
            CheckRequest: Schema(CONTRACT / "verif.xsd"),
        }
        self._zeep = load_contract(CONTRACT / "insi.wsdl")
        self._proxy = self._zeep.create_service(_BINDING, "https://localhost/lps")

    def build(self, operation: Operation, request: IdentityRequest) -> bytes:
        """The message as it will leave. Raises Refused when it breaks the contract."""
        name, fields = _body(request)
        at = request.header.sent_at.isoformat(timespec="seconds")
        frame = {"Id": str(request.header.message_id), "Temps": at, "Emetteur": request.header.software_name}
        software = {
            "IDAM": {"_value_1": self._config.authorisation, "R": "4"},
            "Version": request.header.software_version,
            "Instance": str(request.header.message_id),
            "Nom": request.header.software_name,
        }
        headers = {
            "NO1_ContexteLPS": {**frame, "LPS": software, "Nature": "CTXLPS", "Version": "01_00"},
            "NO1_MessageID": f"urn:uuid:{request.header.message_id}",
            "NO1_ContexteBAM": {**frame, "COUVERTURE": {}, "Nature": "CTXBAM", "Version": "01_02"},
        }
        try:
            envelope: etree._Element = self._zeep.create_message(self._proxy, name, _soapheaders=headers, **fields)
        except (zeep.exceptions.Error, ValueError, TypeError):
            # From None: the message of these errors may repeat a value.
            raise Refused("invalid_request") from None
        fault = self._requests[type(request)].fault_in(payload_of(envelope, ENVELOPE_12))
        if fault is not None:
            raise Refused("invalid_request", field=fault)
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)

    def send(self, operation: Operation, url: str, message: bytes, message_id: UUID) -> Exchange:
        """Carry a built message and read its answer. Raises a CallError (see `errors`)."""
        started = time.monotonic()
        received = b""
        status: int | None = None
        searched = _BY_VITALE if b"RECVITALE" in message else _BY_TRAITS
        action = ACTION + (_CHECK if operation == Operation.INSV else searched)
        try:
            raw = self._transport.post(url, message, _headers(action))
            status, received = raw.status, raw.body
            answer = self._read(raw, message_id, operation)
        except CallError as error:
            error.request_xml = message
            error.response_xml = error.response_xml or received
            error.http_status = status if error.http_status is None else error.http_status
            error.duration_ms = error.duration_ms or round((time.monotonic() - started) * 1000)
            raise
        return Exchange(answer, raw.status, message, received, raw.duration_ms)

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _read(
        self, raw: HttpAnswer, message_id: UUID, operation: Operation = Operation.INSI
    ) -> IdentityAnswer | CheckAnswer:
        check = operation == Operation.INSV
        payload = self._payload(raw, f"{_CHECKED}VERIFRESULTAT" if check else f"{_RESULT}RESULTAT")
        schema = self._requests[CheckRequest] if check else self._result
        fault = schema.fault_in(payload)
        if fault is not None:
            raise InvalidAnswer("breaks_the_contract", field=fault)
        if check:
            return read_check(payload, message_id)
        return read_result(payload, message_id, self._config.believed)

    def _payload(self, raw: HttpAnswer, expected: str) -> etree._Element:
        try:
            payload = payload_of(parse_envelope(raw.body, ENVELOPE_12), ENVELOPE_12)
        except InvalidAnswer:
            if raw.status == 200:
                raise
            raise _failure_of_status(raw.status) from None
        if payload.tag == f"{{{ENVELOPE_12}}}Fault":
            raise fault_of(payload)
        if raw.status != 200:
            raise _failure_of_status(raw.status)
        if payload.tag != expected:
            raise InvalidAnswer("other_answer")
        return payload


def fault_of(fault: etree._Element) -> CallError:
    """What a SOAP 1.2 fault of the service means. Its codes name no person; its sentences may, and are not read."""
    said = [str(element.get("code") or "") for element in fault.iter("{urn:siram}Erreur")]
    values = [(element.text or "").strip() for element in fault.iter(f"{{{ENVELOPE_12}}}Value")]
    codes = [code for code in (*said, *(value.rpartition(":")[2] for value in values)) if "_" in code]
    reason = f"insi_{codes[0]}"[:60] if codes else "soap_fault"
    if any(code.startswith(_OUR_SETTINGS) for code in codes):
        return ConfigurationError(reason)
    return Refused(reason) if values and values[0].endswith(":Sender") else AnswerLost(reason)


def read_check(payload: etree._Element, message_id: UUID) -> CheckAnswer:
    """A verification valid for our XSD."""
    code, label, same = ((payload.findtext(f"{_CHECKED}{name}") or "").strip() for name in _SAID)
    header = AnswerHeader(message_id, datetime.now().astimezone(), code, label[:200], usable=True)
    return CheckAnswer(header, same in ("true", "1"))


_SAID: Final = ("CodeCR", "LibelleCR", "Identique")


def read_result(payload: etree._Element, message_id: UUID, believed: Callable[[str], bool]) -> IdentityAnswer:
    """A result valid for our XSD. Raises InvalidAnswer: an unknown code, a wrong key, a matricule that may not be believed."""
    code = _text(payload, "CR/CodeCR")
    try:
        outcome = Found(code)
    except ValueError:
        raise InvalidAnswer("unknown_result") from None
    label = _text(payload, "CR/LibelleCR")
    header = AnswerHeader(message_id, datetime.now().astimezone(), code, label[:200], usable=True)
    if outcome != Found.ONE:
        return IdentityAnswer(header, outcome)
    person = payload.find(f"{_RESULT}INDIVIDU")
    if person is None:
        raise InvalidAnswer("incomplete_answer")
    active = _matricule(person[0])
    if not believed(active.oid):
        raise ConfigurationError("insi_test_matricule")
    return IdentityAnswer(
        header, outcome, active,
        former=tuple(_matricule(one) for one in person.findall(f"{_RESULT}INSHISTO")),
        birth_name=_text(person, "TIQ/NomNaissance"), first_names=" ".join(_text(person, "TIQ/ListePrenom").split()),
        sex=_text(person, "TIQ/Sexe"), birth_date=_text(person, "TIQ/DateNaissance"),
        birth_place=_text(person, "TIQ/LieuNaissance"),
    )  # fmt: skip


def _matricule(element: etree._Element) -> Matricule:
    number = _text(element, "IdIndividu/NumIdentifiant") + _text(element, "IdIndividu/Cle")
    try:
        value = parse_nir(number).value
    except InvalidIdentifier:
        raise InvalidAnswer("wrong_key") from None
    return Matricule(value, _text(element, "OID"), _day(element, "DateDeb"), _day(element, "DateFin"))


def _day(element: etree._Element, name: str) -> date | None:
    text = _text(element, name)
    return date.fromisoformat(text) if text else None


def _text(element: etree._Element, path: str) -> str:
    return (element.findtext("/".join(_RESULT + step for step in path.split("/"))) or "").strip()


def _body(request: IdentityRequest) -> tuple[str, dict[str, Any]]:
    if isinstance(request, TraitsRequest):
        fields: dict[str, Any] = {
            "NomNaissance": request.birth_name,
            "Prenom": [request.first_name],
            "Sexe": request.sex,
            "DateNaissance": request.birth_date,
        }
        return _BY_TRAITS, fields | ({"LieuNaissance": request.birth_place} if request.birth_place else {})
    if isinstance(request, CheckRequest):
        fields = {
            "NumIdentifiant": request.ins[:13], "Cle": request.ins[13:], "OID": request.oid,
            "NomNaissance": request.birth_name, "ListePrenom": request.first_names, "Sexe": request.sex,
            "DateNaissance": request.birth_date,
        }  # fmt: skip
        return _CHECK, fields | ({"LieuNaissance": request.birth_place} if request.birth_place else {})
    fields = {"DateNaissance": request.birth_date, "RangNaissance": str(request.birth_rank)}
    if request.own:
        fields["MatriculeIndividu"] = {"NumIdentifiant": request.own[:13], "Cle": request.own[13:]}
    fields["MatriculeOD"] = {"NumIdentifiant": request.insured[:13], "Cle": request.insured[13:]}
    return _BY_VITALE, fields | ({"NomNaissance": request.birth_name} if request.birth_name else {})


def _headers(action: str) -> dict[str, str]:
    kind = f'application/soap+xml; charset=utf-8; action="{action}"'
    return {"Content-Type": kind, "Accept": "application/soap+xml"}


def _failure_of_status(status: int) -> CallError:
    reason = f"http_{status}"
    if status in (301, 302, 303, 307, 308, 401, 403, 404, 405, 407, 410, 421):
        return ConfigurationError(reason)
    return Refused(reason) if 400 <= status < 500 and status not in (408, 425, 429) else AnswerLost(reason)
