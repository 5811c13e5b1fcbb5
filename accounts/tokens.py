"""Access tokens: given, looked for, ended. A token is read in the database at each request: ended, it opens nothing more."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import ApiClient, ApiToken, UsedAssertion
from gap.crypto import blind_index, blind_indexes

#: Tells an access token from a token of before, and from anything else found in a file.
PREFIX: Final = "gap_at_"
_PURPOSE: Final = "accounts.token"
#: Kept a while after its end: the journal names it.
_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one request may do: the scopes of its token that the client still has.

    `fixed_until`: for a token of before OAuth 2, when it ends; None for an access token.
    """

    scopes: frozenset[str]
    fixed_until: datetime | None = None


def draw() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def keep(token: str, client: ApiClient, scopes: list[str], certificate: str) -> ApiToken:
    """Write a token that was drawn, for ACCESS_TOKEN_S seconds. `certificate`: the digest it is bound to, or empty."""
    now = timezone.now()
    return ApiToken.objects.create(
        client=client,
        digest=blind_index(token, _PURPOSE),
        scopes=scopes,
        issued_at=now,
        expires_at=now + timedelta(seconds=settings.ACCESS_TOKEN_S),
        certificate=certificate,
    )


def find(token: str) -> ApiToken | None:
    """The token, whatever its state, with its client and establishment."""
    found = ApiToken.objects.select_related("client__establishment")
    return found.filter(digest__in=blind_indexes(token, _PURPOSE)).first()


def alive(token: str) -> ApiToken | None:
    """The token if it opens something now: neither ended nor too old, of a client in service."""
    found = find(token)
    if found is None or found.revoked_at is not None or found.expires_at <= timezone.now() or not found.client.active:
        return None
    return found


def end(token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def end_all(client: ApiClient) -> int:
    """End every token of a client, one of before OAuth 2 included. Returns how many access tokens were ended."""
    now = timezone.now()
    ApiClient.objects.filter(pk=client.pk).update(token_digest=None, token_until=None)
    return ApiToken.objects.filter(client=client, revoked_at__isnull=True, expires_at__gt=now).update(revoked_at=now)


def sweep() -> int:
    """Take away what ended long ago. Returns how many tokens."""
    now = timezone.now()
    UsedAssertion.objects.filter(expires_at__lt=now).delete()
    return ApiToken.objects.filter(expires_at__lt=now - _KEPT).delete()[0]
