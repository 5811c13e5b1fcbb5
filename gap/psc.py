"""Settings of Pro Santé Connect. Read by `gap.settings`: nothing of Django is imported here."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

#: What the ANS gives each service: openid, and everything that it knows of the professional.
SCOPE: Final = "openid scope_all"


def of(env: Any) -> dict[str, Any]:
    """Empty `issuer`: this way of signing in is not there. `hosts`: of the addresses that its discovery document may give;
    the issuer's own is always one of them, and PSC's page stands on another (« wallet »)."""
    issuer = env.str("PSC_ISSUER", default="").rstrip("/")
    return {
        "issuer": issuer,
        "client_id": env.str("PSC_CLIENT_ID", default=""),
        "client_secret": env.str("PSC_CLIENT_SECRET", default=""),
        "hosts": {urlsplit(issuer).hostname, *env.list("PSC_HOSTS", default=[])} - {None},
        # The level of assurance that is asked, and must be answered (eIDAS, « acr »).
        "acr": env.str("PSC_ACR", default="eidas1"),
        # The proof must be so recent (seconds): a session that a colleague left open at PSC opens nothing here.
        "fresh_s": env.int("PSC_FRESH_S", default=300),
        # The authority of its certificates; empty: those of the machine.
        "ca": env.str("PSC_CA", default=""),
    }
