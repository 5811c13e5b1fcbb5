"""Tokens given to programs and ended by them: Authlib's grant and revocation, over our rows."""

from __future__ import annotations

from typing import Any, Final

from authlib.integrations.django_oauth2.requests import DjangoOAuth2Payload
from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Error
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts import tokens
from accounts.enums import ClientAuth, JournalKind
from accounts.journal import current, done
from accounts.models import ApiClient, ApiToken
from accounts.oauth import certificates, clients

METHODS: Final = [method.value for method in ClientAuth]
#: Sentences for a person. RFC 6749 §5.2 leaves them ASCII alone: these words have no accent.
SAID: Final = {
    "invalid_client": "Ce logiciel n'est pas reconnu. Rien n'est fait. Revoyez son identifiant, puis son secret, "
    "sa signature ou son certificat.",
    "invalid_scope": "Un des scopes voulus n'est pas permis pour ce logiciel. Aucun jeton n'est fourni.",
    "invalid_grant": "Ce jeton n'est pas celui de ce logiciel. Rien n'est fait.",
    "invalid_request": "Cette demande est mal construite. Rien n'est fait. Un formulaire, dans le corps, chaque champ une "
    "fois, une seule preuve.",
    "unsupported_grant_type": "Ce type de demande n'est pas connu ici. Utilisez grant_type=client_credentials.",
    "unsupported_token_type": "Ce type de jeton n'est pas connu ici.",
    "slow_down": "Trop d'essais faux. Rien n'est fait. Attendez le temps de Retry-After, puis recommencez.",
}


class Asked(OAuth2Request):  # type: ignore[misc]
    """One request, as the library reads it, and the certificate that came with it."""

    def __init__(self, request: HttpRequest) -> None:
        # Whether TLS stands before us is SECURE's business, and the redirection's: the library is told that it does.
        super().__init__(str(request.method), f"https://{request.get_host()}{request.path}", headers=request.headers)
        self.payload = DjangoOAuth2Payload(request)
        self.certificate = certificates.presented(request)
        self._request = request

    @property
    def args(self) -> Any:
        return self._request.GET

    @property
    def form(self) -> Any:
        return self._request.POST


class Server(AuthorizationServer):  # type: ignore[misc]
    """Neither its own models nor its own signals: `accounts.models` and the journal."""

    def query_client(self, client_id: str) -> clients.OAuthClient | None:
        found = clients.query_client(client_id)
        if found is not None:
            note(found.row)
        return found

    def save_token(self, token: dict[str, Any], request: Asked) -> None:
        row: ApiClient = request.client.row
        bound = certificates.digest(request.certificate) if request.certificate else ""
        scopes = token.get("scope", "").split()
        made = tokens.keep(token["access_token"], row, scopes, bound)
        told = {"method": row.auth_method, "scopes": scopes, "bound": bool(bound)}
        done(JournalKind.SESSION, "jeton accordé", object_type="accounts_apitoken", object_id=made.pk, detail=told)

    def create_oauth2_request(self, request: HttpRequest) -> Asked:
        return Asked(request)

    def handle_response(self, status: int, body: Any, headers: Any) -> HttpResponse:
        response = JsonResponse(body, status=status)
        for name, value in headers:
            response[name] = value
        return response

    def handle_error_response(self, request: Asked, error: OAuth2Error) -> HttpResponse:
        """One sentence for each error: a wrong secret, a wrong name and a wrong method are told apart to nobody."""
        if isinstance(error, InvalidClientError):
            error.status_code = 401
        error.description = SAID.get(error.error, SAID["invalid_request"])
        return self.handle_response(*error())

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


class Grant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009. A token that is not known is as good as ended."""

    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Held | None:
        found = tokens.find(token_string)
        return _Held(found) if found else None

    def revoke_token(self, token: _Held, request: Asked) -> None:
        tokens.end(token.row)
        done(JournalKind.SESSION, "jeton révoqué", object_type="accounts_apitoken", object_id=token.row.pk)


class _Held:
    def __init__(self, row: ApiToken) -> None:
        self.row = row

    def check_client(self, client: clients.OAuthClient) -> bool:
        return self.row.client_id == client.row.pk


def note(client: ApiClient) -> None:
    """Of the unit under way: on whose behalf, for the journal."""
    unit = current()
    unit.client_id, unit.establishment_id = client.pk, client.establishment_id


def _made() -> Server:
    server = Server()
    server.register_token_generator(
        "default",
        BearerTokenGenerator(lambda **_: tokens.draw(), expires_generator=lambda *_: settings.ACCESS_TOKEN_S),
    )
    server.register_client_auth_method(ClientAuth.PRIVATE_KEY.value, clients.SignedProof())
    server.register_client_auth_method(ClientAuth.CERTIFICATE.value, clients.by_certificate)
    server.register_client_auth_method(ClientAuth.OWN_CERTIFICATE.value, clients.by_own_certificate)
    server.register_grant(Grant)
    server.register_endpoint(Revocation)
    return server


SERVER: Final = _made()
