"""The client of the national identity service: its messages, what it reads, how it fails."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from gap.pki import SERVICES_UNIT
from teleservices.clients.credentials import FileCredentials
from teleservices.clients.errors import AnswerLost, CallError, ConfigurationError, InvalidAnswer, Refused
from teleservices.clients.insi import InsiClient, InsiConfig
from teleservices.clients.soap import ENVELOPE_12, parse_envelope, payload_of
from teleservices.clients.transport import HttpAnswer
from teleservices.messages import Operation
from teleservices.messages_insi import Found, InsiHeader, TraitsRequest, VitaleRequest
from teleservices.rules.insi import Question, believable, following, questions, settled
from tests.simulator_process import THIS_MACHINE, SimulatorProcess

INSI = Operation.INSI


def config(simulator: SimulatorProcess, **changes) -> InsiConfig:
    pair = changes.pop("pair", simulator.pki.insi)
    values = {
        "credentials": FileCredentials(pair.certificate, pair.key, simulator.pki.ca),
        "authorisation": "ESSAI",
        "believed": partial(believable, production=False),
        "addresses": THIS_MACHINE,
        "timeout_read": 1,
    }
    return InsiConfig(**values | changes)


@pytest.fixture
def client(simulator_process):
    simulator_process.clear_scenarios()
    found = InsiClient(config(simulator_process))
    yield found
    found.close()
    simulator_process.clear_scenarios()


def asked(name: str = "MORVAN", first: str = "HELENE", place: str = "") -> TraitsRequest:
    header = InsiHeader(uuid4(), dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC), "mini-GAP", "0.1.0")
    return TraitsRequest(header, name, first, "F", "1984-05-17", place)


def ask(client: InsiClient, simulator: SimulatorProcess, request: TraitsRequest | VitaleRequest):
    message = client.build(INSI, request)
    return client.send(INSI, simulator.insi_url, message, request.header.message_id).answer


def test_somebody_is_found_under_a_matricule_whose_key_is_right(client, simulator_process) -> None:
    answer = ask(client, simulator_process, asked(place="35991"))
    assert (answer.outcome, answer.header.code, answer.header.positive) == (Found.ONE, "00", True)
    assert (len(answer.active.value), answer.active.oid) == (15, "1.2.250.1.213.1.4.10")
    assert (answer.birth_name, answer.first_names, answer.birth_place) == ("MORVAN", "HELENE", "35991")
    # The same traits, the same matricule: another try of the specification finds the same person.
    assert ask(client, simulator_process, asked(first="MARIE")).active.value == answer.active.value


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        (asked("INTROUVABLE"), Found.NONE),
        (asked("HOMONYMIE", place="35991"), Found.SEVERAL),
        (asked("DEPARTAGE"), Found.SEVERAL),
        (asked("DEPARTAGE", place="35991"), Found.ONE),
        (asked("SECOND", "PREMIER"), Found.NONE),
        (asked("SECOND", "YANN"), Found.ONE),
    ],
    ids=["nobody", "several", "several without place", "one with place", "not the first name", "another first name"],
)
def test_nobody_and_several_are_answers(client, simulator_process, request_, outcome) -> None:
    answer = ask(client, simulator_process, request_)
    assert (answer.outcome, answer.header.positive) == (outcome, True)
    assert (answer.active is not None) == (outcome == Found.ONE)


def test_a_card_asks_by_its_numbers(client, simulator_process) -> None:
    header = asked().header
    answer = ask(client, simulator_process, VitaleRequest(header, "284059999000159", "1984-05-17", birth_name="MORVAN"))
    assert (answer.outcome, answer.sex) == (Found.ONE, "F")


def test_former_matricules_come_with_dates_that_contradict_each_other(client, simulator_process) -> None:
    answer = ask(client, simulator_process, asked("HISTORIQUE"))
    assert [(one.valid_from, one.valid_until) for one in answer.former] == [
        (dt.date(2019, 3, 1), dt.date(2019, 2, 28)), (None, None),
    ]  # fmt: skip


def test_a_production_refuses_the_matricules_of_tests(simulator_process) -> None:
    real = InsiClient(config(simulator_process, believed=partial(believable, production=True)))
    with pytest.raises(ConfigurationError, match="insi_test_matricule"):
        ask(real, simulator_process, asked())
    assert ask(real, simulator_process, asked("REEL")).active.oid == "1.2.250.1.213.1.4.8"
    assert ask(real, simulator_process, asked("ATTENTE")).active.oid == "1.2.250.1.213.1.4.9"
    real.close()


@pytest.mark.parametrize(
    ("scenario", "name", "raised", "reason"),
    [
        ("", "REFUSE", ConfigurationError, "insi_desir_550"),
        ("", "FERME", AnswerLost, "insi_desir_999"),
        ("latency:3", "MORVAN", AnswerLost, "read_timeout"),
        ("cut_after", "MORVAN", AnswerLost, "connection_cut"),
        ("not_xml", "MORVAN", InvalidAnswer, "not_xml"),
        ("entity_bomb", "MORVAN", InvalidAnswer, "doctype_refused"),
        ("truncated", "MORVAN", AnswerLost, "connection_cut"),
        ("http:503", "MORVAN", AnswerLost, "http_503"),
        ("http:404", "MORVAN", ConfigurationError, "http_404"),
    ],
    ids=["software", "closed", "late", "cut", "text", "bomb", "half", "busy", "moved"],
)
def test_each_failure_is_what_is_known_of_the_other_side(
    client, simulator_process, scenario, name, raised, reason
) -> None:
    if scenario:
        simulator_process.scenario("insi", scenario)
    request = asked(name)
    with pytest.raises(CallError) as failure:
        ask(client, simulator_process, request)
    assert (type(failure.value), failure.value.reason) == (raised, reason)
    assert failure.value.request_xml and name not in repr(failure.value)


def test_the_certificate_of_another_service_opens_nothing(simulator_process) -> None:
    other = InsiClient(config(simulator_process, pair=simulator_process.pki.services))
    assert SERVICES_UNIT == "ROC-SERVICES"
    with pytest.raises(ConfigurationError, match="insi_desir_560"):
        ask(other, simulator_process, asked())
    other.close()


def test_what_breaks_the_contract_never_leaves(client) -> None:
    with pytest.raises(Refused) as refused:
        client.build(INSI, asked(place="12"))
    assert refused.value.field == "LieuNaissance"


def test_a_matricule_with_a_wrong_key_is_no_answer(client, simulator_process, shared) -> None:
    body = client.build(INSI, asked())
    raw = client.send(INSI, simulator_process.insi_url, body, uuid4()).response_xml
    wrong = HttpAnswer(200, raw.replace(b"<ns0:Cle>", b"<ns0:Cle>").replace(_key(raw), b"00"), 1)
    with pytest.raises(InvalidAnswer, match="wrong_key"):
        client._read(wrong, uuid4())


def _key(raw: bytes) -> bytes:
    keys = etree.fromstring(raw).xpath("//*[local-name()='Cle']/text()")
    return str(keys[0]).encode()


# ---- the real ones, where they are at hand ----

_OUTCOMES = {
    "REP_CR01.xml": "01", "CR02_plusieurs_identites.xml": "02", "OK_ADRTROIS_DOMINIQUE.xml": "297022A02077878",
    "TEST_2.04_cas2.xml": "109076322083489", "TEST_2.05.xml": "109076322088835",
}  # fmt: skip


def test_what_the_real_service_answers_is_read(shared: Path) -> None:
    folder = shared / "artefacts" / "insi" / "responses"
    everybody = InsiClient(InsiConfig(FileCredentials(folder, folder, folder), "", lambda _oid: True))
    for name, expected in _OUTCOMES.items():
        answer = everybody._read(HttpAnswer(200, (folder / name).read_bytes(), 1), uuid4())
        assert (answer.active.value if answer.active else answer.header.code) == expected, name
    refused = HttpAnswer(500, (folder / "FAULT_siram_100_desir_550.xml").read_bytes(), 1)
    with pytest.raises(ConfigurationError, match="insi_desir_550"):
        everybody._read(refused, uuid4())


def test_what_we_ask_is_valid_for_the_real_contract(shared: Path) -> None:
    folder = shared / "artefacts" / "insi" / "wsdl" / "xsd"
    ours = InsiClient(InsiConfig(FileCredentials(folder, folder, folder), "ESSAI", lambda _oid: True))
    vitale = VitaleRequest(asked().header, "284059999000159", "1984-05-17")
    for request, name in ((asked(place="35991"), "INSi_RECSANS_INS.xsd"), (vitale, "INSi_RECVITALE_INS.xsd")):
        envelope = parse_envelope(ours.build(INSI, request), ENVELOPE_12)
        schema = etree.XMLSchema(etree.parse(str(folder / "ServiceIdentiteCertifiee" / name)))
        schema.assertValid(payload_of(envelope, ENVELOPE_12))
        header = envelope[0]
        for tag, file in (
            ("ContexteLPS", "ROOT_ctxlps_CTXLPS_V01_00.xsd"),
            ("ContexteBAM", "ROOT_ctxbam_CTXBAM_V01_02.xsd"),
        ):
            part = next(one for one in header if etree.QName(one).localname == tag)
            etree.XMLSchema(etree.parse(str(folder / "CTX" / file))).assertValid(part)


# ---- the series of the specification ----


def test_each_first_name_is_tried_then_each_with_the_birth_place() -> None:
    assert questions("Anne-Lise Maëlle Anne-Lise", "35991") == [
        Question("Anne-Lise", False), Question("Maëlle", False), Question("Anne-Lise", True), Question("Maëlle", True),
    ]  # fmt: skip
    assert questions("Anne", "") == [Question("Anne", False)]
    assert questions("", "35991") == []


def test_a_series_ends_when_somebody_is_found_or_nothing_is_left() -> None:
    assert [following(0, Found.NONE, 2), following(1, Found.SEVERAL, 2), following(0, Found.ONE, 2)] == [1, None, None]
    assert settled([Found.NONE, Found.SEVERAL, Found.NONE]) == Found.SEVERAL
    assert settled([Found.NONE]) == Found.NONE


@pytest.mark.parametrize(
    ("oid", "production", "test"),
    [("8", True, True), ("9", True, True), ("10", False, True), ("11", False, True), ("12", False, False)],
)
def test_which_matricules_may_be_kept(oid, production, test) -> None:
    whole = f"1.2.250.1.213.1.4.{oid}"
    assert (believable(whole, production=True), believable(whole, production=False)) == (production, test)
