"""Settings of the national services of the Assurance maladie: INSi and CDRi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import environ


def insi(env: environ.Env) -> dict[str, Any]:
    """Where the service is (empty: it is asked nothing), who our software is for it, and whether its matricules of tests
    and demonstrations are refused: they are, unless the environment says that this is no production.
    """
    return {
        "url": env.str("INSI_URL", default=""),
        # The number under which our software is authorised (IDAM).
        "authorisation": env.str("INSI_AUTHORISATION", default=""),
        "production": env.bool("INSI_PRODUCTION", default=True),
    }


def cdri(env: environ.Env) -> dict[str, Any]:
    """Where the service of AMO rights is (empty: it is asked nothing)."""
    return {"url": env.str("CDRI_URL", default="")}


def certificates(env: environ.Env, pki: Callable[[str], str]) -> dict[str, str]:
    """The files of the certificates that these services ask for, by the names of their uses."""
    return {
        "insi_certificate": env.str("INSI_CERTIFICATE", default=str(pki("client-insi.pem"))),
        "insi_key": env.str("INSI_KEY", default=str(pki("client-insi.key.pem"))),
        "cdri_certificate": env.str("CDRI_CERTIFICATE", default=str(pki("client-cdri.pem"))),
        "cdri_key": env.str("CDRI_KEY", default=str(pki("client-cdri.key.pem"))),
    }
