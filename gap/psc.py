"""Settings of Pro Santé Connect. Read by `gap.settings`: nothing of Django that needs them is imported here."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

#: What the ANS gives each service: openid, and everything that it knows of the professional.
SCOPE: Final = "openid scope_all"


def of(env: Any) -> dict[str, Any]:
    """Empty `issuer`: this way of signing in is not there. `hosts`: of the addresses that its discovery document may give;
    the issuer's own is always one of them, and PSC's page stands on another (« wallet »)."""
    issuer = env.str("PSC_ISSUER", default="").rstrip("/")
    return {
        "issuer": issuer,
        # Not where OpenID Connect has it: PSC's own page of people stands in this one (ansforge/keycloak-prosanteconnect).
        "discovery": env.str("PSC_DISCOVERY", default="") or f"{issuer}/.well-known/wallet-openid-configuration",
        # Without them nothing could be told of whom a token is for: the process does not start.
        "client_id": _needed(env.str("PSC_CLIENT_ID", default=""), issuer),
        "client_secret": _needed(env.str("PSC_CLIENT_SECRET", default=""), issuer),
        "hosts": {urlsplit(issuer).hostname, *env.list("PSC_HOSTS", default=[])} - {None},
        # The level of assurance that is asked, and must be answered (eIDAS, « acr »).
        "acr": env.str("PSC_ACR", default="eidas1"),
        # The proof must be so recent (seconds): a session that a colleague left open at PSC opens nothing here.
        "fresh_s": env.int("PSC_FRESH_S", default=300),
        # The authority of its certificates; empty: those of the machine.
        "ca": env.str("PSC_CA", default=""),
    }


def _needed(given: str, issuer: str) -> str:
    """Raises ImproperlyConfigured: an issuer, and not this."""
    if issuer and not given:
        raise ImproperlyConfigured("PSC_ISSUER takes PSC_CLIENT_ID and PSC_CLIENT_SECRET")
    return given
