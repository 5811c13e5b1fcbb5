"""Size and time: what the other side sends, and how slowly, is never its own choice."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from teleservices.clients.errors import AnswerLost, InvalidAnswer
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation
from tests.roc_messages import AMC, rights_request
from tests.simulator_process import SimulatorProcess

MEGABYTE = 1024 * 1024


def impatient(simulator: SimulatorProcess, **limits: float) -> Roc1Client:
    return Roc1Client(Roc1Config(**simulator.credentials, **limits))


def sent_bytes(simulator: SimulatorProcess, message_id: object) -> int:
    """How much the simulator could send before we hung up."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for entry in simulator.log(message_id):
            if "sent_bytes" in entry:
                return entry["sent_bytes"]
        time.sleep(0.05)
    raise AssertionError("the simulator is still sending")


@pytest.mark.parametrize("behaviour", ["huge:50", "huge_declared:50"])
def test_reading_stops_at_the_cap(roc1_simulator, behaviour):
    roc1_simulator.scenario(AMC, behaviour)
    client = impatient(roc1_simulator, max_answer_bytes=MEGABYTE)
    request = rights_request()
    tracemalloc.start()
    started = time.monotonic()
    with pytest.raises(InvalidAnswer) as caught:
        client.call(Operation.IDB, roc1_simulator.services_url(AMC, "IDB"), request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.reason == "answer_too_big"
    assert time.monotonic() - started < 3
    assert peak < 4 * MEGABYTE
    assert len(caught.value.response_xml) <= 64 * 1024
    # What was on its way in the buffers of the two sockets is sent, the rest is not.
    assert sent_bytes(roc1_simulator, request.header.message_id) < 25 * MEGABYTE


def test_an_answer_of_the_very_size_of_the_cap_passes(roc1_simulator):
    url, request = roc1_simulator.services_url(AMC, "IDB"), rights_request()
    size = len(impatient(roc1_simulator).call(Operation.IDB, url, request).response_xml)
    assert impatient(roc1_simulator, max_answer_bytes=size).call(Operation.IDB, url, request).http_status == 200
    with pytest.raises(InvalidAnswer, match="answer_too_big"):
        impatient(roc1_simulator, max_answer_bytes=size - 1).call(Operation.IDB, url, request)


@pytest.mark.parametrize("behaviour", ["slow_drip:0.1", "slow_headers:0.1"])
def test_a_drip_that_never_times_out_a_read_meets_the_deadline(roc1_simulator, behaviour):
    roc1_simulator.scenario(AMC, behaviour)
    client = impatient(roc1_simulator, timeout_read=1, timeout_total=1.5)
    started = time.monotonic()
    with pytest.raises(AnswerLost) as caught:
        client.call(Operation.IDB, roc1_simulator.services_url(AMC, "IDB"), rights_request())
    elapsed = time.monotonic() - started
    assert caught.value.reason == "deadline_exceeded"
    assert 1.3 < elapsed < 2.5
    assert 1300 <= caught.value.duration_ms < 2500


def test_a_late_answer_is_lost_after_the_read_timeout(roc1_simulator):
    roc1_simulator.scenario(AMC, "latency:3")
    client = impatient(roc1_simulator, timeout_read=0.4, timeout_total=5)
    started = time.monotonic()
    with pytest.raises(AnswerLost) as caught:
        client.call(Operation.IDB, roc1_simulator.services_url(AMC, "IDB"), rights_request())
    assert type(caught.value) is AnswerLost
    assert caught.value.reason == "read_timeout"
    assert time.monotonic() - started < 1.5


def test_the_deadline_of_a_call_does_not_weigh_on_the_next(roc1_simulator):
    client = impatient(roc1_simulator, timeout_read=0.3, timeout_total=0.6)
    url = roc1_simulator.services_url(AMC, "IDB")
    roc1_simulator.scenario(AMC, "latency:2", count=1)
    with pytest.raises(AnswerLost):
        client.call(Operation.IDB, url, rights_request())
    for _ in range(3):
        time.sleep(0.3)
        assert client.call(Operation.IDB, url, rights_request()).answer.header.positive
