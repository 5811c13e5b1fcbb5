"""One HTTP exchange: from a path, a certificate's role and a body, to what must be written on the wire.

Two kinds of trouble: what happens instead of the processing (a status, a fault, a cut before), and what happens to a
good answer on its way back (a cut after, a text that is not XML…).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from simulator import cdri, insi
from simulator.journal import Journal
from simulator.scenarios import Behaviour, CallFacts, Scenarios, parse_behaviour
from simulator.services import Services
from simulator.soap import Message, SoapFault, build_fault, read_request

DIRECTORY_UNIT = "ROC-ANNUAIRE"
SERVICES_UNIT = "ROC-SERVICES"
XML = "text/xml; charset=utf-8"
HTML = "text/html; charset=utf-8"
OTHER_MESSAGE_ID = "00000000-0000-4000-8000-000000000000"
_HTML_PAGE = b"<!DOCTYPE html><html><body><h1>Erreur</h1></body></html>"
# Quadratic and exponential at once: refused whatever the limit of the parser is.
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a0 "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + ']><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><b x="&a9;">&a9;</b>'
    "</soap:Body></soap:Envelope>"
).encode()


@dataclass(frozen=True, slots=True)
class Wire:
    """How to write. `pace`: seconds between two bytes (0: all at once); `endless`: this many filling bytes."""

    cut: bool = False
    pace: float = 0
    paced_headers: bool = False
    truncated: bool = False
    endless: int = 0
    declared: bool = False


@dataclass(slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str = XML
    headers: dict[str, str] = field(default_factory=dict)
    wire: Wire = field(default_factory=Wire)
    late_s: float = 0
    operation: str = "-"
    outcome: str = ""
    message_id: str = ""
    amc: str = ""


@dataclass(frozen=True, slots=True)
class Exchanges:
    """The whole application under the HTTP server. Safe from several threads."""

    services: Services
    scenarios: Scenarios
    journal: Journal
    stop: threading.Event
    identities: insi.Identities = field(default_factory=insi.Identities)
    funds: cdri.Funds = field(default_factory=cdri.Funds)

    def handle(self, path: str, unit: str, body: bytes) -> Reply:
        """Never raises for what was received: a wrong message is a fault, a wrong certificate a 403."""
        if path == insi.PATH:
            return self._identity(unit, body)
        if path == cdri.PATH:
            return self._rights(unit, body)
        try:
            expected = self._expected_unit(path)
            if unit != expected:
                return _fault(403, "Client", "Ce certificat n’ouvre pas ce service", "certificate_refused")
            message = read_request(body)
            self._check_address(path, message)
        except SoapFault as fault:
            return _fault(404 if fault.code == "Address" else 500, "Client", fault.text, "fault_client")
        behaviour = self.scenarios.choose(_facts(message))
        reply = self._reply(message, behaviour)
        reply.operation, reply.message_id, reply.amc = message.operation, message.message_id, message.amc_number
        return reply

    def _reply(self, message: Message, behaviour: Behaviour) -> Reply:
        if behaviour.has("latency"):
            self.stop.wait(behaviour.number("latency"))
        instead = _instead_of_processing(behaviour)
        if instead is not None:
            return instead
        try:
            answer = self.services.answer(message, behaviour)
        except SoapFault as fault:
            return _fault(500, fault.code, fault.text, f"fault_{fault.code.lower()}")
        reply = Reply(200, answer.body, outcome=answer.outcome)
        _trouble_on_the_way(reply, behaviour, message.message_id)
        return reply

    def _identity(self, unit: str, body: bytes) -> Reply:
        """INSi: its own certificate and envelope; the same troubles on the way."""
        if unit != insi.UNIT:
            refused = insi.fault("soap:Sender", "siram_100", "desir_560", "Niveau d’accès insuffisant")
            return Reply(500, refused, insi.XML, operation="INSI", outcome="certificate_refused")
        behaviour = self.scenarios.choose(CallFacts("INSI", "insi", ""))
        if behaviour.has("latency"):
            self.stop.wait(behaviour.number("latency"))
        reply = _instead_of_processing(behaviour)
        if reply is None:
            found = self.identities.answer(body)
            reply = Reply(found.status, found.body, insi.XML, outcome=found.outcome, message_id=found.message_id)
            _trouble_on_the_way(reply, behaviour, found.message_id)
        reply.operation, reply.amc = "INSI", "insi"
        return reply

    def _rights(self, unit: str, body: bytes) -> Reply:
        """CDRi: its own certificate. What is set at run time, else what the row of the NIR says of the wire."""
        if unit != cdri.UNIT:
            reply = _fault(403, "Client", "Ce certificat n’ouvre pas ce service", "certificate_refused")
        else:
            reply = self._rights_of(body)
        reply.operation, reply.amc = "CDRI", "cdri"
        return reply

    def _rights_of(self, body: bytes) -> Reply:
        try:
            asked = self.funds.read(body)
        except cdri.Wrong as problem:
            return _fault(500, "Client", str(problem), "fault_client")
        behaviour = self.scenarios.choose(CallFacts("CDRI", "cdri", asked.message_id))
        row = self.funds.row(asked, behaviour.argument("rights"))
        if not behaviour.steps or behaviour.has("rights"):
            behaviour = Behaviour((*behaviour.steps, *parse_behaviour(row.get("behaviour", "")).steps))
        if behaviour.has("latency"):
            self.stop.wait(behaviour.number("latency"))
        reply = _instead_of_processing(behaviour)
        if reply is None:
            found = self.funds.answer(asked, row, behaviour.argument("code"))
            reply = Reply(found.status, found.body, outcome=found.outcome)
            _trouble_on_the_way(reply, behaviour, asked.message_id)
        reply.message_id = asked.message_id
        return reply

    def _expected_unit(self, path: str) -> str:
        if path == "/annuaire":
            return DIRECTORY_UNIT
        if path.startswith("/amc/"):
            return SERVICES_UNIT
        raise SoapFault("Address", "Adresse inconnue")

    def _check_address(self, path: str, message: Message) -> None:
        expected = "/annuaire"
        if message.operation != "ANNUAIRE":
            expected = f"/amc/{message.amc_number}/{message.operation.lower()}"
        if path != expected:
            raise SoapFault("Client", "Ce message n’est pas pour cette adresse")


def _facts(message: Message) -> CallFacts:
    return CallFacts(
        operation=message.operation,
        amc=message.amc_number,
        message_id=message.message_id,
        marked=message.text("NumeroEngagement") or message.text("Beneficiaire/NumeroAdherent"),
        amo_regime=message.text("Beneficiaire/RegimeAmo"),
        has_prescription_date=bool(message.text("DatePrescription")),
    )


def _instead_of_processing(behaviour: Behaviour) -> Reply | None:
    if behaviour.has("cut_before"):
        return Reply(0, b"", wire=Wire(cut=True), outcome="cut_before")
    if behaviour.has("http"):
        status = int(behaviour.number("http"))
        return Reply(status, _HTML_PAGE, HTML, outcome=f"http_{status}")
    if behaviour.has("redirect"):
        return Reply(302, b"", headers={"Location": "/ailleurs"}, outcome="redirect")
    if behaviour.has("fault"):
        code = behaviour.argument("fault") or "Server"
        return _fault(500, code, "Faute demandée par le scénario", f"fault_{code.lower()}")
    return None


def _trouble_on_the_way(reply: Reply, behaviour: Behaviour, message_id: str) -> None:
    """Spoil a good answer, remembered already."""
    name = next((step for step, _ in behaviour.steps if step not in ("latency", "code", "rights")), None)
    match name:
        case None:
            return
        case "cut_after":
            reply.wire = Wire(cut=True)
        case "not_xml":
            reply.body = "Service momentanément indisponible".encode()
        case "entity_bomb":
            reply.body = _BOMB
        case "other_message_id":
            reply.body = reply.body.replace(message_id.encode(), OTHER_MESSAGE_ID.encode())
        case "invalid_answer":
            reply.body = reply.body.replace(b"<CodeRetour>", b"<CodeRetour>un code bien trop long pour le contrat ")
        case "truncated":
            reply.wire = Wire(truncated=True)
        case "huge" | "huge_declared":
            reply.wire = Wire(endless=int(behaviour.number(name) * 1024 * 1024), declared=name == "huge_declared")
        case "clock":
            reply.late_s = behaviour.number(name)
        case "slow_drip":
            reply.wire = Wire(pace=behaviour.number(name))
        case "slow_headers":
            reply.wire = Wire(pace=behaviour.number(name), paced_headers=True)
    reply.outcome = f"{reply.outcome}+{name}"


def _fault(status: int, code: str, text: str, outcome: str) -> Reply:
    return Reply(status, build_fault(code, text), outcome=outcome)
