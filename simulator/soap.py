"""SOAP 1.1 on the other side of the wire: read a request, build an answer or a fault, against the contract's XSD."""

from __future__ import annotations

import hashlib
import re
import threading
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import etree

CONTRACT = Path(__file__).resolve().parent.parent / "teleservices" / "contracts" / "roc1" / "roc1.xsd"
NAMESPACE = "urn:minigap:roc:1"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NS = {"r": NAMESPACE}
_DEFAULT_NAMESPACE: Any = {None: NAMESPACE}
OPERATIONS = ("ANNUAIRE", "IDB", "SIM", "CLC", "DEL")
_OPERATION_OF = {f"{{{NAMESPACE}}}{name.capitalize()}Requete": name for name in OPERATIONS}
# These say how the message was made, not what it asks: a second attempt may differ there and is still the same message.
_NOT_IN_DIGEST = ("DateEmission", "Logiciel", "VersionLogiciel")
_ELEMENT_IN_ERROR = re.compile(r"Element '\{[^}]*\}(\w+)'")
_local = threading.local()
# libxml2 prepares its built-in types at the first schema, without a lock: two threads at once, and both are refused.
_building = threading.Lock()

Content = dict[str, "str | Content | list[Content] | list[str]"]


class SoapFault(Exception):
    """To be answered as a fault. `code` is Client or Server; the text never repeats what was received."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Message:
    """A valid request. `digest` is the same for two attempts of the same message."""

    operation: str
    payload: etree._Element
    message_id: str
    amc_number: str
    dossier_number: str
    digest: str

    def text(self, path: str) -> str:
        """Text of an element of the payload, by its path (`EnTete/Domaine`); empty when absent."""
        return self.payload.findtext("/".join(f"r:{step}" for step in path.split("/")), "", _NS)

    def lines(self) -> list[dict[str, str]]:
        """The service lines, each as element name → text."""
        found = self.payload.iterfind("r:Lignes/r:Ligne", _NS)
        return [{etree.QName(child).localname: child.text or "" for child in line} for line in found]


def read_request(body: bytes) -> Message:
    """Parse and validate a request. Raises SoapFault (Client): not XML, a doctype, not an envelope, breaks the XSD."""
    payload = _payload(_parse(body))
    operation = _OPERATION_OF.get(str(payload.tag))
    if operation is None:
        raise SoapFault("Client", "Opération inconnue du contrat")
    schema = _schema()
    if not schema.validate(payload):
        raise SoapFault("Client", f"Message non conforme au schéma : {_where(schema)}")
    return Message(
        operation=operation,
        payload=payload,
        message_id=payload.findtext("r:EnTete/r:IdMessage", "", _NS),
        amc_number=payload.findtext("r:Routage/r:NumeroAmc", "", _NS),
        dossier_number=payload.findtext("r:EnTete/r:NumeroDossier", "", _NS),
        digest=_digest(payload),
    )


def build_answer(operation: str, message_id: str, code: str, label: str = "", content: Content | None = None) -> bytes:
    """An enveloped answer, valid against the XSD. Raises ValueError when it would not be: a fault of the simulator."""
    header: Content = {"IdMessage": message_id, "DateReponse": instant(), "CodeRetour": code}
    if label:
        header["LibelleRetour"] = label
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
    body = etree.SubElement(envelope, f"{{{ENVELOPE}}}Body")
    answer = etree.SubElement(body, f"{{{NAMESPACE}}}{operation.capitalize()}Reponse", nsmap=_DEFAULT_NAMESPACE)
    _fill(answer, {"EnTete": header, **(content or {})})
    schema = _schema()
    if not schema.validate(answer):
        raise ValueError(f"the answer breaks the contract at {_where(schema)}")
    return serialise(envelope)


def build_fault(code: str, text: str) -> bytes:
    """A SOAP 1.1 fault."""
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{ENVELOPE}}}Body"), f"{{{ENVELOPE}}}Fault")
    etree.SubElement(fault, "faultcode").text = f"soap:{code}"
    etree.SubElement(fault, "faultstring").text = text
    return serialise(envelope)


def serialise(element: etree._Element) -> bytes:
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True)


def instant(later: timedelta = timedelta(0)) -> str:
    """Now, or later, as the contracts write an instant."""
    return (datetime.now(UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse(body: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SoapFault("Client", "Le message n’est pas du XML") from None
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise SoapFault("Client", "DOCTYPE refusé")
    return root


def _payload(root: etree._Element) -> etree._Element:
    body = root.find(f"{{{ENVELOPE}}}Body") if root.tag == f"{{{ENVELOPE}}}Envelope" else None
    if body is None or len(body) != 1:
        raise SoapFault("Client", "Enveloppe SOAP 1.1 attendue, avec un seul message")
    return body[0]


def _digest(payload: etree._Element) -> str:
    copy = deepcopy(payload)
    for name in _NOT_IN_DIGEST:
        for element in copy.findall(f"r:EnTete/r:{name}", _NS):
            header = element.getparent()
            if header is not None:
                header.remove(element)
    return hashlib.sha256(etree.tostring(copy, method="c14n", exclusive=True)).hexdigest()


def _schema() -> etree.XMLSchema:
    """One for each thread: a schema keeps the errors of its last validation."""
    schema = getattr(_local, "schema", None)
    if schema is None:
        with _building:
            schema = _local.schema = etree.XMLSchema(etree.parse(str(CONTRACT)))
    return schema


def _where(schema: etree.XMLSchema) -> str:
    """Name of the first element at fault, never its value: it may be personal data."""
    errors: Any = schema.error_log
    found = _ELEMENT_IN_ERROR.match(errors[0].message) if len(errors) else None
    return found.group(1) if found else "élément"


def _fill(parent: etree._Element, content: Content) -> None:
    for name, value in content.items():
        for item in value if isinstance(value, list) else [value]:
            child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(item, dict):
                _fill(child, item)
            else:
                child.text = item
