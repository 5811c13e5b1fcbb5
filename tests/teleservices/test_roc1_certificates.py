"""Mutual TLS: a certificate that is refused, on either side, is a matter of configuration. Never a lost answer."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gap.pki import (
    DIRECTORY_UNIT,
    SERVICES_UNIT,
    CertificatePair,
    DevelopmentPki,
    create_development_pki,
    issue_client_certificate,
    issue_expired_client_certificate,
    issue_foreign_client_certificate,
    issue_server_certificate,
)
from teleservices.clients.credentials import FileCredentials
from teleservices.clients.errors import ConfigurationError, NotSent
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation
from tests.raw_server import RawServer
from tests.roc_messages import AMC, calculation_request, directory_request, rights_request
from tests.simulator_process import ROOT, THIS_MACHINE, SimulatorProcess

REPEATS = 25  # the alert of a refusal races with the closing of the connection: once proves nothing


@pytest.fixture
def roc1_own_pki(roc1_simulator: SimulatorProcess, tmp_path: Path) -> DevelopmentPki:
    """A copy of the simulator's PKI, to issue odd certificates from."""
    return DevelopmentPki(Path(shutil.copytree(roc1_simulator.pki.folder, tmp_path / "pki")))


def config(simulator: SimulatorProcess, pair: CertificatePair) -> Roc1Config:
    """Both certificates are `pair`."""
    ours = FileCredentials(pair.certificate, pair.key, simulator.pki.ca)
    return Roc1Config(ours, ours, THIS_MACHINE, timeout_connect=3, timeout_read=3)


def refusal(client: Roc1Client, url: str, operation: Operation = Operation.CLC) -> NotSent:
    request = directory_request() if operation is Operation.DIRECTORY else calculation_request()
    with pytest.raises(NotSent) as caught:
        client.call(operation, url, request)
    return caught.value


@pytest.mark.parametrize("issue", [issue_expired_client_certificate, issue_foreign_client_certificate])
def test_a_certificate_refused_in_the_handshake_is_configuration_every_time(roc1_simulator, roc1_own_pki, issue):
    client = Roc1Client(config(roc1_simulator, issue(roc1_own_pki, SERVICES_UNIT)))
    for _ in range(REPEATS):
        error = refusal(client, roc1_simulator.services_url(AMC, "CLC"))
        assert type(error) is ConfigurationError
        assert error.reason == "client_certificate_refused"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_refuses_and_slams_the_door_is_configuration_too(roc1_simulator, roc1_own_pki, version):
    foreign = issue_foreign_client_certificate(roc1_own_pki, SERVICES_UNIT)
    client = Roc1Client(config(roc1_simulator, foreign))
    with RawServer(lambda c: None, tls=roc1_simulator.pki, require_client=True, version=version) as server:
        for _ in range(REPEATS):
            error = refusal(client, server.url)
            assert type(error) is ConfigurationError
            assert error.reason == "client_certificate_refused"


@pytest.mark.parametrize(
    ("unit", "operation", "path"),
    [(SERVICES_UNIT, Operation.DIRECTORY, "/annuaire"), (DIRECTORY_UNIT, Operation.CLC, f"/amc/{AMC}/clc")],
)
def test_the_certificate_of_the_other_service_is_403(roc1_simulator, roc1_own_pki, unit, operation, path):
    pair = issue_client_certificate(roc1_own_pki, "exchanged", unit)
    error = refusal(Roc1Client(config(roc1_simulator, pair)), roc1_simulator.base_url + path, operation)
    assert type(error) is ConfigurationError
    assert (error.reason, error.http_status) == ("http_403", 403)
    assert b"Fault" in error.response_xml


def test_a_server_refuses_a_caller_without_a_certificate(roc1_simulator):
    context = ssl.create_default_context(cafile=str(roc1_simulator.pki.ca))
    import http.client

    connection = http.client.HTTPSConnection("127.0.0.1", roc1_simulator.port, context=context, timeout=5)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        connection.request("POST", "/annuaire", b"x")
        connection.getresponse()
    assert roc1_simulator.log()[-1]["outcome"] == "tls_refused"


