"""One client for many threads, kept connections, and what happens when they die."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from teleservices.clients.errors import AnswerLost
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation
from tests.raw_server import RawServer, envelope, http_response, read_request
from tests.roc_messages import AMC, calculation_request, directory_request, request_for, rights_request
from tests.simulator_process import ROOT


def test_sixteen_threads_get_each_its_own_answers(roc1_client, roc1_simulator):
    def work(number: int) -> list[bool]:
        results = []
        for turn in range(12):
            operation = (Operation.DIRECTORY, Operation.IDB, Operation.SIM, Operation.CLC)[(number + turn) % 4]
            request = request_for(operation)
            is_directory = operation is Operation.DIRECTORY
            url = roc1_simulator.directory_url if is_directory else roc1_simulator.services_url(AMC, operation.value)
            answer = roc1_client.call(operation, url, request).answer
            results.append(answer.header.message_id == request.header.message_id and answer.header.positive)
        return results

    with ThreadPoolExecutor(16) as pool:
        results = [result for results in pool.map(work, range(16)) for result in results]
    assert results == [True] * (16 * 12)


def test_threads_with_good_and_bad_answers_do_not_mix_them(roc1_client, roc1_simulator):
    other = "0099000112"
    roc1_simulator.scenario(other, "cut_after")

    def work(number: int) -> str:
        amc = other if number % 2 else AMC
        request = request_for(Operation.IDB, route=type(rights_request().route)(amc, "RO"))
        try:
            return roc1_client.call(Operation.IDB, roc1_simulator.services_url(amc, "IDB"), request).answer.header.code
        except AnswerLost as lost:
            return lost.reason

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(work, range(64)))
    assert outcomes == ["OK", "connection_cut"] * 32


def test_sixty_four_slow_calls_are_served_together(roc1_simulator):
    roc1_simulator.scenario(AMC, "latency:1")
    client = Roc1Client(Roc1Config(**roc1_simulator.credentials, timeout_read=15, timeout_total=20))
    url = roc1_simulator.services_url(AMC, "IDB")
    started = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        exchanges = list(pool.map(lambda _: client.call(Operation.IDB, url, rights_request()), range(64)))
    assert all(exchange.answer.header.positive for exchange in exchanges)
    assert time.monotonic() - started < 10  # one after the other: more than a minute


def test_calls_one_after_the_other_use_one_connection(roc1_client, roc1_simulator):
    def speak(connection):
        while read_request(connection):
            connection.sendall(http_response(envelope("<other/>")))

    with RawServer(speak, tls=roc1_simulator.pki) as server:
        for _ in range(5):
            with pytest.raises(AnswerLost, match="other_answer"):
                roc1_client.call(Operation.IDB, server.url, rights_request())
        assert server.connections == 1


def test_a_kept_connection_that_dies_when_used_is_a_lost_answer_and_the_next_call_works(roc1_client, roc1_simulator):
    turns = []

    def speak(connection):
        read_request(connection)
        connection.sendall(http_response(envelope("<other/>")))
        read_request(connection)  # the second request of this connection is read, and never answered
        turns.append(connection)

    with RawServer(speak, tls=roc1_simulator.pki) as server:
        reasons = []
        for _ in range(3):
            with pytest.raises(AnswerLost) as caught:
                roc1_client.call(Operation.CLC, server.url, calculation_request())
            reasons.append(caught.value.reason)
    assert reasons == ["other_answer", "connection_cut", "other_answer"]
    assert len(turns) >= 1


def test_a_kept_connection_that_the_peer_closed_meanwhile_is_replaced_without_a_word(roc1_client, roc1_simulator):
    with RawServer.answering(http_response(envelope("<other/>")), roc1_simulator.pki) as server:
        for _ in range(3):
            with pytest.raises(AnswerLost, match="other_answer"):
                roc1_client.call(Operation.CLC, server.url, calculation_request())
            time.sleep(0.1)  # the time for its farewell to arrive
        assert server.connections == 3


def test_a_closed_client_opens_again(roc1_client, roc1_simulator):
    url = roc1_simulator.services_url(AMC, "IDB")
    roc1_client.call(Operation.IDB, url, rights_request())
    roc1_client.close()
    assert roc1_client.call(Operation.IDB, url, rights_request()).answer.header.positive


def test_a_child_process_does_not_use_its_parents_connections(roc1_client, roc1_simulator):
    url = roc1_simulator.directory_url
    assert roc1_client.call(Operation.DIRECTORY, url, directory_request()).answer.found
    child = os.fork()
    if child == 0:
        try:
            found = all(roc1_client.call(Operation.DIRECTORY, url, directory_request()).answer.found for _ in range(5))
            os._exit(0 if found else 1)
        finally:
            os._exit(2)
    mine = [roc1_client.call(Operation.DIRECTORY, url, directory_request()).answer.found for _ in range(5)]
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert all(mine)


def test_schemas_built_by_many_threads_at_once_are_all_good():
    """libxml2 prepares its types once, without a lock: only a fresh process can show the race."""
    code = (
        "import threading, sys\n"
        "from teleservices.clients.roc1 import CONTRACT\n"
        "from teleservices.clients.soap import Schema\n"
        "gate, bad = threading.Barrier(16), []\n"
        "def build():\n"
        "    gate.wait()\n"
        "    try: Schema(CONTRACT / 'roc1.xsd')\n"
        "    except Exception as error: bad.append(error)\n"
        "threads = [threading.Thread(target=build) for _ in range(16)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "sys.exit(len(bad))\n"
    )
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
