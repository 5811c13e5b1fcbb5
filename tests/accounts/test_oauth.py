"""Programs get tokens of some minutes (OAuth 2), by a secret or a signature; each is one client's, within its scopes."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
import uuid
from typing import Any

import pytest
import time_machine
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from joserfc import jwk, jwt

from accounts import client_secrets, tasks, tokens
from accounts.enums import ClientAuth, JournalKind, Scope
from accounts.models import ApiClient, ApiSecret, ApiToken, JournalEntry, UsedAssertion

pytestmark = pytest.mark.django_db

READ, WRITE = Scope.PATIENTS_READ.value, Scope.PATIENTS_WRITE.value
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def program(establishment) -> ApiClient:
    return ApiClient.objects.create(name="laboratoire", establishment=establishment, scopes=[READ, WRITE])


@pytest.fixture
def secret(program) -> str:
    return client_secrets.rotate(program).secret


def basic(program: ApiClient, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{program.client_id}:{secret}".encode()).decode()}


def ask(form: Any, headers: dict[str, str] | None = None, where: str = "token", **options: Any) -> HttpResponse:
    return Client(headers=headers or {}).post(
        f"/api/oauth/{where}", form, content_type="application/x-www-form-urlencoded", **options
    )


def grant(program: ApiClient, secret: str, scope: str = "") -> HttpResponse:
    return ask("grant_type=client_credentials" + (f"&scope={scope}" if scope else ""), basic(program, secret))


def use(token: str, path: str = "/api/v1/patients", **options: Any) -> HttpResponse:
    return Client(headers={"authorization": f"Bearer {token}"}).get(path, **options)


def session_actions() -> list[str]:
    return list(JournalEntry.objects.filter(kind=JournalKind.SESSION).order_by("pk").values_list("action", flat=True))


# ---- given ----


def test_a_secret_is_worth_a_token_that_opens_the_api(program, secret, settings) -> None:
    answer = grant(program, secret)
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer" and body["expires_in"] == settings.ACCESS_TOKEN_S == 600
    assert body["scope"].split() == [READ, WRITE] and "refresh_token" not in body
    opened = use(body["access_token"])
    assert opened.status_code == 200
    assert "Sunset" not in opened and "Deprecation" not in opened


def test_neither_a_secret_nor_a_token_can_be_read_in_the_database(program, secret) -> None:
    from django.core import serializers

    token = grant(program, secret).json()["access_token"]
    kept = serializers.serialize("json", [*ApiSecret.objects.all(), *ApiToken.objects.all(), *ApiClient.objects.all()])
    kept += json.dumps(list(JournalEntry.objects.values("detail", "action")))
    assert secret not in kept and token not in kept
    assert ApiToken.objects.get().digest != client_secrets.digest(token)


def test_a_token_does_what_was_asked_and_no_more(program, secret) -> None:
    token = grant(program, secret, READ).json()["access_token"]
    assert use(token).status_code == 200
    refused = use(token, "/api/v1/stays")
    assert refused.status_code == 403
    assert refused["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="stays:read"'
    writes = Client(headers={"authorization": f"Bearer {token}", "idempotency-key": "a"})
    assert writes.post("/api/v1/patients", {}, content_type="application/json").status_code == 403


def test_what_was_not_granted_cannot_be_asked(program, secret) -> None:
    answer = grant(program, secret, f"{READ} {Scope.INVOICES_WRITE}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert not ApiToken.objects.exists()


def test_a_scope_taken_back_is_gone_from_the_tokens_given(program, secret) -> None:
    token = grant(program, secret).json()["access_token"]
    ApiClient.objects.update(scopes=[WRITE])
    assert use(token).status_code == 403


def test_a_token_lasts_some_minutes(program, secret, settings) -> None:
    settings.ACCESS_TOKEN_S = 60
    token = grant(program, secret).json()["access_token"]
    with time_machine.travel(timezone.now() + dt.timedelta(seconds=58), tick=False):
        assert use(token).status_code == 200
    with time_machine.travel(timezone.now() + dt.timedelta(seconds=61), tick=False):
        late = use(token)
        assert late.status_code == 401 and late["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    with time_machine.travel(timezone.now() + dt.timedelta(days=2), tick=False):
        tasks.sweep_signing_in()
    assert not ApiToken.objects.exists()


def test_a_program_out_of_service_is_given_nothing_and_keeps_nothing(program, secret) -> None:
    token = grant(program, secret).json()["access_token"]
    call_command("end_api_client", program.name)
    assert use(token).status_code == 401
    assert grant(program, secret).json()["error"] == "invalid_client"


# ---- ended ----


def test_a_program_ends_its_token_at_once(program, secret) -> None:
    token, other = (grant(program, secret).json()["access_token"] for _ in range(2))
    assert ask(f"token={token}&token_type_hint=access_token", basic(program, secret), "revoke").status_code == 200
    assert use(token).status_code == 401 and use(other).status_code == 200
    assert ask("token=inconnu", basic(program, secret), "revoke").status_code == 200


def test_nobody_ends_the_token_of_another(program, secret, establishment) -> None:
    token = grant(program, secret).json()["access_token"]
    other = ApiClient.objects.create(name="autre", establishment=establishment, scopes=[READ])
    theirs = client_secrets.rotate(other).secret
    assert ask(f"token={token}", basic(other, theirs), "revoke").json()["error"] == "invalid_grant"
    assert ask(f"token={token}", where="revoke").status_code == 401
    assert use(token).status_code == 200


# ---- refused ----


def test_the_refusal_is_the_same_whatever_is_wrong(program, secret, establishment) -> None:
    signer = ApiClient.objects.create(
        name="signe", establishment=establishment, scopes=[], auth_method=ClientAuth.PRIVATE_KEY
    )
    nobody = ApiClient(client_id=uuid.uuid4())
    answers = [
        grant(program, "faux"),
        grant(nobody, secret),
        grant(signer, secret),
        grant(ApiClient(client_id="x"), "y"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert all(answer["WWW-Authenticate"].startswith("Basic ") for answer in answers)
    assert answers[0].content.isascii()


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("", "unsupported_grant_type"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&scope=%00", "invalid_request"),
        (f"grant_type=client_credentials&client_assertion=a.b.c&client_assertion_type={JWT_BEARER}", "invalid_request"),
        ("grant_type=client_credentials&client_id=3f6c0d5e-8f1b-4c55-9d0e-5a1f2b7c9e10", "invalid_request"),
    ],
)
def test_a_malformed_demand_is_told_as_rfc_6749_has_it(program, secret, form, error) -> None:
    answer = ask(form, basic(program, secret))
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not ApiToken.objects.exists()


def test_a_secret_in_the_address_or_in_the_form_is_refused(program, secret) -> None:
    inside = f"grant_type=client_credentials&client_id={program.client_id}&client_secret={secret}"
    assert ask(inside).status_code == 401
    address = Client(headers=basic(program, secret)).post(
        "/api/oauth/token?grant_type=client_credentials", "", content_type="application/x-www-form-urlencoded"
    )
    assert address.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic \xe9", "Basic /w==", "Basic Og==", "Bearer x", "Basic bm9u"]
)
def test_an_unreadable_proof_is_a_refusal_never_a_fault(header, db) -> None:
    assert ask("grant_type=client_credentials", {"authorization": header}).status_code in (400, 401)


def test_only_forms_are_posted_there(program, secret) -> None:
    client = Client(headers=basic(program, secret))
    assert client.get("/api/oauth/token").status_code == 405
    assert client.post("/api/oauth/token", {}, content_type="application/json").json()["error"] == "invalid_request"


def test_wrong_secrets_make_wait_from_that_place_alone(program, secret) -> None:
    for _ in range(10):
        assert grant(program, "faux").status_code == 401
    waiting = grant(program, secret)
    assert waiting.status_code == 429 and int(waiting["Retry-After"]) == 900
    elsewhere = ask("grant_type=client_credentials", basic(program, secret), REMOTE_ADDR="10.9.9.9")
    assert elsewhere.status_code == 200
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=16), tick=False):
        assert grant(program, secret).status_code == 200


# ---- told ----


def test_the_journal_says_what_was_granted_refused_and_revoked(program, secret) -> None:
    token = grant(program, secret, READ).json()["access_token"]
    grant(program, "faux")
    ask(f"token={token}", basic(program, secret), "revoke")
    assert session_actions() == ["jeton accordé", "jeton refusé", "jeton révoqué"]
    given = JournalEntry.objects.filter(action="jeton accordé").get()
    assert given.client_id == program.pk and given.establishment_id == program.establishment_id
    assert given.detail == {"method": "client_secret_basic", "scopes": [READ], "bound": False}
    assert not JournalEntry.objects.filter(kind=JournalKind.REFUSED).exists()


def test_the_metadata_are_those_of_rfc_8414(client, settings) -> None:
    settings.PUBLIC_URL = "https://gap.hopital.example"
    answer = client.get("/.well-known/oauth-authorization-server")
    told = AuthorizationServerMetadata(answer.json())
    for check in ("issuer", "token_endpoint", "revocation_endpoint", "grant_types_supported", "scopes_supported"):
        getattr(told, f"validate_{check}")()
    assert told["token_endpoint"] == "https://gap.hopital.example/api/oauth/token"
    assert set(told["token_endpoint_auth_methods_supported"]) == set(ClientAuth.values)


# ---- by a signature ----


@pytest.fixture
def key() -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", parameters={"kid": "un", "use": "sig"})


@pytest.fixture
def signer(establishment, key) -> ApiClient:
    return ApiClient.objects.create(
        name="portail",
        establishment=establishment,
        scopes=[READ],
        auth_method=ClientAuth.PRIVATE_KEY,
        public_keys={"keys": [key.as_dict(private=False)]},
    )


def proof(signer: ApiClient, key: Any, header: dict[str, Any] | None = None, **claims: Any) -> str:
    name = str(signer.client_id)
    said = {"iss": name, "sub": name, "aud": "http://localhost", "exp": int(time.time()) + 60, "jti": uuid.uuid4().hex}
    said = {claim: value for claim, value in (said | claims).items() if value is not None}
    return jwt.encode(
        header or {"alg": "ES256", "kid": "un"}, said, key, algorithms=["ES256", "PS256", "RS256", "HS256"]
    )


def sign_in(assertion: str) -> HttpResponse:
    return ask(
        f"grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={assertion}",
    )


def test_a_signature_is_worth_a_token_once(signer, key) -> None:
    assertion = proof(signer, key)
    assert use(sign_in(assertion).json()["access_token"]).status_code == 200
    again = sign_in(assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert sign_in(proof(signer, key, aud="http://localhost/api/oauth/token")).status_code == 200
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1), tick=False):
        tasks.sweep_signing_in()
    assert not UsedAssertion.objects.exists()


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://ailleurs.example"},
        {"aud": None},
        {"exp": int(time.time()) - 120},
        {"exp": int(time.time()) + 86_400},
        {"exp": float("nan")},
        {"exp": "demain"},
        {"exp": None},
        {"jti": None},
        {"jti": 7},
        {"iss": "autre"},
        {"sub": str(uuid.uuid4())},
        {"sub": 12},
        {"sub": None},
    ],
)
def test_a_proof_that_says_something_else_is_refused(signer, key, claims) -> None:
    assert sign_in(proof(signer, key, **claims)).status_code == 401


def test_a_proof_signed_otherwise_is_refused(signer, key) -> None:
    public = jwk.OctKey.import_key(json.dumps(key.as_dict(private=False)))
    other = jwk.ECKey.generate_key("P-256", parameters={"kid": "un"})
    good = proof(signer, key)
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode() + "." + good.split(".")[1] + "."
    refused = [
        proof(signer, other),
        proof(signer, public, {"alg": "HS256", "kid": "un"}),
        proof(signer, key, {"alg": "ES256", "kid": "deux"}),
        none,
        good[:-4] + "AAAA",
        "a.b.c",
        "",
    ]
    assert [sign_in(one).status_code for one in refused] == [401] * len(refused)


def test_two_keys_serve_while_one_replaces_the_other(signer, key) -> None:
    second = jwk.RSAKey.generate_key(2048, parameters={"kid": "deux"})
    signer.public_keys["keys"].append(second.as_dict(private=False))
    signer.save()
    assert sign_in(proof(signer, key)).status_code == 200
    assert sign_in(proof(signer, second, {"alg": "PS256", "kid": "deux"})).status_code == 200
    assert sign_in(proof(signer, second, {"alg": "RS256"})).status_code == 200


# ---- tokens of before ----


def test_a_fixed_token_is_taken_until_its_date_and_says_so(api) -> None:
    client = api(READ)
    answer = client.get("/api/v1/patients")
    until = ApiClient.objects.get().token_until
    assert answer.status_code == 200 and answer["Deprecation"] == "@1795392000"
    assert dt.datetime.strptime(answer["Sunset"], "%a, %d %b %Y %H:%M:%S GMT").date() == until.date()
    assert session_actions() == ["jeton fixe"]
    with time_machine.travel(until + dt.timedelta(seconds=1), tick=False):
        assert client.get("/api/v1/patients").status_code == 401


# ---- commands ----


def test_a_program_made_by_the_command_is_given_a_token(establishment, capsys) -> None:
    where = ["--finess-site", establishment.finess_site]
    call_command("create_api_client", "kiosque", *where, "--scope", READ, "--scope", READ)
    said = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    made = ApiClient.objects.get()
    assert said["client_id"] == str(made.client_id) and made.scopes == [READ] and made.token_digest is None
    assert grant(made, said["client_secret"]).status_code == 200


def test_a_private_key_is_not_taken_for_a_public_one(establishment, key, tmp_path, capsys) -> None:
    file = tmp_path / "cles.json"
    options = {"finess_site": establishment.finess_site, "scope": [READ], "public_keys": str(file)}
    for content in ({"keys": [key.as_dict(private=True)]}, {"keys": []}, {"keys": "x"}, ["x"]):
        file.write_text(json.dumps(content))
        with pytest.raises(CommandError, match="Rien n’a été créé"):
            call_command("create_api_client", "portail", **options)
    assert not ApiClient.objects.exists()
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    call_command("create_api_client", "portail", **options)
    assert sign_in(proof(ApiClient.objects.get(), key)).status_code == 200
    assert "client_secret" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["x", tokens.PREFIX, tokens.PREFIX + "x" * 43])
def test_a_token_that_nobody_was_given_opens_nothing(name, db) -> None:
    assert use(name).status_code == 401
