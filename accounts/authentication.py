"""Programs that connect: bearer token (RFC 6750), scopes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import tokens
from accounts.enums import JournalKind, Scope
from accounts.journal import current, done
from accounts.models import ApiClient
from accounts.oauth import certificates
from accounts.tokens import Grant

_SAYS = (
    "Jeton d’accès de quelques minutes (RFC 6749, client_credentials), demandé avec un secret, une signature "
    "(private_key_jwt) ou un certificat (RFC 8705) ; un jeton demandé avec un certificat ne vaut qu’avec lui. Le reste est "
    "dans `/.well-known/oauth-authorization-server`."
).replace(" ;", "\u00a0;")
# Precise enough to see that a client is alive, without a write a request.
_USE_NOTED_EVERY = timedelta(minutes=5)


class ClientTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`: an access token, or until its end the fixed token of a program of before."""

    def authenticate(self, request: Request) -> tuple[ApiClient, Grant] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("L’en-tête Authorization est mal formé.")
        text = parts[1].decode("latin-1")
        found = _granted(request, text) if text.startswith(tokens.PREFIX) else _fixed(text)
        if found is None:
            raise AuthenticationFailed("Ce jeton n’est pas, ou plus, reconnu.")
        client, grant = found
        client.scopes_now = grant.scopes
        unit = current()
        unit.client_id, unit.establishment_id = client.pk, client.establishment_id
        _note_use(client, grant)
        return found

    def authenticate_header(self, request: Request) -> str:
        given = get_authorization_header(request)[:7].lower() == b"bearer "
        return 'Bearer error="invalid_token"' if given else "Bearer"


def _granted(request: Request, text: str) -> tuple[ApiClient, Grant] | None:
    """By an access token. One that is bound to a certificate comes with it (RFC 8705 §3), or is stolen."""
    token = tokens.alive(text)
    if token is None:
        return None
    if token.certificate:
        shown = certificates.presented(request._request)
        if shown is None or certificates.digest(shown) != token.certificate:
            current().client_id = token.client_id
            return None
    return token.client, Grant(frozenset(token.scopes) & frozenset(token.client.scopes))


def _fixed(text: str) -> tuple[ApiClient, Grant] | None:
    client = (
        ApiClient.objects.select_related("establishment")
        .filter(token_digest=ApiClient.digest(text), token_until__gt=timezone.now(), active=True)
        .first()
    )
    return (client, Grant(frozenset(client.scopes), client.token_until)) if client else None


def _note_use(client: ApiClient, grant: Grant) -> None:
    now = timezone.now()
    if client.last_used_at is None or now - client.last_used_at > _USE_NOTED_EVERY:
        ApiClient.objects.filter(pk=client.pk).update(last_used_at=now)
        if grant.fixed_until:
            done(JournalKind.SESSION, "jeton fixe", detail={"until": grant.fixed_until.isoformat()})


class HasScope(BasePermission):
    """The view names its scopes in `required_scopes`: {"GET": Scope…, "POST": Scope…}. A method not named is refused."""

    message = "Ce client n’a pas la portée nécessaire."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, ApiClient):
            return False
        method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
        scope = getattr(view, "required_scopes", {}).get(method)
        return scope is not None and isinstance(request.auth, Grant) and str(scope) in request.auth.scopes


class ClientTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ClientTokenAuthentication
    # The same token twice: asked for by the program, or given as it is by whoever has one.
    name = ["oauth2", "bearer"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        scopes = dict(Scope.choices)
        return [
            {
                "type": "oauth2",
                "description": _SAYS,
                "flows": {"clientCredentials": {"tokenUrl": "/api/oauth/token", "scopes": scopes}},
            },
            {"type": "http", "scheme": "bearer", "description": "Un jeton que l’on a déjà."},
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        view = auto_schema.view
        scope = getattr(view, "scopes", {}).get(getattr(view, "action", ""))
        return [{"oauth2": [str(scope)] if scope else []}, {"bearer": []}]
