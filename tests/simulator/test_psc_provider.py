"""The simulated Pro Santé Connect refuses what a provider of OpenID Connect refuses: what signs in by it signs in rightly."""

from __future__ import annotations

import base64
import hashlib
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from simulator.psc_tokens import subject_of
from tests.psc_process import CLIENT, NADIA, SECRET, Psc, psc_process

OURS = "https://gap.example/connexion/psc/retour/"
VERIFIER = "un-verificateur-assez-long-pour-une-preuve-de-possession"
DEMAND = {
    "client_id": CLIENT,
    "redirect_uri": OURS,
    "response_type": "code",
    "scope": "openid scope_all",
    "code_challenge_method": "S256",
    "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode(),
    "state": "etat",
    "nonce": "une-fois",
}
EXCHANGE = {
    "grant_type": "authorization_code",
    "client_id": CLIENT,
    "client_secret": SECRET,
    "redirect_uri": OURS,
    "code_verifier": VERIFIER,
}


class Service:
    """What a service and the browser of a person ask of it."""

    def __init__(self, psc: Psc) -> None:
        self.issuer = psc.issuer
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(psc.pki.ca)

    def ask(self, method: str, path: str, **how: Any) -> requests.Response:
        return self.http.request(method, self.issuer + path, timeout=10, allow_redirects=False, **how)

    def demand(self, **changed: str | None) -> requests.Response:
        return self.ask("GET", "/page", params=DEMAND | changed)

    def decide(self, who: str = NADIA, **changed: str | None) -> requests.Response:
        return self.ask("POST", "/page", data=DEMAND | changed | {"who": who})

    def code(self) -> str:
        return told(self.decide())["code"]

    def exchange(self, issued: str, **changed: str | None) -> requests.Response:
        return self.ask("POST", "/token", data=EXCHANGE | {"code": issued} | changed)

    def person(self, authorization: str) -> requests.Response:
        return self.ask("GET", "/userinfo", headers={"Authorization": authorization})


def told(answer: requests.Response) -> dict[str, str]:
    """What the browser is sent back to the service with."""
    assert answer.status_code == 303, answer.text
    address, _, query = answer.headers["Location"].partition("?")
    assert address == OURS
    return dict(parse_qsl(query))


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.fixture(scope="module")
def psc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Psc]:
    with psc_process(tmp_path_factory.mktemp("psc"), OURS) as process:
        yield process


@pytest.fixture
def service(psc: Psc) -> Service:
    psc.well()
    return Service(psc)


# ---- what it does ----


