"""Every way of not getting an answer, by the real wire: what is raised, and what it carries."""

from __future__ import annotations

import time
import traceback

import pytest

from teleservices.clients.errors import AnswerLost, CallError, ConfigurationError, InvalidAnswer, NotSent, Refused
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation
from tests.raw_server import RawServer, envelope, http_response, read_request
from tests.roc_messages import AMC, calculation_request, directory_request, rights_request
from tests.simulator_process import SimulatorProcess

ANSWER = (
    '<IdbReponse xmlns="urn:minigap:roc:1"><EnTete><IdMessage>{id}</IdMessage>'
    "<DateReponse>{at}</DateReponse><CodeRetour>{code}</CodeRetour></EnTete>{rest}</IdbReponse>"
)


@pytest.mark.parametrize(
    ("behaviour", "family", "reason", "status"),
    [
        ("cut_before", AnswerLost, "connection_cut", None),
        ("cut_after", AnswerLost, "connection_cut", None),
        ("truncated", AnswerLost, "connection_cut", None),
        ("http:500", AnswerLost, "http_500", 500),
        ("http:503", AnswerLost, "http_503", 503),
        ("http:429", AnswerLost, "http_429", 429),
        ("http:400", Refused, "http_400", 400),
        ("http:404", ConfigurationError, "http_404", 404),
        ("redirect", ConfigurationError, "http_302", 302),
        ("fault:Server", AnswerLost, "soap_server", 500),
        ("fault:Client", Refused, "soap_client", 500),
        ("fault:Client.Authentication", Refused, "soap_client", 500),
        ("fault:MustUnderstand", Refused, "soap_mustunderstand", 500),
        ("not_xml", InvalidAnswer, "not_xml", 200),
        ("entity_bomb", InvalidAnswer, None, 200),
        ("invalid_answer", InvalidAnswer, "breaks_the_contract", 200),
        ("other_message_id", InvalidAnswer, "other_message_id", 200),
        ("huge:5", InvalidAnswer, "answer_too_big", 200),
        ("huge_declared:5", InvalidAnswer, "answer_too_big", 200),
    ],
)
def test_each_trouble_is_raised_as_its_family(
    roc1_client: Roc1Client, roc1_simulator: SimulatorProcess, behaviour, family, reason, status
):
    roc1_simulator.scenario(AMC, behaviour)
    request = calculation_request()
    with pytest.raises(CallError) as caught:
        roc1_client.call(Operation.CLC, roc1_simulator.services_url(AMC, "CLC"), request)
    error = caught.value
    assert type(error) is family
    assert error.reason == reason or reason is None
    assert error.http_status == status
    assert str(request.header.message_id).encode() in error.request_xml
    assert error.duration_ms >= 0


def test_an_error_tells_nothing_of_the_patient(roc1_client, roc1_simulator):
    request = calculation_request()
    secrets = [request.beneficiary.nir, request.beneficiary.birth_name, request.beneficiary.member_number]
    for behaviour in ("http:500", "invalid_answer", "fault:Client", "cut_before", "not_xml"):
        roc1_simulator.scenario(AMC, behaviour)
        with pytest.raises(CallError) as caught:
            roc1_client.call(Operation.CLC, roc1_simulator.services_url(AMC, "CLC"), request)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
        assert not [secret for secret in secrets if secret in shown]


def test_the_answer_that_broke_the_contract_is_kept(roc1_client, roc1_simulator):
    roc1_simulator.scenario(AMC, "invalid_answer")
    with pytest.raises(InvalidAnswer) as caught:
        roc1_client.call(Operation.IDB, roc1_simulator.services_url(AMC, "IDB"), rights_request())
    assert caught.value.field == "CodeRetour"
    assert b"bien trop long" in caught.value.response_xml


@pytest.mark.parametrize("marker", ["TKHTTP500", "TKAVANT", "TKAPRES", "TKTEXTE", "TKENTITES", "TKAUTRE", "TKINVALIDE",
                                    "TKTRONQUE", "TKFAUTE"])  # fmt: skip
def test_a_member_number_brings_a_trouble_once_for_a_message(roc1_client, roc1_simulator, marker):
    request = calculation_request(f"{marker}-1")
    url = roc1_simulator.services_url(AMC, "CLC")
    with pytest.raises(AnswerLost):
        roc1_client.call(Operation.CLC, url, request)
    assert roc1_client.call(Operation.CLC, url, request).answer.header.positive


def test_nobody_listening_is_not_sent(roc1_client):
    with RawServer(lambda connection: None, tls=None) as server:
        port = server.port
    with pytest.raises(NotSent) as caught:
        roc1_client.call(Operation.DIRECTORY, f"https://127.0.0.1:{port}/annuaire", directory_request())
    assert type(caught.value) is NotSent
    assert caught.value.reason == "connection_refused"


def test_an_unknown_host_is_not_sent(roc1_client):
    with pytest.raises(NotSent) as caught:
        roc1_client.call(Operation.DIRECTORY, "https://nowhere.invalid/annuaire", directory_request())
    assert type(caught.value) is NotSent
    assert caught.value.reason == "unknown_host"