def test_a_server_certificate_of_an_unknown_authority_is_configuration(roc1_client, tmp_path):
    create_development_pki(tmp_path / "other")
    with RawServer(lambda c: None, tls=DevelopmentPki(tmp_path / "other")) as server:
        error = refusal(roc1_client, server.url)
    assert type(error) is ConfigurationError
    assert error.reason == "server_certificate_refused"


@pytest.mark.parametrize("case", ["expired", "other-name", "client-usage"])
def test_a_server_certificate_that_is_not_right_is_configuration(roc1_client, roc1_own_pki, case):
    now = datetime.now(UTC)
    if case == "expired":
        past = {"not_before": now - timedelta(days=9), "not_after": now - timedelta(days=1)}
        pair = issue_server_certificate(roc1_own_pki, "s", ("127.0.0.1",), **past)
    elif case == "other-name":
        pair = issue_server_certificate(roc1_own_pki, "s", ("elsewhere.invalid",))
    else:
        pair = issue_client_certificate(roc1_own_pki, "s", SERVICES_UNIT)
    with RawServer(lambda c: None, tls=roc1_own_pki, pair=pair) as server:
        error = refusal(roc1_client, server.url)
    assert error.reason == "server_certificate_refused"


def test_the_environment_can_add_neither_trust_nor_proxy(roc1_simulator, tmp_path, monkeypatch):
    create_development_pki(tmp_path / "other")
    other = DevelopmentPki(tmp_path / "other")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(other.ca))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = Roc1Client(Roc1Config(**roc1_simulator.credentials))
    url = roc1_simulator.services_url(AMC, "IDB")
    assert client.call(Operation.IDB, url, rights_request()).answer.header.positive
    with RawServer(lambda c: None, tls=other) as server:
        assert refusal(client, server.url).reason == "server_certificate_refused"


def test_a_tls_1_1_server_is_refused_as_incompatible(roc1_client, roc1_simulator):
    def speak(connection):
        connection.recv(65536)
        connection.sendall(bytes.fromhex("15030200020246"))  # alert: fatal, protocol_version

    with RawServer(speak, tls=None) as server:
        error = refusal(roc1_client, server.url)
    assert type(error) is ConfigurationError
    assert error.reason == "tls_incompatible"


def test_a_missing_or_unreadable_file_stops_its_own_service_alone(roc1_simulator, tmp_path):
    good = Roc1Config(**roc1_simulator.credentials)
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    for file, reason in ((tmp_path / "none.pem", "certificate_file_missing"), (broken, "certificate_file_unreadable")):
        client = Roc1Client(replace(good, services=replace(good.services, certificate=file)))
        assert client.call(Operation.DIRECTORY, roc1_simulator.directory_url, directory_request()).answer.found
        error = refusal(client, roc1_simulator.services_url(AMC, "CLC"))
        assert type(error) is ConfigurationError
        assert error.reason == reason


def test_an_encrypted_key_is_configuration_and_never_asks_its_password(roc1_simulator, tmp_path):
    key = serialization.load_pem_private_key(roc1_simulator.pki.services.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
    )
    good = Roc1Config(**roc1_simulator.credentials)
    client = Roc1Client(replace(good, services=replace(good.services, key=encrypted)))
    assert refusal(client, roc1_simulator.services_url(AMC, "CLC")).reason == "certificate_file_unreadable"


def test_a_renewed_certificate_is_taken_without_a_restart(roc1_simulator, roc1_own_pki):
    expired = issue_expired_client_certificate(roc1_own_pki, SERVICES_UNIT)
    client = Roc1Client(config(roc1_simulator, expired))
    url = roc1_simulator.services_url(AMC, "CLC")
    assert type(refusal(client, url)) is ConfigurationError
    renewed = issue_client_certificate(roc1_own_pki, "renewed", SERVICES_UNIT)
    os.replace(renewed.key, expired.key)
    os.replace(renewed.certificate, expired.certificate)
    assert client.call(Operation.CLC, url, calculation_request()).answer.header.positive


def test_the_client_imports_nothing_of_the_application():
    code = "import sys, teleservices.clients.roc1; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
