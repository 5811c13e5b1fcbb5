"""The process: alone, quick to stop, and discreet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
from contextlib import suppress

import pytest

from teleservices.clients.errors import CallError
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation, PayerRoute
from tests.roc_messages import AMC, calculation_request, directory_request, rights_request
from tests.simulator_process import ROOT, SimulatorProcess


def client_of(simulator: SimulatorProcess) -> Roc1Client:
    return Roc1Client(Roc1Config(**simulator.credentials))


def test_it_imports_nothing_of_the_application():
    code = (
        "import sys, simulator.__main__\n"
        "ours = 'django zeep gap accounts debtors admissions teleservices billing worklists'.split()\n"
        "sys.exit(', '.join(name for name in ours if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_even_with_slow_calls_in_hand(tmp_path, number):
    simulator = SimulatorProcess(tmp_path).start()
    client = client_of(simulator)
    simulator.scenario("*", "latency:30")

    def wait_for_an_answer() -> None:
        with suppress(CallError):
            client.call(Operation.DIRECTORY, simulator.directory_url, directory_request())

    waiting = [threading.Thread(target=wait_for_an_answer) for _ in range(4)]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    started = time.monotonic()
    os.kill(simulator.pid, number)
    assert simulator.stop() == 0
    assert time.monotonic() - started < 6
    for thread in waiting:
        thread.join(15)
    assert simulator.output() == ""


def test_it_starts_again_where_it_stopped(tmp_path):
    simulator = SimulatorProcess(tmp_path).start()
    url = simulator.services_url(AMC, "CLC")
    number = client_of(simulator).call(Operation.CLC, url, calculation_request()).answer.engagement_number
    assert simulator.stop() == 0
    simulator.start()
    assert [engagement["number"] for engagement in simulator.engagements()] == [number]
    assert simulator.stop() == 0


def test_a_missing_pki_is_an_error_and_not_a_silence(tmp_path):
    command = [sys.executable, "-m", "simulator", "--pki", str(tmp_path), "--state", str(tmp_path / "state")]
    command += ["--port-file", str(tmp_path / "ports.json")]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=20)
    assert done.returncode != 0
    assert not (tmp_path / "ports.json").exists()


def test_the_journal_and_the_memory_hold_nothing_of_the_patient(tmp_path):
    with SimulatorProcess(tmp_path) as simulator:
        request = calculation_request("ADH-SECRET")
        client_of(simulator).call(Operation.CLC, simulator.services_url(AMC, "CLC"), request)
        (entry,) = simulator.log(request.header.message_id)
        shown = str(simulator.log()) + str(simulator.engagements())
    assert entry["operation"] == "CLC" and entry["amc"] == AMC and entry["outcome"] == "OK"
    stored = b"".join(path.read_bytes() for path in simulator.state.iterdir())
    person = request.beneficiary
    for secret in (person.nir, person.birth_name, person.used_name, person.member_number, person.first_name):
        assert secret not in shown
        assert secret.encode() not in stored


def test_the_control_endpoint_sets_shows_and_forgets_scenarios(simulator_running):
    assert simulator_running.control("GET", "/health") == {"status": "ok"}
    simulator_running.scenario(AMC, "latency:0.1+code:RC20", "SIM", count=3)
    assert simulator_running.control("GET", "/scenario") == [
        {"amc": AMC, "operation": "SIM", "behaviour": "latency:0.1+code:RC20", "remaining": 3}
    ]
    simulator_running.clear_scenarios(AMC)
    assert simulator_running.control("GET", "/scenario") == []


@pytest.mark.parametrize(
    "body", [{}, {"amc": AMC}, {"amc": AMC, "behaviour": "no"}, {"amc": AMC, "behaviour": "cut_after", "count": "x"}]
)
def test_the_control_endpoint_refuses_what_it_cannot_read(simulator_running, body):
    with pytest.raises(urllib.error.HTTPError) as caught:
        simulator_running.control("POST", "/scenario", body)
    assert caught.value.code == 400


def test_a_message_at_the_address_of_another_payer_is_a_fault(simulator_running):
    request = rights_request(route=PayerRoute("0099000112", "RO"))
    with pytest.raises(CallError) as caught:
        client_of(simulator_running).call(Operation.IDB, simulator_running.services_url(AMC, "IDB"), request)
    assert caught.value.reason == "soap_client"


def test_an_unknown_address_is_not_found(simulator_running):
    with pytest.raises(CallError) as caught:
        client_of(simulator_running).call(Operation.IDB, f"{simulator_running.base_url}/elsewhere", rights_request())
    assert caught.value.reason == "http_404"


@pytest.mark.parametrize(
    ("amc", "expected"),
    [("0099000902", "RC26"), ("0099000904", "RC13"), ("0099000905", "ZZ99"), ("0099000903", "http_503")],
)
def test_the_payers_made_for_tests_keep_their_habits(simulator_running, amc, expected):
    request = rights_request(route=PayerRoute(amc, "RO"))
    try:
        exchange = client_of(simulator_running).call(Operation.IDB, simulator_running.services_url(amc, "IDB"), request)
        outcome = exchange.answer.header.code
    except CallError as error:
        outcome = error.reason
    assert outcome == expected


def test_the_directory_answers_about_a_payer_that_is_down(simulator_running):
    request = directory_request(route=PayerRoute("0099000903", "RO"))
    url = simulator_running.directory_url
    assert client_of(simulator_running).call(Operation.DIRECTORY, url, request).answer.found


def test_many_signals_at_once_stop_it_all_the_same(tmp_path):
    for _ in range(5):
        simulator = SimulatorProcess(tmp_path).start()
        for _ in range(20):
            os.kill(simulator.pid, signal.SIGINT)
            os.kill(simulator.pid, signal.SIGTERM)
        assert simulator.stop() == 0
