"""Addresses of the authorization server. Errors are those of RFC 6749 §5.2: a library of the program reads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts import client_secrets, tries
from accounts.enums import ClientAuth, JournalKind, Scope
from accounts.journal import current, done
from accounts.middleware import place_of
from accounts.oauth import clients
from accounts.oauth.server import METHODS, SAID, SERVER, Asked

_FORM: Final = "application/x-www-form-urlencoded"
#: Wrong proofs of one program from one place. A secret cannot be guessed: this keeps noise out of the journal.
TRIES: Final = tries.Limit("client", 10, timedelta(minutes=15))
_LONGEST_NAME: Final = 64


def _program(view: Callable[[HttpRequest], HttpResponse]) -> Any:
    """What the addresses of programs share: a form, read strictly; wrong proofs counted, told and made to wait."""

    @csrf_exempt
    @login_not_required
    @require_POST
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        asked = _asked(request)
        subject = f"{place_of(request)}|{_named(asked)}"
        if tries.must_wait(TRIES, subject):
            waiting = JsonResponse({"error": "slow_down", "error_description": SAID["slow_down"]}, status=429)
            waiting["Retry-After"] = str(int(TRIES.wait.total_seconds()))
            return waiting
        if _malformed(request):
            return SERVER.handle_error_response(asked, InvalidRequestError())
        with transaction.atomic():
            response = view(request)
        if response.status_code == 401:
            tries.count(TRIES, subject)
            if current().client_id:
                done(JournalKind.SESSION, "jeton refusé")
        elif response.status_code == 200:
            tries.forget(TRIES, subject)
        response["Cache-Control"] = "no-store"
        return response

    return answer


def _asked(request: HttpRequest) -> Asked:
    return Asked(request)


def _named(asked: Asked) -> str:
    """Whom the request says that it is: to count its tries, and nothing else."""
    try:
        name, _ = extract_basic_authorization(asked.headers)
    except ValueError:
        name = ""
    return str(name or asked.form.get("client_id", ""))[:_LONGEST_NAME]


def _malformed(request: HttpRequest) -> bool:
    """A field twice, or in the address (where logs keep it), another format, or two proofs (RFC 6749 §2.3, §3.2)."""
    authorization = request.headers.get("Authorization", "")
    try:
        basic, _ = extract_basic_authorization(request.headers)
    except ValueError:
        return True
    form = request.POST
    return (
        bool(request.GET)
        or (request.content_type != _FORM and bool(request.body))
        or any(len(values) != 1 or "\0" in values[0] for _, values in form.lists())
        or (bool(authorization) and "client_assertion" in form)
        or (basic is not None and form.get("client_id", basic) != basic)
    )


@_program
def token(request: HttpRequest) -> HttpResponse:
    """RFC 6749 §4.4: an access token of some minutes."""
    response: HttpResponse = SERVER.create_token_response(request)
    return response


@_program
def revoke(request: HttpRequest) -> HttpResponse:
    """RFC 7009: a token ends at once."""
    response: HttpResponse = SERVER.create_endpoint_response("revocation", request)
    return response


@_program
def secret(request: HttpRequest) -> HttpResponse:
    """A program asks for its next secret, by the one it has: a token, which is stolen more easily, cannot.

    `replace=true`: the answer to the demand before was lost; the secret that it held and that never served gives its place.
    """
    asked = _asked(request)
    try:
        client: clients.OAuthClient = SERVER.authenticate_client(asked, [ClientAuth.SECRET.value])
    except OAuth2Error:
        return SERVER.handle_error_response(asked, InvalidClientError(status_code=401))
    try:
        made = client_secrets.rotate(client.row, replace_unused=request.POST.get("replace") == "true")
    except client_secrets.RotationUnderWay as under_way:
        body = {
            "error": "rotation_under_way",
            "error_description": "Deux secrets sont valables. Aucun autre n'est fourni avant la fin du plus ancien.",
            "until": under_way.until.isoformat(),
        }
        return JsonResponse(body, status=409)
    done(JournalKind.SESSION, "secret renouvelé")
    return JsonResponse(
        {
            "client_id": str(client.row.client_id),
            "client_secret": made.secret,
            "client_secret_expires_at": int(made.expires_at.timestamp()),
            "previous_until": made.previous_until.isoformat() if made.previous_until else None,
        }
    )


@login_not_required
@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    """RFC 8414: what a program's library reads to find the rest. The same for everybody."""
    us = settings.PUBLIC_URL
    return JsonResponse(
        {
            "issuer": us,
            "token_endpoint": f"{us}/api/oauth/token",
            "revocation_endpoint": f"{us}/api/oauth/revoke",
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": list(Scope.values),
            "token_endpoint_auth_methods_supported": METHODS,
            "token_endpoint_auth_signing_alg_values_supported": list(clients.ALGORITHMS),
            "revocation_endpoint_auth_methods_supported": METHODS,
            "revocation_endpoint_auth_signing_alg_values_supported": list(clients.ALGORITHMS),
            "tls_client_certificate_bound_access_tokens": True,
            "service_documentation": f"{us}/api/",
        }
    )
