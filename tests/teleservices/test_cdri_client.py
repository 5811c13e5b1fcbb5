"""The client of the service of AMO rights: its messages, what it reads, how it fails. Over TLS, against a real process."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import uuid4

import pytest
from lxml import etree

from gap.identifiers import nir_key
from teleservices import certificates
from teleservices import client as application
from teleservices.clients.cdri1 import CONTRACT, Cdri1Client, CdriConfig
from teleservices.clients.credentials import FileCredentials
from teleservices.clients.errors import AnswerLost, CallError, ConfigurationError, InvalidAnswer, Refused
from teleservices.clients.roc1 import load_contract
from teleservices.clients.soap import parse_envelope, payload_of
from teleservices.clients.transport import HttpAnswer
from teleservices.enums import CertificateUse
from teleservices.messages import Operation
from teleservices.messages_cdri import AmoRightsAnswer, AmoRightsRequest, CdriHeader, Mode, Outcome
from tests.certificates import as_pem
from tests.simulator_process import THIS_MACHINE, SimulatorProcess

CDRI = Operation.CDRI
CARE = dt.date(2026, 11, 23)
DAY = dt.timedelta(days=1)


def client_of(simulator: SimulatorProcess, pair=None) -> Cdri1Client:
    pair = pair or simulator.pki.cdri
    credentials = FileCredentials(pair.certificate, pair.key, simulator.pki.ca)
    return Cdri1Client(CdriConfig(credentials, addresses=THIS_MACHINE, timeout_read=1))


@pytest.fixture
def client(simulator_process):
    simulator_process.clear_scenarios()
    found = client_of(simulator_process)
    yield found
    found.close()
    simulator_process.clear_scenarios()


def nir(place: str) -> str:
    """Of a woman born in May 1984 in `place`."""
    number = f"28405{place}001"
    return number + nir_key(number)


def asked(
    place: str = "35991", born: str = "1984-05-17", rank: int = 1, regime: str = "", **header
) -> AmoRightsRequest:
    sent_at = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
    sender = CdriHeader(uuid4(), sent_at, "350000014", "350000022", "mini-GAP", "0.1.0", **header)
    return AmoRightsRequest(sender, nir(place), born, CARE, rank, regime)


def ask(client: Cdri1Client, simulator: SimulatorProcess, request: AmoRightsRequest) -> AmoRightsAnswer:
    message = client.build(CDRI, request)
    return client.send(CDRI, simulator.cdri_url, message, request.header.message_id).answer


def codes(found) -> list[str]:
    return [one.code for one in found]


def test_anybody_has_rights_from_the_regime_that_was_declared(client, simulator_process) -> None:
    answer = ask(client, simulator_process, asked())
    rights = answer.rights
    assert (answer.outcome, answer.header.positive, rights.open_on(CARE)) == (Outcome.FOUND, True, True)
    assert (rights.insured, rights.sickness.organisation.regime, rights.person.quality) == (nir("35991"), "01", "1")
    assert answer.expires_at > answer.header.answered_at
    assert ask(client, simulator_process, asked(regime="02")).rights.sickness.organisation.regime == "02"


# Which rights each row of the simulator has: exonerations, modulations, situations, contrats particuliers.
_PARTICULAR = {
    "801": (["13"], [], [], []), "802": (["6"], [], [], []), "803": ([], [], ["1"], []), "804": ([], [], ["2"], []),
    "805": ([], [], ["3"], []), "806": ([], [], ["10"], []), "807": (["14"], [], [], []), "808": ([], ["6"], [], []),
    "809": ([], ["9"], [], []), "810": ([], ["8"], [], []), "823": ([], [], [], ["18", "22"]),
    "824": (["1"], [], [], []),
}  # fmt: skip


@pytest.mark.parametrize(("row", "expected"), _PARTICULAR.items(), ids=_PARTICULAR)
def test_each_particular_right_is_read(client, simulator_process, row, expected) -> None:
    rights = ask(client, simulator_process, asked(f"99{row}")).rights
    lists = (rights.exonerations, rights.modulations, rights.situations, rights.contracts)
    assert tuple(codes(one) for one in lists) == expected
    assert all(one.period.holds(CARE) for several in lists for one in several)


def test_what_comes_once_or_several_times_is_read(client, simulator_process) -> None:
    doctor = ask(client, simulator_process, asked("99815")).rights.doctor
    assert (doctor.name, doctor.period.holds(CARE)) == ("LEFLOCH", True)
    maternity = ask(client, simulator_process, asked("99802")).rights.maternity
    assert (CARE - maternity.pregnant_since, maternity.born_on) == (200 * DAY, None)
    rights = ask(client, simulator_process, asked("99816")).rights
    assert [one.number for one in rights.accidents] == ["260101001", "260101002", "260101003"]
    assert (rights.default_accident.number, rights.accidents[0].period.end) == ("", None)


@pytest.mark.parametrize(
    ("row", "days"),
    [("811", [True, False, False]), ("812", [True, True, False]), ("813", [False, False, True])],
    ids=["ended yesterday", "ending today", "starting tomorrow"],
)
def test_rights_hold_on_their_first_and_last_day(client, simulator_process, row, days) -> None:
    rights = ask(client, simulator_process, asked(f"99{row}")).rights
    assert [rights.open_on(day) for day in (CARE - DAY, CARE, CARE + DAY)] == days


def test_another_regime_than_the_declared_one_is_told(client, simulator_process) -> None:
    assert ask(client, simulator_process, asked("99814", regime="01")).rights.sickness.organisation.regime == "02"
    assert ask(client, simulator_process, asked("99814", regime="02")).rights.sickness.organisation.regime == "01"


def test_a_child_a_spouse_a_twin_and_a_lunar_birth_date_are_somebody(client, simulator_process) -> None:
    for born, quality in (("2015-02-03", "6"), ("1980-02-03", "2"), ("1984-05-00", "1")):
        person = ask(client, simulator_process, asked(born=born)).rights.person
        assert (person.birth_date, person.quality) == (born, quality)
    twins = [ask(client, simulator_process, asked("99817", "2015-02-03", rank)) for rank in (1, 2, 3)]
    assert [one.outcome for one in twins] == [Outcome.FOUND, Outcome.FOUND, Outcome.NOT_FOUND]
    assert twins[0].rights.person.first_name != twins[1].rights.person.first_name


@pytest.mark.parametrize(
    ("request_", "outcome", "positive"),
    [
        (asked("99818"), Outcome.NOT_FOUND, True),
        (asked("99819", regime="01"), Outcome.SEVERAL, True),
        (asked("99820"), Outcome.SEVERAL, True),
        (asked("99820", regime="01"), Outcome.FOUND, True),
        (asked("99821"), Outcome.CLOSED, False),
        (asked("99828"), Outcome.OTHER, False),
    ],
    ids=["nobody", "several", "several without régime", "one with régime", "closed", "unknown code"],
)
def test_each_outcome_says_whether_the_service_has_looked(
    client, simulator_process, request_, outcome, positive
) -> None:
    answer = ask(client, simulator_process, request_)
    assert (answer.outcome, answer.header.positive) == (outcome, positive)
    assert (answer.rights is not None) == (outcome == Outcome.FOUND)
    assert answer.header.code == ("ZZ99" if outcome == Outcome.OTHER else outcome.value)


def test_a_partial_answer_says_what_is_missing(client, simulator_process) -> None:
    answer = ask(client, simulator_process, asked("99822"))
    assert (answer.outcome, answer.missing) == (Outcome.PARTIAL, ("03.05", "03.10"))
    without_fund = ask(client, simulator_process, asked("99830"))
    assert (without_fund.missing, without_fund.rights.open_on(CARE)) == (("03.04",), False)


@pytest.mark.parametrize(
    ("scenario", "place", "raised", "reason"),
    [
        ("", "99825", AnswerLost, "read_timeout"),
        ("", "99826", AnswerLost, "connection_cut"),
        ("", "99827", AnswerLost, "http_503"),
        ("", "99829", InvalidAnswer, "breaks_the_contract"),
        ("rights:breaks", "35991", InvalidAnswer, "breaks_the_contract"),
        ("other_message_id", "35991", InvalidAnswer, "other_message_id"),
        ("entity_bomb", "35991", InvalidAnswer, "doctype_refused"),
        ("huge:1", "35991", InvalidAnswer, "answer_too_big"),
        ("fault:Server", "35991", AnswerLost, "soap_server"),
        ("fault:Client", "35991", Refused, "soap_client"),
        ("http:404", "35991", ConfigurationError, "http_404"),
    ],
    ids=["late", "cut", "down", "broken", "broken at run time", "other", "bomb", "huge", "fault", "ours", "moved"],
)
def test_each_failure_is_what_is_known_of_the_other_side(
    client, simulator_process, scenario, place, raised, reason
) -> None:
    if scenario:
        simulator_process.scenario("cdri", scenario)
    request = asked(place)
    with pytest.raises(CallError) as failure:
        ask(client, simulator_process, request)
    assert (type(failure.value), failure.value.reason) == (raised, reason)
    assert failure.value.request_xml and request.insured not in repr(failure.value)


def test_a_scenario_at_run_time_gives_rights_or_a_code_to_whoever_asks(client, simulator_process) -> None:
    simulator_process.scenario("cdri", "rights:ald", count=1)
    assert codes(ask(client, simulator_process, asked()).rights.exonerations) == ["13"]
    simulator_process.scenario("cdri", "code:CD02", "CDRI", count=1)
    assert ask(client, simulator_process, asked()).outcome == Outcome.NOT_FOUND
    assert ask(client, simulator_process, asked()).outcome == Outcome.FOUND


def test_the_certificate_of_another_service_opens_nothing(simulator_process) -> None:
    for pair in (simulator_process.pki.services, simulator_process.pki.insi):
        other = client_of(simulator_process, pair)
        with pytest.raises(ConfigurationError, match="http_403"):
            ask(other, simulator_process, asked())
        other.close()


@pytest.mark.django_db
def test_the_application_presents_the_certificate_kept_for_this_service(simulator, settings) -> None:
    settings.CDRI = {"url": simulator.cdri_url}
    # The files of the settings would open nothing: the one in force is what is shown.
    settings.TELESERVICES |= {"cdri_certificate": "/nowhere", "cdri_key": "/nowhere"}
    kept = certificates.import_certificate(CertificateUse.CDRI, as_pem(simulator.pki.cdri))
    certificates.put_in_force(kept.pk)
    application.forget()
    request, current = asked(), application.of(CDRI)
    message = current.build(CDRI, request)
    answer = current.send(CDRI, settings.CDRI["url"], message, request.header.message_id).answer
    assert answer.outcome == Outcome.FOUND


def test_by_day_the_agent_is_named_and_by_night_nobody(client, simulator_process) -> None:
    by_day = asked(mode=Mode.UNIT, agent="A1042")
    assert b"<Agent>A1042</Agent>" in client.build(CDRI, by_day)
    assert ask(client, simulator_process, by_day).outcome == Outcome.FOUND
    assert b"Agent" not in client.build(CDRI, asked())
    for wrong in (asked(mode=Mode.UNIT), asked(mode=Mode.BATCH, agent="A1042")):
        with pytest.raises(Refused) as refused:
            client.build(CDRI, wrong)
        assert refused.value.field == "Agent"
    # The other side checks it too: what another client would send.
    unnamed = client.build(CDRI, by_day).replace(b"<Agent>A1042</Agent>", b"")
    with pytest.raises(Refused, match="soap_client"):
        client.send(CDRI, simulator_process.cdri_url, unnamed, by_day.header.message_id)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"insured": "284053599100100"}, "NirAssure"),
        ({"birth_date": "17/05/1984"}, "DateNaissance"),
        ({"birth_rank": 0}, "RangNaissance"),
        ({"regime": "1"}, "Regime"),
        ({"regime": "\x00"}, ""),
    ],
    ids=["wrong key", "date", "rank", "régime", "not XML"],
)
def test_what_breaks_the_contract_never_leaves(client, change, field) -> None:
    with pytest.raises(Refused) as refused:
        client.build(CDRI, replace(asked(), **change))
    assert (refused.value.reason, refused.value.field) == ("invalid_request", field)


def _spoilt(raw: bytes, path: str, text: str | None) -> HttpAnswer:
    """The answer with the first element of that name changed, or taken away."""
    envelope = etree.fromstring(raw)
    found = next(envelope.iter("{*}" + path))
    if text is None:
        found.getparent().remove(found)
    else:
        found.text = text
    return HttpAnswer(200, etree.tostring(envelope), 1)


@pytest.mark.parametrize(
    ("element", "text", "reason"),
    [
        ("NirAssure", "284053599100100", "wrong_key"),
        ("Expiration", None, "incomplete_answer"),
        ("Maladie", None, "incomplete_answer"),
        ("Droits", None, "incomplete_answer"),
        ("CodeRetour", "CD02", "incomplete_answer"),
        ("Au", "2001-01-01", "unreadable_value"),
        ("Du", "2026-02-30", "breaks_the_contract"),
        ("DateReponse", "2026-02-30T10:00:00Z", "breaks_the_contract"),
    ],
    ids=[
        "key",
        "no expiry",
        "no fund",
        "no rights",
        "nobody with rights",
        "ends before",
        "no such day",
        "no such instant",
    ],
)
def test_an_answer_that_contradicts_itself_is_no_answer(client, simulator_process, element, text, reason) -> None:
    request = asked()
    message = client.build(CDRI, request)
    raw = client.send(CDRI, simulator_process.cdri_url, message, request.header.message_id).response_xml
    with pytest.raises(InvalidAnswer) as failure:
        client.read(_spoilt(raw, element, text), request.header.message_id)
    assert failure.value.reason == reason


def test_any_soap_library_writes_and_reads_the_same_from_the_contract(client, simulator_process) -> None:
    request = asked("99816", regime="01", mode=Mode.UNIT, agent="A1042")
    message = client.build(CDRI, request)
    library = load_contract(CONTRACT / "cdri1.wsdl")
    proxy = library.create_service("{urn:minigap:cdri:1}ConsultationDroitsSoap11", "https://localhost/")
    sender = request.header
    built = library.create_message(
        proxy,
        "Droits",
        EnTete={
            "IdMessage": str(sender.message_id), "DateEmission": sender.sent_at, "FinessJuridique": sender.finess_legal,
            "FinessGeographique": sender.finess_site, "Logiciel": sender.software_name,
            "VersionLogiciel": sender.software_version, "Mode": "UNITAIRE", "Agent": "A1042",
        },
        Beneficiaire={
            "NirAssure": request.insured, "DateNaissance": request.birth_date, "RangNaissance": 1, "Regime": "01",
        },
        DateSoins=CARE,
    )  # fmt: skip
    ours = payload_of(parse_envelope(message))
    assert _texts(payload_of(built)) == _texts(ours)

    answered = client.send(CDRI, simulator_process.cdri_url, message, sender.message_id)
    binding = library.wsdl.bindings["{urn:minigap:cdri:1}ConsultationDroitsSoap11"]
    read = binding.get("Droits").process_reply(parse_envelope(answered.response_xml))
    assert [one.Identifiant for one in read.Droits.AccidentTravail] == [
        one.number for one in answered.answer.rights.accidents
    ]


def _texts(element: etree._Element) -> list[tuple[str, str]]:
    """Every element with its text; an instant in UTC is written in two ways."""
    found = [(str(one.tag), (one.text or "").strip()) for one in element.iter()]
    return [(tag, text.replace("+00:00", "Z")) for tag, text in found]
