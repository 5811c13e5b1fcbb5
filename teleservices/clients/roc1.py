"""Client of the ROC reference contract, version 1: the directory of AMC and the services of an AMC.

The WSDL is a local file; zeep builds and reads the messages; `transport` carries them. A client is safe from several
threads, keeps its connections, and is meant to live as long as its process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import zeep
import zeep.exceptions
from lxml import etree

from teleservices.clients.addresses import NOWHERE, AddressPolicy
from teleservices.clients.credentials import Credentials
from teleservices.clients.errors import AnswerLost, CallError, ConfigurationError, InvalidAnswer, Refused
from teleservices.clients.roc1_mapping import is_complete, read_answer, request_fields
from teleservices.clients.soap import Schema, fault_of, parse_envelope, payload_of
from teleservices.clients.transport import Dated, HttpAnswer, Limits, MutualTlsTransport
from teleservices.messages import (
    Answer,
    CalculationRequest,
    CancellationRequest,
    DirectoryRequest,
    Exchange,
    Operation,
    Request,
    RightsRequest,
    SimulationRequest,
)

CONTRACT_VERSION = "roc1"
NAMESPACE = "urn:minigap:roc:1"
CONTRACT = Path(__file__).resolve().parent.parent / "contracts" / "roc1"
_DIRECTORY_BINDING = f"{{{NAMESPACE}}}AnnuaireAmcSoap11"
_SERVICES_BINDING = f"{{{NAMESPACE}}}ServicesAmcSoap11"
_REQUEST_TYPES: dict[Operation, type[Request]] = {
    Operation.DIRECTORY: DirectoryRequest,
    Operation.IDB: RightsRequest,
    Operation.SIM: SimulationRequest,
    Operation.CLC: CalculationRequest,
    Operation.DEL: CancellationRequest,
}
# Not found, moved, gone: the address is out of date. Unauthorised, forbidden: our certificate does not open this door.
_WRONG_ADDRESS_STATUSES = frozenset({301, 302, 303, 307, 308, 404, 405, 410, 421})
_WRONG_CERTIFICATE_STATUSES = frozenset({401, 403, 407})
_BUSY_STATUSES = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Roc1Config:
    """Who we are for each, where we may go, and limits. Times in seconds; `timeout_total` bounds the exchange as a whole.

    `addresses`: by default nothing may be called. `dated`: told of the hour of each answer (see the transport).
    """

    directory: Credentials
    services: Credentials
    addresses: AddressPolicy = NOWHERE
    timeout_connect: float = 3
    timeout_read: float = 10
    timeout_total: float = 20
    max_answer_bytes: int = 2 * 1024 * 1024
    dated: Dated | None = None


class _NoNetwork(zeep.Transport):
    """What zeep loads the contract with: local files, and nothing else."""

    def load(self, url: str) -> bytes:
        return Path(url).read_bytes()

    def post(self, address: str, message: Any, headers: Any) -> NoReturn:
        raise RuntimeError("zeep sends nothing here")


class Roc1Client:
    """`call` is all there is. Close it to close its connections."""

    def __init__(self, config: Roc1Config) -> None:
        limits = Limits(config.timeout_connect, config.timeout_read, config.timeout_total, config.max_answer_bytes)
        self._directory = MutualTlsTransport(config.directory, limits, config.addresses, config.dated)
        self._services = MutualTlsTransport(config.services, limits, config.addresses, config.dated)
        self._schema = Schema(CONTRACT / "roc1.xsd")
        self._zeep = load_contract(CONTRACT / "roc1.wsdl")
        bindings = (_DIRECTORY_BINDING, _SERVICES_BINDING)
        self._proxies = {name: self._zeep.create_service(name, "https://localhost/") for name in bindings}

    def call(self, operation: Operation, url: str, request: Request) -> Exchange:
        """Send one message and read its answer, negative ones included.

        The directory is called with the directory's certificate, the services with theirs. Raises a CallError (see
        `errors`), which carries what went over the wire; ValueError when the request is not of this operation.
        """
        return self.send(operation, url, self.build(operation, request), request.header.message_id)

    def build(self, operation: Operation, request: Request) -> bytes:
        """The message as it will leave. Kept before it is sent, it can be sent again to the letter.

        Raises Refused when it breaks the contract; ValueError when the request is not of this operation.
        """
        if not isinstance(request, _REQUEST_TYPES[operation]):
            raise ValueError(f"{type(request).__name__} is not a request of {operation.value}")
        proxy = self._proxies[_binding_of(operation)]
        try:
            name = operation.value.capitalize()
            envelope: etree._Element = self._zeep.create_message(proxy, name, **request_fields(request))
        except (zeep.exceptions.Error, ValueError, TypeError, ArithmeticError):
            # From None: the message of these errors may repeat a value.
            raise Refused("invalid_request") from None
        fault = self._schema.fault_in(payload_of(envelope))
        if fault is not None:
            raise Refused("invalid_request", field=fault)
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)

    def send(self, operation: Operation, url: str, message: bytes, message_id: UUID) -> Exchange:
        """Carry a built message and read its answer, which must echo `message_id`. Raises a CallError."""
        started = time.monotonic()
        received = b""
        status: int | None = None
        try:
            raw = self._transport(operation).post(url, message, self._headers(operation))
            status, received = raw.status, raw.body
            answer = self._read(operation, message_id, raw)
        except CallError as error:
            error.request_xml = message
            error.response_xml = error.response_xml or received
            error.http_status = status if error.http_status is None else error.http_status
            error.duration_ms = error.duration_ms or round((time.monotonic() - started) * 1000)
            raise
        return Exchange(answer, raw.status, message, received, raw.duration_ms)

    def close(self) -> None:
        """Close the kept connections."""
        self._directory.close()
        self._services.close()

    def _transport(self, operation: Operation) -> MutualTlsTransport:
        return self._directory if operation is Operation.DIRECTORY else self._services

    def _headers(self, operation: Operation) -> dict[str, str]:
        action = f'"{NAMESPACE}:{operation.value.capitalize()}"'
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}

    def _read(self, operation: Operation, message_id: UUID, raw: HttpAnswer) -> Answer:
        if raw.status != 200:
            raise failure_of_status(raw)
        envelope = parse_envelope(raw.body)
        payload = payload_of(envelope)
        soap_fault = fault_of(payload)
        if soap_fault is not None:
            raise soap_fault
        if payload.tag != f"{{{NAMESPACE}}}{operation.value.capitalize()}Reponse":
            raise InvalidAnswer("other_answer")
        fault = self._schema.fault_in(payload)
        if fault is not None:
            raise InvalidAnswer("breaks_the_contract", field=fault)
        binding = self._zeep.wsdl.bindings[_binding_of(operation)]
        try:
            parsed = binding.get(operation.value.capitalize()).process_reply(envelope)
            answer = read_answer(operation, parsed)
        except (zeep.exceptions.Error, ValueError):
            # Valid for the XSD and yet not a value: the 31st hour, a year of five digits.
            raise InvalidAnswer("unreadable_value") from None
        if answer.header.message_id != message_id:
            raise InvalidAnswer("other_message_id")
        if not is_complete(answer):
            raise InvalidAnswer("incomplete_answer")
        return answer


def load_contract(wsdl: Path) -> Any:
    """zeep's client of a local WSDL. It is not typed: what it returns is checked by the XSD and by the mapping."""
    settings = zeep.Settings(
        strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False
    )
    transport = _NoNetwork()  # type: ignore[no-untyped-call]
    return zeep.Client(str(wsdl), transport=transport, settings=settings)  # type: ignore[no-untyped-call]


def _binding_of(operation: Operation) -> str:
    return _DIRECTORY_BINDING if operation is Operation.DIRECTORY else _SERVICES_BINDING


def failure_of_status(raw: HttpAnswer) -> CallError:
    """What an HTTP status other than 200 means; a SOAP fault says more than its status."""
    reason = f"http_{raw.status}"
    if raw.status in _WRONG_CERTIFICATE_STATUSES or raw.status in _WRONG_ADDRESS_STATUSES:
        return ConfigurationError(reason)
    try:
        fault = fault_of(payload_of(parse_envelope(raw.body)))
    except InvalidAnswer:
        fault = None
    if fault is not None:
        return fault
    if 400 <= raw.status < 500 and raw.status not in _BUSY_STATUSES:
        return Refused(reason)
    return AnswerLost(reason)
