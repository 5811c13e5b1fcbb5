"""Client of the service of AMO rights (CDRi), reference contract version 1: one question, the establishment's certificate.

By day an agent asks, whom the header names; by night the batch asks, and nobody is named.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from lxml import etree

from gap.identifiers import InvalidIdentifier, parse_nir
from teleservices.clients.addresses import NOWHERE, AddressPolicy
from teleservices.clients.cdri1_mapping import NAMESPACE, is_complete, read_answer, request_envelope
from teleservices.clients.credentials import Credentials
from teleservices.clients.errors import CallError, InvalidAnswer, Refused
from teleservices.clients.roc1 import failure_of_status
from teleservices.clients.soap import Schema, fault_of, parse_envelope, payload_of
from teleservices.clients.transport import Dated, HttpAnswer, Limits, MutualTlsTransport
from teleservices.messages import Exchange, Operation
from teleservices.messages_cdri import AmoRightsAnswer, AmoRightsRequest, Mode

CONTRACT: Final = Path(__file__).resolve().parent.parent / "contracts" / "cdri1"
_HEADERS: Final = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{NAMESPACE}:Droits"'}
_ANSWER: Final = f"{{{NAMESPACE}}}DroitsReponse"


@dataclass(frozen=True, slots=True)
class CdriConfig:
    """Who we are, where we may go, and limits (seconds, bytes). By default nothing may be called."""

    credentials: Credentials
    addresses: AddressPolicy = NOWHERE
    timeout_connect: float = 3
    timeout_read: float = 10
    timeout_total: float = 20
    max_answer_bytes: int = 256 * 1024
    dated: Dated | None = None


class Cdri1Client:
    """Safe from several threads; keeps its connections."""

    def __init__(self, config: CdriConfig) -> None:
        limits = Limits(config.timeout_connect, config.timeout_read, config.timeout_total, config.max_answer_bytes)
        self._transport = MutualTlsTransport(config.credentials, limits, config.addresses, config.dated)
        self._schema = Schema(CONTRACT / "cdri1.xsd")

    def build(self, operation: Operation, request: AmoRightsRequest) -> bytes:
        """The message as it will leave. Raises Refused when it breaks the contract, a wrong key of the NIR included.

        ValueError when this is not CDRi's.
        """
        if operation is not Operation.CDRI:
            raise ValueError(f"{operation.value} is not asked of CDRi")
        if (request.header.mode is Mode.UNIT) != bool(request.header.agent):
            raise Refused("invalid_request", field="Agent")
        try:
            parse_nir(request.insured)
            envelope, message = request_envelope(request)
        except InvalidIdentifier:
            raise Refused("invalid_request", field="NirAssure") from None
        except ValueError:
            # From None: the message may repeat a value.
            raise Refused("invalid_request") from None
        fault = self._schema.fault_in(message)
        if fault is not None:
            raise Refused("invalid_request", field=fault)
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)

    def send(self, operation: Operation, url: str, message: bytes, message_id: UUID) -> Exchange:
        """Carry a built message and read its answer, which must echo `message_id`. Raises a CallError (see `errors`)."""
        started = time.monotonic()
        received = b""
        status: int | None = None
        try:
            raw = self._transport.post(url, message, _HEADERS)
            status, received = raw.status, raw.body
            answer = self.read(raw, message_id)
        except CallError as error:
            error.request_xml = message
            error.response_xml = error.response_xml or received
            error.http_status = status if error.http_status is None else error.http_status
            error.duration_ms = error.duration_ms or round((time.monotonic() - started) * 1000)
            raise
        return Exchange(answer, raw.status, message, received, raw.duration_ms)

    def read(self, raw: HttpAnswer, message_id: UUID) -> AmoRightsAnswer:
        """What was answered to this message. Raises a CallError."""
        if raw.status != 200:
            raise failure_of_status(raw)
        payload = payload_of(parse_envelope(raw.body))
        soap_fault = fault_of(payload)
        if soap_fault is not None:
            raise soap_fault
        if payload.tag != _ANSWER:
            raise InvalidAnswer("other_answer")
        fault = self._schema.fault_in(payload)
        if fault is not None:
            raise InvalidAnswer("breaks_the_contract", field=fault)
        try:
            answer = read_answer(payload)
        except (ValueError, OverflowError):
            # Valid for the XSD and yet not a value, or a period that ends before it starts.
            raise InvalidAnswer("unreadable_value") from None
        if answer.header.message_id != message_id:
            raise InvalidAnswer("other_message_id")
        if not is_complete(answer):
            raise InvalidAnswer("incomplete_answer")
        return answer

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()
