"""Programs that connect: bearer token, scopes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.journal import current
from accounts.models import ApiClient

# Precise enough to see that a client is alive, without a write a request.
_USE_NOTED_EVERY = timedelta(minutes=5)


class ClientTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, one token a client, kept as a digest."""

    def authenticate(self, request: Request) -> tuple[ApiClient, str] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("L’en-tête Authorization est mal formé.")
        client = (
            ApiClient.objects.select_related("establishment")
            .filter(token_digest=ApiClient.digest(parts[1].decode("latin-1")), active=True)
            .first()
        )
        if client is None:
            raise AuthenticationFailed("Ce jeton n’est pas, ou plus, reconnu.")
        unit = current()
        unit.client_id, unit.establishment_id = client.pk, client.establishment_id
        now = timezone.now()
        if client.last_used_at is None or now - client.last_used_at > _USE_NOTED_EVERY:
            ApiClient.objects.filter(pk=client.pk).update(last_used_at=now)
        return client, "bearer"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """The view names its scopes in `required_scopes`: {"GET": Scope…, "POST": Scope…}. A method not named is refused."""

    message = "Ce client n’a pas la portée nécessaire."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, ApiClient):
            return False
        method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
        scope = getattr(view, "required_scopes", {}).get(method)
        return scope is not None and str(scope) in request.user.scopes


class ClientTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ClientTokenAuthentication
    name = "jeton"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
