"""Answers made to harm who reads them, from a real TLS server: refused at once, and nobody else is asked for anything."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from teleservices.clients.errors import AnswerLost, InvalidAnswer
from teleservices.clients.soap import ENVELOPE, parse_envelope
from teleservices.messages import Operation
from tests.raw_server import RawServer
from tests.roc_messages import calculation_request, directory_request, rights_request

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = {Operation.DIRECTORY: directory_request, Operation.IDB: rights_request, Operation.CLC: calculation_request}


class Ear:
    """Listens on a port of this machine and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.visits += 1
                connection.close()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    one = Ear()
    yield one
    one.close()


def envelope(inside: str) -> str:
    return f'<e:Envelope xmlns:e="{ENVELOPE}"><e:Body>{inside}</e:Body></e:Envelope>'


def _laughs() -> str:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE e [<!ENTITY l0 "lol">{lines}]>' + envelope("<x>&l9;</x>")


def _in_an_attribute() -> str:
    return f'<!DOCTYPE e [<!ENTITY a "{"A" * 50_000}">]>' + envelope(f'<x y="{"&a;" * 2_000}"/>')


def _quadratic() -> str:
    return f'<!DOCTYPE e [<!ENTITY a "{"A" * 50_000}">]>' + envelope(f"<x>{'&a;' * 10_000}</x>")


ATTACKS = {
    "billion laughs": (_laughs, "doctype_refused"),
    "quadratic blow-up": (_quadratic, "doctype_refused"),
    "quadratic blow-up in an attribute": (_in_an_attribute, "doctype_refused"),
    "a doctype that declares nothing": (lambda: "<!DOCTYPE e>" + envelope("<x/>"), "doctype_refused"),
    "a doctype in UTF-16": (
        lambda: '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE e [<!ENTITY a "b">]>' + envelope("<x/>"),
        "doctype_refused",
    ),
    "deep nesting": (lambda: envelope("<x>" * 100_000 + "</x>" * 100_000), "not_xml"),
    "an entity that nobody declared": (lambda: envelope("<x>&nobody;</x>"), "not_xml"),
    "no XML at all": (lambda: "\x00" * 1000, "not_xml"),
}


def answered(attack: str) -> bytes:
    body = attack.encode("utf-16" if 'encoding="UTF-16"' in attack else "utf-8")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("name", ATTACKS)
def test_an_answer_made_to_harm_is_refused_at_once_and_costs_nothing(name, operation, roc1_client, roc1_simulator):
    make, reason = ATTACKS[name]
    content = make()
    with RawServer.answering(answered(content), roc1_simulator.pki) as server:
        tracemalloc.start()
        started = time.monotonic()
        with pytest.raises(InvalidAnswer) as caught:
            roc1_client.call(operation, server.url, REQUESTS[operation]())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.reason == reason
    assert time.monotonic() - started < 2
    assert peak < 8 * len(content) + 4 * 1024 * 1024


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE e SYSTEM "http://127.0.0.1:{port}/dtd">',
        '<!DOCTYPE e PUBLIC "-//x//x" "http://127.0.0.1:{port}/dtd">',
        '<!DOCTYPE e [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/entity">]>',
        '<!DOCTYPE e [<!ENTITY % x SYSTEM "http://127.0.0.1:{port}/parameter"> %x;]>',
        '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_nothing_outside_the_answer_is_read_whoever_it_names(doctype, ear, roc1_client, roc1_simulator):
    content = doctype.format(port=ear.port) + envelope("<x>&x;</x>")
    with RawServer.answering(answered(content), roc1_simulator.pki) as server:
        with pytest.raises(InvalidAnswer, match="doctype_refused"):
            roc1_client.call(Operation.IDB, server.url, rights_request())
    assert ear.visits == 0


@pytest.mark.parametrize(
    "inside",
    [
        '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="http://127.0.0.1:{port}/"/>',
        '<x xmlns:s="http://www.w3.org/2001/XMLSchema-instance" s:schemaLocation="u:x http://127.0.0.1:{port}/x.xsd"/>',
    ],
)
def test_what_names_another_document_without_a_doctype_fetches_nothing_either(inside, ear, roc1_client, roc1_simulator):
    body = '<?xml-stylesheet href="http://127.0.0.1:{port}/x.xsl"?>' + envelope(inside)
    with RawServer.answering(answered(body.format(port=ear.port)), roc1_simulator.pki) as server:
        with pytest.raises(InvalidAnswer, match="other_answer"):
            roc1_client.call(Operation.IDB, server.url, rights_request())
    assert ear.visits == 0


def test_the_ear_hears_who_comes(ear):
    socket.create_connection(("127.0.0.1", ear.port), timeout=2).close()
    deadline = time.monotonic() + 2
    while not ear.visits and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ear.visits == 1


def test_an_honest_envelope_is_read(roc1_client):
    assert parse_envelope(envelope("<x/>").encode())[0][0].tag == "x"


def test_a_fault_with_a_doctype_is_not_read_as_a_fault(roc1_client, roc1_simulator):
    """The body of an answer that is no 200 goes through the same reader."""
    fault = "<e:Fault><faultcode>e:Client</faultcode><faultstring>x</faultstring></e:Fault>"
    content = "<!DOCTYPE e>" + envelope(fault)
    reply = answered(content).replace(b"200 OK", b"500 Internal Server Error", 1)
    with RawServer.answering(reply, roc1_simulator.pki) as server:
        with pytest.raises(AnswerLost, match="http_500"):
            roc1_client.call(Operation.IDB, server.url, rights_request())


def test_no_other_file_of_the_product_reads_xml() -> None:
    """A new reader of XML must come here, or go through `parse_envelope`."""
    readers = ("from lxml", "import lxml", "ElementTree", "minidom", "xml.sax", "expat", "import zeep", "xmlrpc")
    found = {
        path.relative_to(ROOT).as_posix()
        for app in ("accounts", "debtors", "admissions", "teleservices", "billing", "worklists", "gap")
        for path in (ROOT / app).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in readers)
    }
    assert found == {
        "teleservices/clients/soap.py",  # the one reader
        "teleservices/clients/roc1.py",  # builds messages, and reads what `parse_envelope` gave
        "teleservices/clients/insi.py",  # the same
        "teleservices/evidence.py",  # the same, of kept messages
        "teleservices/clients/cdri1.py",  # builds messages, and reads what `parse_envelope` gave
        "teleservices/clients/cdri1_mapping.py",  # the same
    }
