"""Who asks for a token, and how it proves itself: by its one method, whatever else it shows."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from cryptography import x509
from django.conf import settings
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from accounts import client_secrets
from accounts.enums import ClientAuth
from accounts.models import ApiClient, UsedAssertion
from accounts.oauth import certificates
from gap.crypto import blind_index

#: Asymmetric ones of RFC 7518 that FAPI 2 takes, and RS256, which RFC 7523 requires.
ALGORITHMS: Final = ("ES256", "PS256", "RS256")
#: How far in the future a signed proof may end, in seconds: it is remembered until then.
ASSERTION_S: Final = 300
_LEEWAY_S: Final = 30


class OAuthClient(ClientMixin):  # type: ignore[misc]
    """An ApiClient, as the library asks of it."""

    def __init__(self, row: ApiClient) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return str(self.row.client_id)

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What is asked, when all of it is granted; all that is granted when nothing is asked. None: too much."""
        asked = (scope or "").split() or self.row.scopes
        return " ".join(dict.fromkeys(asked)) if set(asked) <= set(self.row.scopes) else None

    def check_client_secret(self, client_secret: str) -> bool:
        return self.row.auth_method == ClientAuth.SECRET and client_secrets.check(self.row, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return bool(self.row.auth_method == method)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


def query_client(client_id: str) -> OAuthClient | None:
    """The client in service of this identifier. Ended meanwhile, its tokens open nothing: they ask for it again."""
    try:
        wanted = uuid.UUID(client_id)
    except (ValueError, TypeError, AttributeError):
        return None
    row = ApiClient.objects.select_related("establishment").filter(client_id=wanted, active=True).first()
    return OAuthClient(row) if row else None


def by_certificate(query: Any, request: Any) -> OAuthClient | None:
    """`tls_client_auth`: the registered subject, vouched for by an authority of ours (RFC 8705 §2.1)."""
    client = _named(query, request, ClientAuth.CERTIFICATE)
    certificate: x509.Certificate | None = request.certificate
    if client is None or certificate is None or not client.row.certificate_subject:
        return None
    same = certificates.subject(certificate) == client.row.certificate_subject
    return client if same and certificates.is_trusted(certificate) else None


def by_own_certificate(query: Any, request: Any) -> OAuthClient | None:
    """`self_signed_tls_client_auth`: a certificate that was registered, whoever signed it (RFC 8705 §2.2)."""
    client = _named(query, request, ClientAuth.OWN_CERTIFICATE)
    certificate: x509.Certificate | None = request.certificate
    if client is None or certificate is None or not certificates.is_current(certificate):
        return None
    return client if certificates.digest(certificate) in client.row.certificate_digests else None


def _named(query: Any, request: Any, method: ClientAuth) -> OAuthClient | None:
    if request.certificate is None:
        return None
    client: OAuthClient | None = query(request.form.get("client_id", ""))
    return client if client is not None and client.row.auth_method == method else None


class SignedProof(JWTBearerClientAssertion):  # type: ignore[misc]
    """`private_key_jwt` (RFC 7523 §3): signed by a key whose public half is registered, short, and taken once."""

    CLIENT_AUTH_METHOD = ClientAuth.PRIVATE_KEY.value

    def __init__(self) -> None:
        super().__init__(leeway=_LEEWAY_S)

    def get_audiences(self) -> list[str]:
        # Ourselves, by the name of the metadata; or the address of the tokens, which most programs still write.
        return [settings.PUBLIC_URL, f"{settings.PUBLIC_URL}/api/oauth/token"]

    def resolve_client_public_key(self, client: OAuthClient) -> jwk.KeySet:
        if client.row.auth_method != ClientAuth.PRIVATE_KEY or not client.row.public_keys:
            raise InvalidClientError()
        return jwk.KeySet.import_key_set(client.row.public_keys)

    def process_assertion_claims(self, assertion: str, resolve_key: jwk.KeySet) -> Any:
        """The claims, once a registered key has verified them. Raises InvalidClientError."""
        name = jws.extract_compact(assertion.encode()).headers().get("kid")
        for key in resolve_key.keys:
            if name and key.kid and name != key.kid:
                continue
            try:
                claims = jwt.decode(assertion, key, algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError):
                continue
            self.verify_claims(claims)
            return claims
        raise InvalidClientError()

    def verify_claims(self, claims: Any) -> None:
        ends, latest = claims.get("exp"), time.time() + ASSERTION_S + _LEEWAY_S
        # Written so that a NaN, which compares to nothing, is refused.
        if not isinstance(ends, int | float) or not 0 <= ends <= latest:
            raise InvalidClientError()
        super().verify_claims(claims)

    def validate_jti(self, claims: Any, jti: Any) -> bool:
        """Whether it is the first time. In the database: what must be refused survives a Redis that is emptied."""
        if not isinstance(jti, str) or not jti:
            return False
        client = ApiClient.objects.get(client_id=claims["sub"])
        ends = datetime.fromtimestamp(claims["exp"] + 2 * _LEEWAY_S, UTC)
        _, first = UsedAssertion.objects.get_or_create(
            client=client, digest=blind_index(jti, "accounts.assertion"), defaults={"expires_at": ends}
        )
        return first
