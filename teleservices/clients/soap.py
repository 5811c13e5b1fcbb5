"""SOAP answers (1.1, 1.2), read without trust: no doctype, no entity, no network, nothing huge; then checked by the XSD."""

from __future__ import annotations

import re
import threading
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from lxml import etree

from teleservices.clients.errors import AnswerLost, CallError, InvalidAnswer, Refused

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
ENVELOPE_12 = "http://www.w3.org/2003/05/soap-envelope"
_FAULT = f"{{{ENVELOPE}}}Fault"
# libxml2 prepares its built-in types at the first schema, without a lock: two threads at once, and both schemas are
# refused as invalid.
_building = threading.Lock()
_of_this_thread = threading.local()
# libxml2 begins so; the rest of its message repeats the value.
_ELEMENT_IN_ERROR = re.compile(r"Element '\{[^}]*\}(\w+)'")


class Schema:
    """An XSD for several threads. lxml keeps the last errors in the schema object: each thread has its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._of_this_thread()

    def fault_in(self, element: etree._Element) -> str | None:
        """None when valid, else the contract's name of the first element at fault ("" if not its own): no value."""
        schema = self._of_this_thread()
        if schema.validate(element):
            return None
        errors: Any = schema.error_log
        found = _ELEMENT_IN_ERROR.match(errors[0].message) if len(errors) else None
        return found.group(1) if found and found.group(1) in self._names else ""

    def _of_this_thread(self) -> etree.XMLSchema:
        schema: etree.XMLSchema | None = getattr(self._local, "schema", None)
        if schema is None:
            with _building:
                schema = self._local.schema = etree.XMLSchema(etree.parse(str(self._path)))
        return schema

    @cached_property
    def _names(self) -> frozenset[str]:
        elements = etree.parse(str(self._path)).iter("{http://www.w3.org/2001/XMLSchema}element")
        return frozenset(str(element.get("name")) for element in elements)


def parse_envelope(content: bytes, namespace: str = ENVELOPE) -> etree._Element:
    """The envelope of an answer, of SOAP 1.1 unless another is named.

    Raises InvalidAnswer: not XML, a doctype, not an envelope with one body element."""
    _refuse_doctype(content)
    try:
        envelope = etree.fromstring(content, _parser_of_this_thread())
    except (etree.XMLSyntaxError, ValueError):
        raise InvalidAnswer("not_xml") from None
    # The first look was another parser's: what it may have read otherwise is not let through.
    info: Any = envelope.getroottree().docinfo
    if info.doctype:
        raise InvalidAnswer("doctype_refused")
    body = envelope.find(f"{{{namespace}}}Body") if envelope.tag == f"{{{namespace}}}Envelope" else None
    if body is None or len(body) != 1:
        raise InvalidAnswer("not_an_envelope")
    return envelope


class _Rooted(Exception):
    """The root element is reached: no doctype can come any more."""


def _refuse_doctype(content: bytes) -> None:
    """Before any entity is read, even declared. A hardened lxml still reads a doctype, and expands what it declares
    inside attributes; expat stops here at its first sign. Raises InvalidAnswer.
    """

    def found(*_: object) -> NoReturn:
        raise InvalidAnswer("doctype_refused")

    def rooted(*_: object) -> NoReturn:
        raise _Rooted

    scout = expat.ParserCreate()
    scout.StartDoctypeDeclHandler, scout.StartElementHandler = found, rooted
    try:
        scout.Parse(content, True)
    except _Rooted:
        return
    except (expat.ExpatError, ValueError):
        raise InvalidAnswer("not_xml") from None


def _parser_of_this_thread() -> etree.XMLParser:
    """Made once a thread: it keeps nothing of one document for the next but the names of elements."""
    parser: etree.XMLParser | None = getattr(_of_this_thread, "parser", None)
    if parser is None:
        parser = _of_this_thread.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
    return parser


def payload_of(envelope: etree._Element, namespace: str = ENVELOPE) -> etree._Element:
    """The one element in the body of a parsed envelope."""
    body = envelope.find(f"{{{namespace}}}Body")
    if body is None:
        raise InvalidAnswer("not_an_envelope")
    return body[0]


def fault_of(payload: etree._Element) -> CallError | None:
    """What a SOAP fault means; None when the payload is not one.

    Client, VersionMismatch, MustUnderstand: our message is wrong. Server, or a family that nobody defined: their
    trouble, and no one knows what was done.
    """
    if payload.tag != _FAULT:
        return None
    family = (payload.findtext("faultcode") or "").strip().rpartition(":")[2].split(".")[0]
    if family in {"Client", "VersionMismatch", "MustUnderstand"}:
        return Refused(f"soap_{family.lower()}")
    return AnswerLost("soap_server")