def test_a_right_demand_gives_a_token_that_is_signed_and_says_who(service) -> None:
    assert service.demand().status_code == 200
    back = told(service.decide())
    assert back["state"] == "etat" and back["iss"] == service.issuer
    given = service.exchange(back["code"]).json()
    keys = KeySet.import_key_set(service.ask("GET", "/certs").json())
    claims = jwt.decode(given["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (service.issuer, CLIENT, "une-fois")
    said = service.person(f"Bearer {given['access_token']}").json()
    assert (said["sub"], said["SubjectNameID"]) == (claims["sub"], NADIA) == (subject_of(NADIA), NADIA)


def test_its_addresses_are_where_it_says(service) -> None:
    found = service.ask("GET", "/.well-known/wallet-openid-configuration").json()
    assert found["issuer"] == service.issuer and found["code_challenge_methods_supported"] == ["S256"]
    names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    assert [found[name].removeprefix(service.issuer) for name in names] == ["/page", "/token", "/userinfo", "/certs"]


def test_whoever_gives_up_is_told_to_the_service(service) -> None:
    back = told(service.decide(""))
    assert back["error"] == "access_denied" and back["state"] == "etat" and "code" not in back


def test_nobody_is_a_professional_whom_it_does_not_know(service) -> None:
    assert told(service.decide("899999999999"))["error"] == "access_denied"


# ---- a demand ----

STRANGERS = {
    "another service": {"client_id": "un-autre-service"},
    "no service": {"client_id": None},
    "an address elsewhere": {"redirect_uri": "https://ailleurs.example/"},
    "an address below ours": {"redirect_uri": OURS + "plus-loin/"},
    "ours with a query": {"redirect_uri": OURS + "?vers=ailleurs"},
    "ours in clear": {"redirect_uri": OURS.replace("https", "http")},
    "no address": {"redirect_uri": None},
}
MALFORMED = {
    "a token asked for": ({"response_type": "token"}, "unsupported_response_type"),
    "a token asked for besides": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "no kind of answer": ({"response_type": None}, "unsupported_response_type"),
    "no openid": ({"scope": "scope_all"}, "invalid_scope"),
    "no scope": ({"scope": None}, "invalid_scope"),
    "an unknown scope": ({"scope": "openid scope_all tout"}, "invalid_scope"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "a challenge in clear": ({"code_challenge_method": "plain"}, "invalid_request"),
    "a challenge of no method": ({"code_challenge_method": None}, "invalid_request"),
    "no state": ({"state": None}, "invalid_request"),
}
WAYS = {"on its page": Service.demand, "past its page": lambda service, **changed: service.decide(**changed)}


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("changed", STRANGERS.values(), ids=STRANGERS)
def test_a_demand_of_it_does_not_know_whom_sends_nobody_anywhere(changed, ask, service) -> None:
    answer = ask(service, **changed)
    assert answer.status_code == 400 and "Location" not in answer.headers and "<form" not in answer.text


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("changed", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_demand_goes_back_to_the_service_without_a_code(changed, reason, ask, service) -> None:
    back = told(ask(service, **changed))
    assert back["error"] == reason and "code" not in back


# ---- a code ----

WRONG = {
    "another service": ({"client_id": "un-autre-service"}, (401, "invalid_client")),
    "another secret": ({"client_secret": "un autre secret"}, (401, "invalid_client")),
    "no secret": ({"client_secret": None}, (401, "invalid_client")),
    "another grant": ({"grant_type": "client_credentials"}, (400, "unsupported_grant_type")),
    "no grant": ({"grant_type": None}, (400, "unsupported_grant_type")),
    "another address": ({"redirect_uri": "https://ailleurs.example/"}, (400, "invalid_grant")),
    "no address": ({"redirect_uri": None}, (400, "invalid_grant")),
    "another proof": ({"code_verifier": VERIFIER[::-1]}, (400, "invalid_grant")),
    "no proof": ({"code_verifier": None}, (400, "invalid_grant")),
    "the challenge for a proof": ({"code_verifier": DEMAND["code_challenge"]}, (400, "invalid_grant")),
    "a code made up": ({"code": "inventé"}, (400, "invalid_grant")),
    "no code": ({"code": None}, (400, "invalid_grant")),
}


@pytest.mark.parametrize(("changed", "refusal"), WRONG.values(), ids=WRONG)
def test_a_code_is_exchanged_by_its_service_with_its_proof_alone(changed, refusal, service) -> None:
    assert error(service.exchange(service.code(), **changed)) == refusal


def test_a_code_serves_once(service) -> None:
    code = service.code()
    assert service.exchange(code).status_code == 200
    assert error(service.exchange(code)) == (400, "invalid_grant")


def test_a_code_tried_with_a_wrong_proof_is_lost_for_the_right_one(service) -> None:
    code = service.code()
    assert error(service.exchange(code, code_verifier="faux")) == (400, "invalid_grant")
    assert error(service.exchange(code)) == (400, "invalid_grant")


def test_a_secret_that_is_wrong_costs_nobody_their_code(service) -> None:
    code = service.code()
    assert error(service.exchange(code, client_secret="faux")) == (401, "invalid_client")
    assert service.exchange(code).status_code == 200


def test_a_code_and_a_token_end(tmp_path) -> None:
    with psc_process(tmp_path, OURS, "--code-s", "2", "--token-s", "2") as process:
        service = Service(process)
        late = service.code()
        token = service.exchange(service.code()).json()["access_token"]
        assert service.person(f"Bearer {token}").status_code == 200
        time.sleep(2.1)
        assert error(service.exchange(late)) == (400, "invalid_grant")
        assert error(service.person(f"Bearer {token}")) == (401, "invalid_token")


# ---- a token ----


def test_who_somebody_is_is_told_to_the_bearer_of_a_token_of_its_own(service) -> None:
    token = service.exchange(service.code()).json()["access_token"]
    for wrong in ("", "Bearer ", f"Bearer {token}x", token, f"Basic {token}", "Bearer"):
        assert error(service.person(wrong)) == (401, "invalid_token"), wrong.split(" ")[0]


# ---- its doors ----


def test_what_makes_it_lie_is_asked_at_another_door(service) -> None:
    root = service.issuer.removesuffix("/realms/psc")
    for path in ("/fault", "/rotate"):
        assert service.http.post(root + path, json={"name": "down"}, timeout=10).status_code == 404
    assert service.demand().status_code == 200


def test_it_answers_over_tls_alone(service) -> None:
    parts = urlsplit(service.issuer)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10) as clear:
        clear.sendall(b"GET /realms/psc/certs HTTP/1.1\r\nHost: psc\r\n\r\n")
        assert not clear.recv(1024).startswith(b"HTTP/1.1 200")
