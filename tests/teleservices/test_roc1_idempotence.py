"""One message id, one processing: what makes a lost answer harmless."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from teleservices.clients.errors import AnswerLost, Refused
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation
from tests.roc_messages import AMC, calculation_request, rights_request, simulation_request
from tests.simulator_process import SimulatorProcess


def engagements_of(simulator: SimulatorProcess, dossier: str) -> list[str]:
    return [e["number"] for e in simulator.engagements() if e["dossier"] == dossier]


@pytest.mark.parametrize("make", [rights_request, simulation_request, calculation_request])
def test_a_repeated_message_gets_the_first_answer_byte_for_byte(roc1_client, roc1_simulator, make):
    request = make()
    operation = {"R": Operation.IDB, "S": Operation.SIM, "C": Operation.CLC}[type(request).__name__[0]]
    url = roc1_simulator.services_url(AMC, operation.value)
    first = roc1_client.call(operation, url, request)
    later = replace(request, header=replace(request.header, sent_at=request.header.sent_at + timedelta(minutes=5)))
    again = roc1_client.call(operation, url, later)
    assert again.response_xml == first.response_xml
    assert [entry["outcome"] for entry in roc1_simulator.log(request.header.message_id)] == ["OK", "repeated"]


def test_a_built_message_may_be_kept_and_sent_again_to_the_letter(roc1_client, roc1_simulator):
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    message = roc1_client.build(Operation.CLC, request)
    roc1_simulator.scenario(AMC, "cut_after", count=1)
    with pytest.raises(AnswerLost) as caught:
        roc1_client.send(Operation.CLC, url, message, request.header.message_id)
    assert caught.value.request_xml == message
    again = roc1_client.send(Operation.CLC, url, message, request.header.message_id)
    assert again.request_xml == message
    assert [again.answer.engagement_number] == engagements_of(roc1_simulator, request.header.dossier_number)


@pytest.mark.parametrize("trouble", ["cut_after", "not_xml", "other_message_id", "truncated", "slow_drip:0.5"])
def test_an_engagement_whose_answer_was_lost_is_found_by_the_same_message(roc1_simulator, trouble):
    client = Roc1Client(Roc1Config(**roc1_simulator.credentials, timeout_total=1))
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    roc1_simulator.scenario(AMC, trouble, count=1)
    with pytest.raises(AnswerLost):
        client.call(Operation.CLC, url, request)
    made = engagements_of(roc1_simulator, request.header.dossier_number)
    assert len(made) == 1
    assert client.call(Operation.CLC, url, request).answer.engagement_number == made[0]
    assert engagements_of(roc1_simulator, request.header.dossier_number) == made


def test_a_message_cut_before_processing_is_processed_once_by_its_second_attempt(roc1_client, roc1_simulator):
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    roc1_simulator.scenario(AMC, "cut_before", count=1)
    with pytest.raises(AnswerLost):
        roc1_client.call(Operation.CLC, url, request)
    assert engagements_of(roc1_simulator, request.header.dossier_number) == []
    assert roc1_client.call(Operation.CLC, url, request).answer.header.positive


def test_the_same_message_id_with_another_content_is_a_fault(roc1_client, roc1_simulator):
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    roc1_client.call(Operation.CLC, url, request)
    with pytest.raises(Refused, match="soap_client"):
        roc1_client.call(Operation.CLC, url, replace(request, prescription_date=None))


@pytest.mark.parametrize("code", ["RC24", "RC25", "RC26"])
def test_unavailable_means_that_nothing_was_processed(roc1_client, roc1_simulator, code):
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    roc1_simulator.scenario(AMC, f"code:{code}", count=2)
    codes = [roc1_client.call(Operation.CLC, url, request).answer.header.code for _ in range(3)]
    assert codes == [code, code, "OK"]
    assert len(engagements_of(roc1_simulator, request.header.dossier_number)) == 1


def test_a_negative_answer_is_remembered_too(roc1_client, roc1_simulator):
    request = calculation_request()
    url = roc1_simulator.services_url(AMC, "CLC")
    roc1_simulator.scenario(AMC, "code:RC15", count=1)
    assert [roc1_client.call(Operation.CLC, url, request).answer.header.code for _ in range(2)] == ["RC15", "RC15"]


def test_two_attempts_at_the_same_instant_are_one_processing(roc1_client, roc1_simulator):
    url = roc1_simulator.services_url(AMC, "CLC")
    for _ in range(5):
        request = calculation_request()
        with ThreadPoolExecutor(8) as pool:
            exchanges = list(pool.map(lambda _, sent=request: roc1_client.call(Operation.CLC, url, sent), range(8)))
        assert len({exchange.response_xml for exchange in exchanges}) == 1
        assert len(engagements_of(roc1_simulator, request.header.dossier_number)) == 1


def test_what_was_answered_survives_a_crash_of_the_payer(tmp_path):
    simulator = SimulatorProcess(tmp_path).start()
    try:
        request = calculation_request()
        first = Roc1Client(Roc1Config(**simulator.credentials)).call(
            Operation.CLC, simulator.services_url(AMC, "CLC"), request
        )
        simulator.kill()
        simulator.start()
        client = Roc1Client(Roc1Config(**simulator.credentials))
        again = client.call(Operation.CLC, simulator.services_url(AMC, "CLC"), request)
        assert again.response_xml == first.response_xml
        other = calculation_request(dossier=request.header.dossier_number)
        assert client.call(Operation.CLC, simulator.services_url(AMC, "CLC"), other).answer.header.code == "RC08"
    finally:
        simulator.stop()
