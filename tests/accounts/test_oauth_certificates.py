"""A certificate proves a program, and binds its tokens: when a proxy of ours tells it, and nobody else (RFC 8705)."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from django.core.management import call_command
from django.test import Client

from accounts import client_secrets
from accounts.enums import ClientAuth, Scope
from accounts.models import ApiClient, ApiToken
from accounts.oauth import certificates
from gap import pki as development
from gap.pki import DevelopmentPki, create_development_pki
from gap.supervisor.children import Child, wait_until
from gap.supervisor.demo import _answers
from tests.gap.test_supervisor import free_port
from tests.processes import database_url

PROXY, STRANGER = "10.20.0.5", "10.20.1.5"
READ = Scope.PATIENTS_READ.value
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> DevelopmentPki:
    folder = tmp_path_factory.mktemp("pki")
    create_development_pki(folder)
    return DevelopmentPki(folder)


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings, pki) -> None:
    settings.CLIENT_CERTIFICATES = {
        "proxies": ["10.20.0.0/24"],
        "header": "Client-Cert",
        "authorities": str(pki.ca),
    }


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def rfc_9440(path: Path) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return f":{base64.b64encode(read(path).public_bytes(Encoding.DER)).decode()}:"


@pytest.fixture
def by_authority(establishment, pki) -> ApiClient:
    return ApiClient.objects.create(
        name="bloc",
        establishment=establishment,
        scopes=[READ],
        auth_method=ClientAuth.CERTIFICATE,
        certificate_subject=certificates.subject(read(pki.services.certificate)),
    )


@pytest.fixture
def by_own(establishment, pki) -> ApiClient:
    foreign = development.issue_foreign_client_certificate(pki, "AUTOMATE")
    return ApiClient.objects.create(
        name="automate",
        establishment=establishment,
        scopes=[READ],
        auth_method=ClientAuth.OWN_CERTIFICATE,
        certificate_digests=[certificates.digest(read(foreign.certificate))],
    )


def ask(program: ApiClient, header: str | None, place: str = PROXY) -> Any:
    form = f"grant_type=client_credentials&client_id={program.client_id}"
    headers = {} if header is None else {"client-cert": header}
    return Client(headers=headers).post("/api/oauth/token", form, content_type=FORM, REMOTE_ADDR=place)


def use(token: str, header: str | None, place: str = PROXY) -> int:
    headers = {"authorization": f"Bearer {token}"} | ({} if header is None else {"client-cert": header})
    return Client(headers=headers).get("/api/v1/patients", REMOTE_ADDR=place).status_code


@pytest.mark.django_db
class TestWhatTheProxyTells:
    def test_both_ways_of_writing_a_certificate_are_read(self, by_authority, pki) -> None:
        path = pki.services.certificate
        for header in (rfc_9440(path), quote(path.read_text())):
            token = ask(by_authority, header).json()["access_token"]
            assert use(token, header) == 200
        assert set(ApiToken.objects.values_list("certificate", flat=True)) == {certificates.digest(read(path))}

    def test_from_anybody_else_the_header_is_worth_nothing(self, by_authority, by_own, pki, settings) -> None:
        header = rfc_9440(pki.services.certificate)
        token = ask(by_authority, header).json()["access_token"]
        assert ask(by_authority, header, STRANGER).status_code == 401
        assert use(token, header, STRANGER) == 401
        settings.CLIENT_CERTIFICATES = settings.CLIENT_CERTIFICATES | {"proxies": []}
        assert ask(by_authority, header).status_code == use(token, header) == 401

    def test_a_forwarded_address_makes_nobody_a_proxy(self, by_authority, pki, settings) -> None:
        settings.PROXIES = 1
        form = f"grant_type=client_credentials&client_id={by_authority.client_id}"
        forged = {"client-cert": rfc_9440(pki.services.certificate), "x-forwarded-for": PROXY}
        answer = Client(headers=forged).post("/api/oauth/token", form, content_type=FORM, REMOTE_ADDR=STRANGER)
        assert answer.status_code == 401

    def test_a_token_bound_to_a_certificate_does_nothing_without_it(self, by_authority, pki) -> None:
        token = ask(by_authority, rfc_9440(pki.services.certificate)).json()["access_token"]
        assert use(token, None) == 401
        assert use(token, rfc_9440(pki.directory.certificate)) == 401

    def test_a_token_asked_by_a_secret_over_a_certificate_is_bound_too(self, establishment, pki) -> None:
        program = ApiClient.objects.create(name="secret", establishment=establishment, scopes=[READ])
        proof = base64.b64encode(f"{program.client_id}:{client_secrets.rotate(program).secret}".encode()).decode()
        header = rfc_9440(pki.services.certificate)
        answer = Client(headers={"authorization": f"Basic {proof}", "client-cert": header}).post(
            "/api/oauth/token", "grant_type=client_credentials", content_type=FORM, REMOTE_ADDR=PROXY
        )
        token = answer.json()["access_token"]
        assert use(token, header) == 200 and use(token, None) == 401

    def test_a_certificate_is_worth_what_its_authority_its_subject_and_its_dates_say(self, by_authority, pki) -> None:
        assert ask(by_authority, rfc_9440(pki.directory.certificate)).status_code == 401, "another subject"
        unit = development.SERVICES_UNIT
        worth = {
            pki.directory.certificate: 200,
            pki.server.certificate: 401,
            development.issue_expired_client_certificate(pki, unit).certificate: 401,
            development.issue_foreign_client_certificate(pki, unit).certificate: 401,
        }
        for path, status in worth.items():
            by_authority.certificate_subject = certificates.subject(read(path))
            by_authority.save()
            assert ask(by_authority, rfc_9440(path)).status_code == status, path.name
        assert ask(by_authority, None).status_code == 401

    def test_without_an_authority_nobody_is_vouched_for(self, by_authority, pki, settings) -> None:
        settings.CLIENT_CERTIFICATES = settings.CLIENT_CERTIFICATES | {"authorities": ""}
        assert ask(by_authority, rfc_9440(pki.services.certificate)).status_code == 401

    def test_a_registered_certificate_needs_no_authority_and_no_other_serves(self, by_own, pki, settings) -> None:
        settings.CLIENT_CERTIFICATES = settings.CLIENT_CERTIFICATES | {"authorities": ""}
        own = _foreign(pki)
        by_own.certificate_digests = [certificates.digest(read(own))]
        by_own.save()
        assert ask(by_own, rfc_9440(own)).status_code == 200
        assert ask(by_own, rfc_9440(pki.services.certificate)).status_code == 401

    def test_a_program_of_a_certificate_is_given_nothing_by_a_secret(self, by_authority) -> None:
        made = client_secrets.rotate(by_authority)
        proof = base64.b64encode(f"{by_authority.client_id}:{made.secret}".encode()).decode()
        answer = Client(headers={"authorization": f"Basic {proof}"}).post(
            "/api/oauth/token", "grant_type=client_credentials", content_type=FORM
        )
        assert answer.status_code == 401

    @pytest.mark.parametrize(
        "header", ["", "::", ":A:", ":QUJD:", "x", "%2D", "a" * 20_000, "-----BEGIN CERTIFICATE-----"]
    )
    def test_what_cannot_be_read_is_no_certificate(self, by_authority, header) -> None:
        assert ask(by_authority, header).status_code == 401

    def test_the_command_takes_a_certificate(self, establishment, pki, capsys) -> None:
        where = ["--finess-site", establishment.finess_site, "--scope", READ]
        call_command("create_api_client", "un", *where, "--certificate", str(pki.services.certificate))
        call_command("create_api_client", "deux", *where, "--own-certificate", str(pki.directory.certificate))
        assert "secret" not in capsys.readouterr().out
        one, two = ApiClient.objects.order_by("pk")
        assert ask(one, rfc_9440(pki.services.certificate)).status_code == 200
        assert ask(two, rfc_9440(pki.directory.certificate)).status_code == 200


def _foreign(pki: DevelopmentPki) -> Path:
    return development.issue_foreign_client_certificate(pki, "AUTOMATE").certificate


class Relay(BaseHTTPRequestHandler):
    """What a proxy does: ends TLS, takes away what the client wrote in the header, writes what it saw."""

    web = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {name: value for name, value in self.headers.items() if name.lower().replace("_", "-") != "client-cert"}
        seen = self.connection.getpeercert(binary_form=True)  # type: ignore[attr-defined]
        if seen:
            kept["Client-Cert"] = f":{base64.b64encode(seen).decode()}:"
        onward = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        onward.request(self.command, self.path, body or None, kept)
        answer = onward.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        onward.close()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def relay(transactional_db, pki, tmp_path) -> Iterator[int]:
    """A port that speaks TLS, before a real web process that knows its proxy."""
    web, port = free_port(), free_port()
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "GAP_VAR_DIR": str(tmp_path),
        "CLIENT_CERTIFICATE_PROXIES": "127.0.0.1/32",
        "CLIENT_CERTIFICATE_AUTHORITIES": str(pki.ca),
    }
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(web)]
    command += ["--workers", "1", "--blocking-threads", "1", "--no-access-log", "gap.wsgi:application"]
    child = Child("web", command, log=tmp_path / "web.log", env=environment)
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Here", (Relay,), {"web": web}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server.certificate, pki.server.key)
    context.load_verify_locations(pki.ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{web}/sante/vivant/"), child, 40)
        yield port
    finally:
        server.shutdown()
        server.server_close()
        child.stop()


def over_tls(port: int, pki: DevelopmentPki, pair: Any, method: str, path: str, body: str = "", **headers: str) -> Any:
    context = ssl.create_default_context(cafile=str(pki.ca))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, json.loads(text)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_over_a_real_proxy_and_a_real_web_server(relay, pki, by_authority) -> None:
    form = f"grant_type=client_credentials&client_id={by_authority.client_id}"
    mine, forged = pki.services, rfc_9440(pki.services.certificate)
    status, body = over_tls(relay, pki, mine, "POST", "/api/oauth/token", form, **{"Content-Type": FORM})
    assert status == 200
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert over_tls(relay, pki, mine, "GET", "/api/v1/patients", **bearer)[0] == 200
    assert over_tls(relay, pki, None, "GET", "/api/v1/patients", **bearer)[0] == 401
    assert over_tls(relay, pki, pki.directory, "GET", "/api/v1/patients", **bearer)[0] == 401
    for name in ("Client-Cert", "client_cert"):
        headers = bearer | {name: forged}
        assert over_tls(relay, pki, None, "GET", "/api/v1/patients", **headers)[0] == 401
    told = {"Content-Type": FORM, "Client-Cert": forged}
    assert over_tls(relay, pki, None, "POST", "/api/oauth/token", form, **told)[0] == 401
