"""The five operations of the reference contract, through the wire."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from simulator.store import Store
from teleservices.clients.errors import Refused
from teleservices.clients.roc1 import Roc1Client
from teleservices.messages import Answer, DossierKind, LineShare, Operation, PayerRoute
from tests.roc_messages import (
    AMC,
    ROUTE,
    beneficiary,
    calculation_request,
    cancellation_request,
    directory_request,
    header,
    lines,
    nir,
    request_for,
    rights_request,
    simulation_request,
)
from tests.simulator_process import ROOT, SimulatorProcess

CODES = list(csv.DictReader((ROOT / "simulator/data/return_codes.csv").open(encoding="utf-8")))
OPERATIONS_OF_AMC = (Operation.IDB, Operation.SIM, Operation.CLC, Operation.DEL)
NS = {"r": "urn:minigap:roc:1"}


@pytest.fixture
def call(roc1_client: Roc1Client, roc1_simulator: SimulatorProcess):
    """Call an operation at the address that the directory gives."""

    def send(operation: Operation, request) -> Answer:
        if operation is Operation.DIRECTORY:
            url = roc1_simulator.directory_url
        else:
            url = roc1_simulator.services_url(request.route.amc_number, operation.value)
        return roc1_client.call(operation, url, request).answer

    return send


def test_the_directory_gives_the_four_addresses_of_a_connected_payer(call, roc1_simulator):
    answer = call(Operation.DIRECTORY, directory_request())
    assert answer.found
    assert (answer.amc_label, answer.operator) == ("Malakoff Humanis Nationale", "Viamedis")
    assert answer.connected_since == date(2021, 3, 1)
    assert answer.contract_version == "roc1"
    assert answer.multiple_centres
    assert answer.dre_address
    given = (answer.idb_url, answer.sim_url, answer.clc_url, answer.del_url)
    assert given == tuple(roc1_simulator.services_url(AMC, operation.value) for operation in OPERATIONS_OF_AMC)


@pytest.mark.parametrize(
    ("route", "changes"),
    [
        (PayerRoute("0099999999", "RO"), {}),
        (PayerRoute("0099000163", "RO"), {}),
        (PayerRoute(AMC, "ZZ"), {}),
        (PayerRoute("0099000114", "RO"), {"domain": "PSY"}),
        (PayerRoute("0099000908", "RO"), {}),
        (PayerRoute("0099000907", "RO", "C12"), {}),
    ],
    ids=["unknown", "not-listed", "other-convention", "other-domain", "connected-later", "other-csr"],
)
def test_the_directory_does_not_find(call, route, changes):
    answer = call(Operation.DIRECTORY, directory_request(route, **changes))
    assert not answer.found
    assert answer.clc_url == ""


def test_the_directory_matches_the_csr_with_wildcards(call):
    assert call(Operation.DIRECTORY, directory_request(PayerRoute("0099000907", "RO", "B12345678"))).found


def test_idb_tells_the_rights_of_the_day(call):
    answer = call(Operation.IDB, rights_request())
    assert answer.header.positive
    assert answer.rights_from == date(2026, 1, 1)
    assert answer.rights_until == date(2026, 12, 31)
    assert answer.responsible_contract is True
    assert answer.patient_share_possible is True
    covered = {family.family: family.covered for family in answer.families}
    assert covered["SEJOUR"] and covered["CHAMBRE_PARTICULIERE"] and not covered["CONFORT"]


def test_sim_pays_what_the_amo_leaves_up_to_the_ceiling_of_the_contract(call):
    answer = call(Operation.SIM, simulation_request())
    assert answer.lines == (
        LineShare(1, Decimal("240.00")),
        LineShare(2, Decimal("60.00")),
        LineShare(3, Decimal("150.00")),
    )
    assert answer.amc_total == Decimal("450.00")
    assert answer.patient_share == Decimal("60.00")


def test_clc_engages_what_sim_announced(call, roc1_simulator):
    request = calculation_request()
    answer = call(Operation.CLC, request)
    assert answer.amc_total == call(Operation.SIM, simulation_request()).amc_total
    assert answer.engagement_number
    assert answer.valid_until > date.today() + timedelta(days=30)
    assert answer.dre_address and answer.dre_recipient
    assert answer.debtor.label == "Malakoff Humanis Nationale"
    assert (answer.debtor.postcode, answer.debtor.town) == ("75009", "Paris")
    kept = [e for e in roc1_simulator.engagements() if e["number"] == answer.engagement_number]
    assert [e["amount"] for e in kept] == ["450.00"]


def test_external_care_is_engaged_without_a_stay(call):
    request = calculation_request()
    one = replace(lines()[0], service_code="CS", end=request.entry)
    request = replace(
        request, header=replace(request.header, dossier_kind=DossierKind.EXTERNAL), exit=request.entry, lines=(one,)
    )
    assert call(Operation.CLC, request).amc_total == Decimal("240.00")


def test_a_second_clc_for_a_dossier_in_force_is_rc08_until_the_first_is_cancelled(call):
    first = call(Operation.CLC, calculation_request(dossier="DOSSIER-A"))
    assert call(Operation.CLC, calculation_request(dossier="DOSSIER-A")).header.code == "RC08"
    cancelled = call(Operation.DEL, cancellation_request(first.engagement_number))
    assert cancelled.header.positive and cancelled.cancelled_at is not None
    again = call(Operation.CLC, calculation_request(dossier="DOSSIER-A"))
    assert again.header.positive
    assert again.engagement_number != first.engagement_number


def test_del_of_an_unknown_a_cancelled_or_another_payers_engagement_is_rc09(call):
    assert call(Operation.DEL, cancellation_request("E-UNKNOWN")).header.code == "RC09"
    number = call(Operation.CLC, calculation_request()).engagement_number
    other = PayerRoute("0099000112", "RO")
    assert call(Operation.DEL, cancellation_request(number, other)).header.code == "RC09"
    assert call(Operation.DEL, cancellation_request(number)).header.positive
    assert call(Operation.DEL, cancellation_request(number)).header.code == "RC09"


def test_del_of_a_billed_engagement_is_rc10(call, roc1_simulator):
    number = call(Operation.CLC, calculation_request()).engagement_number
    store = Store(roc1_simulator.state)
    store.mark_billed(number)
    assert call(Operation.DEL, cancellation_request(number)).header.code == "RC10"
    store.unmark_billed(number)
    store.close()
    assert call(Operation.DEL, cancellation_request(number)).header.positive


@pytest.mark.parametrize("row", CODES, ids=[row["code"] for row in CODES])
def test_every_return_code_comes_from_a_member_number_for_each_of_its_operations(call, row):
    for name in row["operations"].split("|"):
        operation = Operation(name)
        request = request_for(operation, f"{row['code']}0001")
        if row["code"] == "RC23" and operation is Operation.CLC:
            request = replace(request, prescription_date=None)
        assert call(operation, request).header.code == row["code"], name


def test_a_code_outside_of_its_operations_is_not_given(call):
    assert call(Operation.IDB, rights_request("RC20-1")).header.positive


def test_a_member_number_may_ask_for_a_code_on_one_operation_alone(call):
    assert call(Operation.IDB, rights_request("RC15CLC-1")).header.positive
    assert call(Operation.CLC, calculation_request("RC15CLC-1")).header.code == "RC15"


def test_rc23_stops_when_a_prescription_date_comes(call):
    assert call(Operation.CLC, calculation_request("RC23-1", prescription=None)).header.code == "RC23"
    assert call(Operation.CLC, calculation_request("RC23-1")).header.positive


def test_rc21_stops_when_the_amo_regime_is_the_one_the_payer_knows(call):
    request = rights_request("RC21-1")
    assert call(Operation.IDB, request).header.code == "RC21"
    aligned = replace(request, header=header(), beneficiary=replace(request.beneficiary, amo_regime="02"))
    assert call(Operation.IDB, aligned).header.positive


def test_an_absent_member_number_is_rc22(call):
    assert call(Operation.IDB, rights_request("")).header.code == "RC22"


def test_a_domain_that_the_payer_does_not_cover_is_rc18(call):
    request = rights_request(route=PayerRoute("0099000114", "RO"), domain="HAD")
    assert call(Operation.IDB, request).header.code == "RC18"


def test_the_payer_checks_amounts_and_dates(call):
    request = simulation_request()
    wrong_total = replace(request, lines=(replace(request.lines[0], total=Decimal("1.00"), amo_amount=Decimal(0)),))
    assert call(Operation.SIM, wrong_total).header.code == "RC06"
    late = replace(request.lines[0], end=request.expected_exit + timedelta(days=1))
    assert call(Operation.SIM, replace(request, header=header(), lines=(late,))).header.code == "RC07"


def test_too_many_simulations_of_a_dossier_are_rc12(call):
    codes = [call(Operation.SIM, simulation_request(dossier="DOSSIER-SIM")).header.code for _ in range(21)]
    assert codes == ["OK"] * 20 + ["RC12"]


def test_a_negative_answer_carries_its_label_and_nothing_else(call):
    answer = call(Operation.CLC, calculation_request("RC19-1"))
    assert not answer.header.positive
    assert answer.header.label == "Tiers payant non autorisé par le contrat"
    assert answer.engagement_number == "" and answer.lines == () and answer.amc_total is None


def test_what_is_sent_is_what_the_request_says(roc1_client, roc1_simulator):
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    sent = etree.fromstring(roc1_client.call(Operation.CLC, url, request).request_xml)

    def text(path: str) -> str:
        return sent.findtext(".//" + "/".join(f"r:{step}" for step in path.split("/")), namespaces=NS)

    person = request.beneficiary
    assert text("EnTete/IdMessage") == str(request.header.message_id)
    assert text("EnTete/NumeroDossier") == request.header.dossier_number
    assert text("Beneficiaire/NomNaissance") == person.birth_name
    assert text("Beneficiaire/NomUsage") == person.used_name
    assert text("Beneficiaire/Nir") == person.nir
    assert text("DateEntree") == "2026-05-04" and text("DatePrescription") == "2026-05-04"
    assert text("Lignes/Ligne/MontantTotal") == "1200.00"
    assert len(sent.findall(".//r:Ligne", NS)) == 3


@pytest.mark.parametrize("department", ["2A", "2B", "75", "99"])
def test_a_nir_of_corsica_or_elsewhere_passes(call, department):
    person = beneficiary(nir=nir(f"18405{department}999123"))
    assert call(Operation.IDB, replace(rights_request(), beneficiary=person)).header.positive


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (replace(rights_request(), beneficiary=beneficiary(nir="12345")), "Nir"),
        (rights_request(route=PayerRoute("99000102", "RO")), "NumeroAmc"),
        (rights_request(route=PayerRoute(AMC, "ro")), "TypeConvention"),
        (rights_request(route=PayerRoute(AMC, "RO", "1234567890")), "Csr"),
        (rights_request(finess_site="12"), "FinessGeographique"),
        (rights_request(domain="URG"), "Domaine"),
        (replace(simulation_request(), lines=(replace(lines()[0], unit_price=Decimal("0.001")),)), "PrixUnitaire"),
        (replace(simulation_request(), lines=(replace(lines()[0], total=Decimal("-1.00")),)), "MontantTotal"),
        (replace(simulation_request(), lines=(replace(lines()[0], total=Decimal("123456789.00")),)), "MontantTotal"),
        (replace(simulation_request(), lines=(replace(lines()[0], total=Decimal("NaN")),)), "MontantTotal"),
        (replace(simulation_request(), lines=(replace(lines()[0], total=Decimal(10) ** 40),)), "MontantTotal"),
        (replace(simulation_request(), lines=()), "Lignes"),
        (rights_request(sent_at=header().sent_at.replace(tzinfo=None)), "DateEmission"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_that_breaks_the_contract_is_not_sent(roc1_client, roc1_simulator, request_, field):
    operation = Operation.SIM if hasattr(request_, "lines") else Operation.IDB
    with pytest.raises(Refused) as caught:
        roc1_client.call(operation, roc1_simulator.services_url(AMC, operation.value), request_)
    assert caught.value.reason == "invalid_request"
    assert caught.value.field in (field, "")
    assert caught.value.http_status is None
    assert roc1_simulator.log(request_.header.message_id) == []


def test_a_name_that_xml_cannot_carry_is_not_sent(roc1_client, roc1_simulator):
    request = replace(rights_request(), beneficiary=beneficiary(birth_name="LOU\x00TRE"))
    with pytest.raises(Refused) as caught:
        roc1_client.call(Operation.IDB, roc1_simulator.services_url(AMC, "IDB"), request)
    assert "LOU" not in repr(caught.value) and caught.value.__cause__ is None


def test_a_request_of_another_operation_is_a_mistake_of_the_caller(roc1_client, roc1_simulator):
    with pytest.raises(ValueError, match="RightsRequest is not a request of CLC"):
        roc1_client.call(Operation.CLC, roc1_simulator.services_url(AMC, "CLC"), rights_request())


def test_the_contract_is_one_schema_with_no_enumeration_of_codes():
    schema = etree.parse(str(ROOT / "teleservices/contracts/roc1/roc1.xsd"))
    ns = {"xs": "http://www.w3.org/2001/XMLSchema"}
    code = schema.find(".//xs:simpleType[@name='CodeRetour']", ns)
    assert code is not None and code.find(".//xs:enumeration", ns) is None
    assert Path(ROOT / "teleservices/contracts/roc1/roc1.wsdl").read_text(encoding="utf-8").count("soapAction=") == 5


def test_route_with_a_csr_is_sent_as_it_is(roc1_client, roc1_simulator):
    route = PayerRoute(AMC, ROUTE.convention, "12AB")
    exchange = roc1_client.call(Operation.IDB, roc1_simulator.services_url(AMC, "IDB"), rights_request(route=route))
    assert b"Csr>12AB<" in exchange.request_xml