def test_a_peer_that_accepts_and_never_speaks_tls_is_not_sent(roc1_simulator):
    client = Roc1Client(Roc1Config(**roc1_simulator.credentials, timeout_connect=0.3))
    with RawServer(lambda connection: time.sleep(1), tls=None) as server, pytest.raises(NotSent) as caught:
        client.call(Operation.DIRECTORY, f"https://127.0.0.1:{server.port}/annuaire", directory_request())
    assert caught.value.reason == "connect_timeout"
    assert caught.value.duration_ms < 900


def test_a_peer_that_hangs_up_during_the_handshake_is_not_sent(roc1_client):
    with RawServer(lambda connection: None, tls=None) as server, pytest.raises(NotSent) as caught:
        roc1_client.call(Operation.DIRECTORY, f"https://127.0.0.1:{server.port}/annuaire", directory_request())
    assert type(caught.value) is NotSent


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/annuaire", "ftp://x/", "", "/annuaire"])
def test_an_address_without_tls_is_refused_before_any_connection(roc1_client, url):
    with pytest.raises(ConfigurationError) as caught:
        roc1_client.call(Operation.DIRECTORY, url, directory_request())
    assert caught.value.reason == "address_not_https"


@pytest.mark.parametrize("url", ["https://", "https://[::1/annuaire", "https://host:port/"])
def test_an_address_that_cannot_be_read_is_not_sent(roc1_client, url):
    with pytest.raises(NotSent):
        roc1_client.call(Operation.DIRECTORY, url, directory_request())


def test_an_answer_that_is_not_http_is_invalid(roc1_client, roc1_simulator):
    def speak(connection):
        read_request(connection)
        connection.sendall(b"220 mail.example ESMTP\r\n\r\n")

    with RawServer(speak, tls=roc1_simulator.pki) as server, pytest.raises(InvalidAnswer) as caught:
        roc1_client.call(Operation.DIRECTORY, server.url, directory_request())
    assert caught.value.reason == "not_http"


def test_a_compressed_answer_is_refused_unread(roc1_client, roc1_simulator):
    reply = http_response(b"\x1f\x8b" + b"0" * 100, extra="Content-Encoding: gzip\r\n")
    with RawServer.answering(reply, roc1_simulator.pki) as server, pytest.raises(InvalidAnswer) as caught:
        roc1_client.call(Operation.DIRECTORY, server.url, directory_request())
    assert caught.value.reason == "answer_encoded"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_xml"),
        (b"<a/>", "not_an_envelope"),
        (envelope(""), "not_an_envelope"),
        (envelope("<a/><b/>"), "not_an_envelope"),
        (envelope("<other/>"), "other_answer"),
        (envelope('<DelReponse xmlns="urn:minigap:roc:1"/>'), "other_answer"),
        (envelope('<IdbReponse xmlns="urn:minigap:roc:1"/>'), "breaks_the_contract"),
        (b"<!DOCTYPE a><a/>", "doctype_refused"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + envelope("<a>&x;</a>"), "doctype_refused"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">' + envelope("<a/>"), "doctype_refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_is_not_ours_is_invalid(roc1_client, roc1_simulator, body, reason):
    with (
        RawServer.answering(http_response(body), roc1_simulator.pki) as server,
        pytest.raises(InvalidAnswer) as caught,
    ):
        roc1_client.call(Operation.IDB, server.url, rights_request())
    assert caught.value.reason == reason
    assert caught.value.response_xml == body


@pytest.mark.parametrize(
    ("at", "code", "rest", "reason"),
    [
        ("2026-05-04T08:30:00Z", "OK", "", "incomplete_answer"),
        ("2026-05-04T08:30:00", "OK", "<Droits/>", "breaks_the_contract"),
        ("2026-05-04T25:30:00Z", "OK", "<Droits/>", "breaks_the_contract"),
        ("2026-05-04T24:00:00Z", "RC15", "", "breaks_the_contract"),
        ("0000-05-04T10:00:00Z", "RC15", "", "breaks_the_contract"),
        ("2026-05-04T08:30:00Z", "A" * 21, "", "breaks_the_contract"),
    ],
)
def test_values_that_mean_nothing_are_invalid_and_never_crash(roc1_client, roc1_simulator, at, code, rest, reason):
    request = rights_request()
    body = envelope(ANSWER.format(id=request.header.message_id, at=at, code=code, rest=rest))
    with RawServer.answering(http_response(body), roc1_simulator.pki) as server:
        with pytest.raises(InvalidAnswer) as caught:
            roc1_client.call(Operation.IDB, server.url, request)
    assert caught.value.reason == reason


def test_a_code_of_twenty_characters_that_nobody_knows_is_an_answer(roc1_client, roc1_simulator):
    request = rights_request()
    body = envelope(ANSWER.format(id=request.header.message_id, at="2026-05-04T08:30:00+02:00", code="Z" * 20, rest=""))
    with RawServer.answering(http_response(body), roc1_simulator.pki) as server:
        answer = roc1_client.call(Operation.IDB, server.url, request).answer
    assert answer.header.code == "Z" * 20
    assert not answer.header.positive
    assert answer.header.answered_at.isoformat() == "2026-05-04T06:30:00+00:00"
